"""JSON lines: one value per line, read one line at a time; every bad line is reported with its number."""

from __future__ import annotations

import codecs
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_text import decoder, note_oddities
from tuition.tasks.readers.common.text_file import UTF8_HELP, is_inside, note_bad_byte, note_unreadable

# Eight fields of a million characters. A longer line (a whole JSON file without line breaks, for example) is skipped in
# pieces, so that it costs no memory.
LINE_LIMIT = 8 << 20
_PIECE = 1 << 20
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Line:
    """The location of a line: its number, from 1, and the offset of its first byte."""

    number: int
    offset: int


def read_json_lines(
    file: Path, root: Path, found: Findings, *, exact_numbers: bool = False
) -> Iterator[tuple[int, object]]:
    r"""Yield the number (from 1) and the value of each line of a file within `root`; what is wrong goes to `found`.

    Only `\n` ends a line. Blank lines are skipped with a warning, lines that cannot be decoded with an error.
    `found.line` is the line that was yielded last, so that the caller's findings get its number. At most one line is
    in memory, and none of more than `LINE_LIMIT` bytes. The file's content never raises. See `json_text.decoder` for
    `exact_numbers`.
    """
    walk = walk_json_lines(file, root, found, exact_numbers=exact_numbers)
    return ((line.number, value) for line, value in walk)


def walk_json_lines(
    file: Path, root: Path, found: Findings, start: Line = Line(1, 0), *, exact_numbers: bool = False
) -> Generator[tuple[Line, object], None, None]:
    """Yield like `read_json_lines`, but with each line's offset; begin at `start`, a line that was yielded before."""
    try:
        if not is_inside(file, root, found):
            return
        with file.open("rb") as stream:
            stream.seek(start.offset)
            yield from _values(stream, start, found, exact_numbers)
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
    finally:
        found.line = None


def _values(stream: BinaryIO, start: Line, found: Findings, exact_numbers: bool) -> Iterator[tuple[Line, object]]:
    oddities: list[tuple[str, str]] = []
    decode = decoder(oddities, exact_numbers=exact_numbers)
    for line, text in _lines(stream, start, found):
        begin = len(text) - len(text.lstrip(_SPACE))
        try:
            value, end = decode(text, begin)
            if rest := text[end:].lstrip(_SPACE):
                raise json.JSONDecodeError("Something follows the value", text, len(text) - len(rest))
        except json.JSONDecodeError as fault:
            _note_fault(fault, found)
            oddities.clear()
            continue
        except RecursionError:
            found.error("deep-nesting", "values nested hundreds deep", "a row nests three levels deep")
            oddities.clear()
            continue
        if oddities:
            note_oddities(oddities, found)
        yield line, value


def _lines(stream: BinaryIO, start: Line, found: Findings) -> Iterator[tuple[Line, str]]:
    """Yield the lines that are not blank, with their locations; bytes that are not UTF-8 are reported and replaced."""
    number, offset = start.number, start.offset
    empty = True
    while raw := stream.readline(LINE_LIMIT):
        found.line = number
        size = len(raw)
        if size == LINE_LIMIT and not raw.endswith(b"\n"):
            size += _pass_over(stream)
        if offset == 0 and (mark := _without_mark(raw, found)) is not raw:
            if mark is None:
                return
            raw = mark
        text = _text(raw, size, offset, found)
        if text is not None and not text.strip(_SPACE):
            found.warning("blank-line", "the line is blank; it is skipped", "remove it")
        else:
            empty = False
            if text is not None:
                yield Line(number, offset), text
        number, offset = number + 1, offset + size
    found.line = None
    if empty:
        found.error("empty-file", "the file is empty", "it must contain one JSON value per line", line=1)


def _without_mark(raw: bytes, found: Findings) -> bytes | None:
    """Return a file's first line with spaces in place of a byte order mark; None if the file is in UTF-16."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found.error("not-utf8", "the file is in UTF-16", UTF8_HELP)
        return None
    if raw.startswith(codecs.BOM_UTF8):
        found.error("byte-order-mark", "it starts with a byte order mark", "save the file as UTF-8 without")
        return b"   " + raw[len(codecs.BOM_UTF8) :]
    return raw


def _pass_over(stream: BinaryIO) -> int:
    size = 0
    while piece := stream.readline(_PIECE):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def _text(raw: bytes, size: int, offset: int, found: Findings) -> str | None:
    if size > LINE_LIMIT:
        message = f"the line has {size:,} bytes"
        found.error("line-too-long", message, f"a line contains one row and may have {LINE_LIMIT:,} bytes")
        return None
    if (nul := raw.find(0)) >= 0:
        found.error("nul-byte", f"a NUL byte at offset {offset + nul}: this is not a text file", UTF8_HELP)
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        note_bad_byte(raw[error.start], offset + error.start, found.line or 1, found)
        return raw.decode("utf-8", "replace")


def _note_fault(fault: json.JSONDecodeError, found: Findings) -> None:
    # The most common fault has its own kind: a file that ends inside its last line after a broken transfer.
    open_ended = fault.msg.startswith("Unterminated string") or fault.pos >= len(fault.doc.rstrip(_SPACE))
    if open_ended and not fault.doc.endswith("\n"):
        message = f"the JSON is truncated: the file ends inside what begins at column {fault.colno}"
        found.error("truncated-json", message, "get the whole file again")
        return
    message = f"broken JSON at column {fault.colno}: {fault.msg[0].lower()}{fault.msg[1:]}"
    found.error("broken-json", message, "each line must be one complete JSON value")
