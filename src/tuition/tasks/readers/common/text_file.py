"""A collection's files as bytes and text: regular files inside its folder, in UTF-8, and nothing else."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings

UTF8_HELP = "save the file as UTF-8"
_COPY = "put the file itself there (cp -L copies what links lead to), or give the folder that it leads to"


def read_bytes(file: Path, root: Path, found: Findings) -> bytes | None:
    """Return the bytes of a file within `root` (or `root` itself); None, with the reason in `found`, on failure."""
    try:
        return file.read_bytes() if is_inside(file, root, found) else None
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
        return None


def is_inside(file: Path, root: Path, found: Findings) -> bool:
    """Whether `file` is a regular file within `root`, or `root` itself; if not, the reason goes to `found`.

    Raises:
        OSError: its status cannot be read.
        RuntimeError: its links form a loop (before Python 3.13).
    """
    if not file.resolve(strict=True).is_relative_to(root.resolve()):
        found.error("outside-link", "it is a link that leads out of the collection", _COPY)
        return False
    if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait forever
        found.error("unreadable-file", "it is not a regular file", "replace it with a text file")
        return False
    return True


def note_unreadable(error: OSError | RuntimeError, found: Findings) -> None:
    """Record that the system refused to open or read a file, and why."""
    reason = error.strerror if isinstance(error, OSError) else "its links form a loop"
    found.error("unreadable-file", f"it cannot be read ({reason})", "check that it exists, and its permissions")


def read_text(file: Path, root: Path, found: Findings) -> str | None:
    """Return the text of a file within `root`, or None if it cannot be read; what is wrong goes to `found`.

    Bytes that are not UTF-8 are reported (the first of each line) and replaced, so that the rest can still be checked.
    """
    data = read_bytes(file, root, found)
    if data is None:
        return None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found.error("not-utf8", "the file is in UTF-16", UTF8_HELP, line=1)
        return None
    if data.startswith(codecs.BOM_UTF8):
        found.error("byte-order-mark", "it starts with a byte order mark", "save the file as UTF-8 without", line=1)
        # Spaces of the same length replace it, so that offsets stay those of the file.
        data = b"   " + data[len(codecs.BOM_UTF8) :]
    if (offset := data.find(0)) >= 0:
        line = data.count(b"\n", 0, offset) + 1
        found.error("nul-byte", f"a NUL byte at offset {offset}: this is not a text file", UTF8_HELP, line=line)
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        _note_bad_bytes(data, found)
        return data.decode("utf-8", "replace")


def _note_bad_bytes(data: bytes, found: Findings) -> None:
    offset = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            note_bad_byte(line[error.start], offset + error.start, number, found)
        offset += len(line) + 1


def note_bad_byte(byte: int, offset: int, line: int, found: Findings) -> None:
    """Record a byte that is not UTF-8, its offset in the file, and what it would be in Latin-1."""
    message = f"byte 0x{byte:02X} at offset {offset} is not UTF-8"
    found.error("not-utf8", f"{message} (in Latin-1: {clip(chr(byte))!r})", UTF8_HELP, line=line)
