"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuition.base.errors import UserError

_PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it takes `path`'s place.

    The block may make a file or a folder there. If it fails, what it made is removed and `path` is as before.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{path.name}-", dir=path.parent))
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); choose a folder that can be") from error
    made = holder / path.name
    try:
        yield made
        _sync(made)
        if made.is_dir() and path.is_dir():
            shutil.rmtree(path)
        os.replace(made, path)
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror or error}); nothing was left there") from error
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as made:
        made.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def _sync(path: Path) -> None:
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
