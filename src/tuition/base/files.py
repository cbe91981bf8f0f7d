"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from tuition.base.errors import UserError

_PARTIAL = ".partial-"
_LOCK = ".lock"
_SECONDS_TO_LOCK = 60
"""How long a process may take from making its folder to locking it."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it takes `path`'s place.

    The block may make a file or a folder there. If it fails, what it made is removed and `path` is as before; what a
    killed process left of the same path is removed here too.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(path)
        holder = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{path.name}-", dir=path.parent))
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); choose a folder that can be") from error
    made = holder / path.name
    lock = filelock.FileLock(holder / _LOCK)
    try:
        # Where locks are not to be had, what a killed process leaves stays; writing goes on all the same.
        with suppress(OSError, NotImplementedError):
            lock.acquire(timeout=0)
        yield made
        _sync(made)
        if made.is_dir() and path.is_dir():
            shutil.rmtree(path)
        os.replace(made, path)
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror or error}); nothing was left there") from error
    finally:
        lock.release()
        shutil.rmtree(holder, ignore_errors=True)


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as made:
        made.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def _remove_left_over(path: Path) -> None:
    """Remove what processes that are gone have left of `path`; those at work hold a lock."""
    for holder in path.parent.glob(f"{_PARTIAL}{glob.escape(path.name)}-*"):
        try:
            if time.time() - holder.stat().st_mtime < _SECONDS_TO_LOCK:
                continue
            with filelock.FileLock(holder / _LOCK, timeout=0):
                pass
        except (OSError, NotImplementedError, filelock.Timeout):
            continue
        shutil.rmtree(holder, ignore_errors=True)


def _sync(path: Path) -> None:
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
