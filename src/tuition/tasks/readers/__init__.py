"""Readers: one module per format of a collection, chosen by what the path looks like."""

from __future__ import annotations

import stat
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.base.registry import Registry
from tuition.tasks.collection import Collection
from tuition.tasks.readers.common.findings import Finding
from tuition.tasks.readers.common.sniff import description
from tuition.tasks.readers.reader import Reader
from tuition.tasks.readers.table.card_files import has_card
from tuition.tasks.readers.table.unsupported import Remedy, remedy_for

READERS: Registry[Reader] = Registry("format", plugins="tuition.readers")
READERS.add("superni", "tuition.tasks.readers.superni.reader:READER")
READERS.add("ni_v1", "tuition.tasks.readers.ni_v1:READER")
READERS.add("instruction_induction", "tuition.tasks.readers.instruction_induction:READER")
READERS.add("seed_tasks", "tuition.tasks.readers.seed_tasks:READER")
READERS.add("prompted", "tuition.tasks.readers.prompted:READER")
READERS.add("jsonl", "tuition.tasks.readers.tuition_jsonl:READER")
READERS.add("flan", "tuition.tasks.readers.flan.reader:READER")
READERS.add("promptsource", "tuition.tasks.readers.promptsource.reader:READER")
READERS.add("table", "tuition.tasks.readers.table.reader:READER")

_GENERAL = "table"


def find_reader(path: Path, format: str | None = None) -> Reader:  # noqa: A002 - the word that users know
    """Return the reader of that format, or the one that recognises `path`.

    The reader of tables, which accepts any file with columns, is tried only if no other reader recognises the path.

    Raises:
        ProblemsError: nothing is at `path`, or no reader recognises it, or several readers do.
        UserError: no format has that name.
    """
    _require_something(path)
    if format is not None:
        return READERS[format]
    try:
        if has_card(path):  # the user has described the table
            return READERS[_GENERAL]
        claims = [name for name in READERS if name != _GENERAL and READERS[name].recognises(path)]
        if not claims and _GENERAL in READERS and READERS[_GENERAL].recognises(path):
            return READERS[_GENERAL]
    except OSError as error:
        raise _refusal(
            path, "unreadable-path", f"it cannot be read ({error.strerror})", "check its permissions"
        ) from error
    if len(claims) == 1:
        return READERS[claims[0]]
    if claims:
        found = f"it could be of {len(claims)} formats: {', '.join(claims)}"
        raise _refusal(path, "ambiguous-format", found, f"name one of them, such as --format {claims[0]}")
    if (remedy := _remedy(path)) is not None:
        found = f"there are no tasks in it: {remedy.what if path.is_dir() else f'it is {remedy.what}'}"
        raise _refusal(path, "unreadable-form", found, remedy.advice)
    expected = "; ".join(f"{READERS[name].expects} ({name})" for name in READERS)
    found = "there are no tasks in it" if path.is_dir() else f"there are no tasks in it: it is {description(path)}"
    raise _refusal(path, "no-tasks", found, f"expected {expected}; --format overrides what a path looks like")


def _remedy(path: Path) -> Remedy | None:
    try:
        return remedy_for(path)
    except OSError:
        return None  # `description` reports why it cannot be read


def open_collection(path: Path, format: str | None = None) -> Collection:  # noqa: A002
    """Open the tasks at `path`, reading their names only.

    Args:
        path: a file or folder in one of the formats of `READERS`.
        format: the format's name; by default it is guessed from the names at `path` and the beginning of one file.

    Raises:
        ProblemsError: there is nothing at `path`, it has no tasks, or its names or lists of splits cannot be used.
        UserError: no format has that name.
    """
    return find_reader(path, format).open(path)


def _require_something(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else "it is not a path"
        raise _refusal(path, "no-such-path", f"it cannot be found ({reason})", "give a file or folder") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refusal(path, "no-such-path", "it is neither a file nor a folder", "give a file or folder")


def _refusal(path: Path, kind: str, found: str, expected: str) -> ProblemsError:
    return ProblemsError([Finding(kind, found, expected, path)])
