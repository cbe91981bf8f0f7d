"""Readers: a file for each format that collections come in, found by what their paths look like."""

from __future__ import annotations

import stat
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.base.registry import Registry
from tuition.tasks.collection import Collection
from tuition.tasks.readers.findings import Finding
from tuition.tasks.readers.reader import Reader

READERS: Registry[Reader] = Registry("format")
READERS.add("superni", "tuition.tasks.readers.superni:READER")


def find_reader(path: Path, format: str | None = None) -> Reader:  # noqa: A002 - the word that users know
    """Return the reader of that format, or the first that recognises `path` by its names.

    Raises:
        ProblemsError: there is nothing at `path`, or nothing that a reader knows.
        UserError: no format has that name.
    """
    _require_something(path)
    if format is not None:
        return READERS[format]
    readers = [READERS[name] for name in READERS]
    try:
        for reader in readers:
            if reader.recognises(path):
                return reader
    except OSError as error:
        raise _refusal(
            path, "unreadable-folder", f"it cannot be listed ({error.strerror})", "check its rights"
        ) from error
    expected = "; ".join(f"{reader.expects} ({reader.name})" for reader in readers)
    raise _refusal(path, "no-tasks", "there are no tasks in it", f"expected {expected}")


def open_collection(path: Path, format: str | None = None) -> Collection:  # noqa: A002
    """Open the tasks at `path`, reading their names only.

    Args:
        path: a file or folder in one of the formats of `READERS`.
        format: the format's name; by default it is told from the names at `path`.

    Raises:
        ProblemsError: there is nothing at `path`, it has no tasks, or its names or lists of splits cannot be used.
        UserError: no format has that name.
    """
    return find_reader(path, format).open(path)


def _require_something(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise _refusal(path, "no-such-path", f"it cannot be found ({reason})", "give a file or folder") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refusal(path, "no-such-path", "it is neither a file nor a folder", "give a file or folder")


def _refusal(path: Path, kind: str, found: str, expected: str) -> ProblemsError:
    return ProblemsError([Finding(kind, found, expected, path)])
