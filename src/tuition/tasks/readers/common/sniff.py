"""Look at the beginning of one file, for paths whose names do not show their format."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.readers.common.json_text import Cursor

PEEK = 64 << 10
"""At most this many bytes of a file are read to recognise its format."""

_TABLE = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*\{")


def sample(path: Path, ending: str) -> Path | None:
    """Return `path` if it is a file with that ending, or the first such file, by name, if it is a folder.

    In a folder, empty files, hidden files and what is not a regular file are skipped.

    Raises:
        OSError: the folder cannot be listed.
    """
    if path.is_file():
        return path if path.name.endswith(ending) else None
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(ending) and entry.name[0] != ".")
    return next((path / name for name in names if (path / name).is_file() and (path / name).stat().st_size), None)


def keys_at(path: Path, ending: str) -> frozenset[str]:
    """Return the keys of the JSON object that `sample(path)` begins with; see `first_keys`.

    Raises:
        OSError: the folder cannot be listed, or the file cannot be read.
    """
    file = sample(path, ending)
    return frozenset() if file is None else first_keys(beginning(file))


def beginning(file: Path) -> str:
    """Return the text of a file's first `PEEK` bytes; bytes that are not UTF-8 are replaced.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return stream.read(PEEK).removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def begins_as_table(file: Path) -> bool:
    """Whether a file begins like a list of JSON objects.

    Raises:
        OSError: it cannot be read.
    """
    return _TABLE.match(beginning(file)) is not None


def first_is_table(paths: Iterable[Path]) -> bool:
    """Whether the first of these files, in their order, that can be read is a list of objects."""
    for path in paths:
        try:
            if path.is_file():
                return begins_as_table(path)
        except OSError:
            continue
    return False


def first_keys(text: str) -> frozenset[str]:
    """Return the keys of the object that a (possibly truncated) text begins with; none if it begins with another value.

    Examples:
        >>> sorted(first_keys('{"prompt": "Say yes.", "completion": "Ye'))
        ['completion', 'prompt']
    """
    keys: set[str] = set()
    cursor = Cursor(text)
    try:
        if cursor.opens("{"):
            keys.update(cursor.members())
    except (json.JSONDecodeError, RecursionError):
        pass
    return frozenset(keys)


def description(path: Path) -> str:
    """Describe in words how a file begins, for the message that no format fits."""
    try:
        text = beginning(path)
    except OSError as error:
        return f"a file that cannot be read ({error.strerror})"
    if not text.strip():
        return "an empty file" if not text else "a blank file"
    if keys := sorted(first_keys(text)):
        shown = ", ".join(repr(clip(key, 40)) for key in keys[:6]) + (", …" if len(keys) > 6 else "")
        return f"a file that begins with a JSON object with the keys {shown}"
    return f"a file that begins with {clip(text.strip(), 40)!r}"
