r"""Comma-, semicolon- and tab-separated values; every cell is kept as text.

Only `\n` ends a row (a `\r` before it belongs to the row's end), since real texts contain bare carriage returns.
Cells are not interpreted: `NA`, `null`, `007` and `1.0` are text, and an empty cell is an empty text.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import LINE_LIMIT
from tuition.tasks.readers.common.text_file import UTF8_HELP, is_inside, note_bad_byte, note_unreadable

_PIECE = 1 << 20
_NAMED_DELIMITER = re.compile(r'"?sep=([^"\s\w\ud800]|\t)"?\r?\n?', re.IGNORECASE)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# The csv module would end a row at a bare carriage return. A lone surrogate cannot result from decoding UTF-8, so it
# replaces the carriage return until the row is split.
_RETURN = "\ud800"
_QUOTES = 'a cell with the delimiter, a quote or a line break in it must be quoted, and its own quotes doubled ("")'


def csv_columns(file: Path, root: Path, found: Findings) -> tuple[str, ...] | None:
    """Return the names in the first line of a file within `root`; None, with the reasons in `found`, if unusable."""
    return next(_records(file, root, found), (0, None))[1]


def csv_rows(file: Path, root: Path, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Yield the line (from 1) at which each row begins, and its cells by column; what is wrong goes to `found`.

    `found.line` is the line that was yielded last. At most one row is in memory, and none of more than `LINE_LIMIT`
    bytes. The file's content never raises.
    """
    records = _records(file, root, found)
    columns = next(records, (0, None))[1]
    for line, cells in records if columns else ():
        if len(cells) != len(columns or ()):
            message = f"{len(cells)} cell{'s' if len(cells) != 1 else ''} where the first line has {len(columns or ())}"
            found.error("ragged-row", message, f"give each row the same number; {_QUOTES}")
        else:
            yield line, dict(zip(columns or (), cells, strict=True))


def _records(file: Path, root: Path, found: Findings) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the header, if it can be used, and then each row, with the lines at which they begin."""
    try:
        if not is_inside(file, root, found):
            return
        # The csv module's limit is global and 128 KiB per cell; it is only ever raised here.
        csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT + 1))
        with file.open("rb") as stream:
            yield from _split_rows(stream, file, found)
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
    finally:
        found.line = None


def _split_rows(stream: BinaryIO, file: Path, found: Findings) -> Iterator[tuple[int, tuple[str, ...]]]:
    lines = _Lines(stream, found)
    first = next(lines, None)
    if first is None:
        if not found.failed:
            found.error("empty-file", "the file is empty", "its first line names the columns", line=1)
        return
    if (named := _NAMED_DELIMITER.fullmatch(first)) is not None:  # a line that Excel writes, not part of the table
        delimiter = named[1]
        _note_delimiter(delimiter, "states", found)
    else:
        delimiter = "\t" if file.suffix.lower() == ".tsv" else _delimiter(first, found)
        lines.push_back(first)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = True
    while (cells := _next(reader, lines, found, header=header)) is not None:
        found.line = lines.start
        if header:
            if not _is_header(cells, found):
                return
            header = False
        if cells:
            yield lines.start, tuple(cells)
        elif not lines.skipped:
            found.warning("blank-line", "the line is blank; it is skipped", "remove it")
    if header and not found.failed:
        found.error("no-header", "nothing follows the line that names the delimiter", "add a line with the columns")


def _next(reader: Iterator[list[str]], lines: _Lines, found: Findings, *, header: bool) -> list[str] | None:
    """Return the cells of the next row that can be split; None at the end, or if the rest cannot be read."""
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except _EndlessError:
            message = f"a row of more than {LINE_LIMIT:,} bytes begins here"
            found.error("unclosed-quote", message, _CLOSE, line=lines.start)
            return None
        except csv.Error as fault:
            _note_fault(str(fault), lines.start, found)
            if header:  # without the columns the rest cannot be read
                return None
        else:
            return [cell.replace(_RETURN, "\r") for cell in cells] if lines.returns else cells


_CLOSE = "close its quote; the rows after it were not read"


class _EndlessError(Exception):
    """A row has more bytes than allowed."""


class _Lines:
    """The lines of a file for the csv module: decoded, numbered, and limited in size."""

    def __init__(self, stream: BinaryIO, found: Findings) -> None:
        self._stream = stream
        self._found = found
        self._waiting: str | None = None
        self._number = self._offset = self._size = 0
        self.start = 1
        self.returns = self.skipped = False

    def begin(self) -> None:
        """Start a new row at the next line."""
        self.start = self._number + (0 if self._waiting is not None else 1)
        self._size = 0
        self.returns = self.returns and self._waiting is not None
        self.skipped = False

    def push_back(self, line: str) -> None:
        """Return this line (the first) again as the next one."""
        self._waiting = line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._waiting is not None:
            line, self._waiting = self._waiting, None
            return line
        raw = self._stream.readline(LINE_LIMIT)
        if not raw:
            raise StopIteration
        self._number += 1
        offset, self._offset = self._offset, self._offset + len(raw)
        self._size += len(raw)
        if len(raw) == LINE_LIMIT and not raw.endswith(b"\n"):
            return self._pass_over(len(raw))
        if self._size > LINE_LIMIT:
            raise _EndlessError
        if offset == 0:
            if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                self._found.error(
                    "not-utf8", "the file is in UTF-16", f"{UTF8_HELP} ('CSV UTF-8' in a spreadsheet)", line=1
                )
                raise StopIteration
            raw = raw.removeprefix(codecs.BOM_UTF8)  # spreadsheet programs write one; it has no meaning
        if (nul := raw.find(0)) >= 0:
            zipped = self._number == 1 and raw.startswith(b"PK")
            what = "a zipped file (a spreadsheet?)" if zipped else "not a text file"
            message = f"a NUL byte at offset {offset + nul}: this is {what}"
            self._found.error("nul-byte", message, "save the table as CSV in UTF-8", line=self._number)
            raise StopIteration
        return self._text(raw, offset)

    def _text(self, raw: bytes, offset: int) -> str:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            note_bad_byte(raw[error.start], offset + error.start, self._number, self._found)
            text = raw.decode("utf-8", "replace")
        if "\r" in text:
            body = text.removesuffix("\r\n")
            if "\r" in body:
                self.returns = True
                text = body.replace("\r", _RETURN) + text[len(body) :]
        return text

    def _pass_over(self, size: int) -> str:
        while piece := self._stream.readline(_PIECE):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        self._offset += size - LINE_LIMIT
        self._size = 0
        self.skipped = True
        expected = f"a line may have {LINE_LIMIT:,} bytes; look for missing line breaks"
        self._found.error("line-too-long", f"the line has {size:,} bytes", expected, line=self._number)
        return "\n"


def _delimiter(line: str, found: Findings) -> str:
    """Return a header's delimiter: the most frequent of the three outside quotes; a comma if none occurs."""
    outside = Counter("".join(line.split('"')[::2]))
    best = max(_DELIMITERS, key=lambda delimiter: outside[delimiter])
    if not outside[best]:
        return ","
    _note_delimiter(best, "shows", found)
    return best


def _note_delimiter(delimiter: str, verb: str, found: Findings) -> None:
    if delimiter != ",":
        message = f"the cells are separated by {_DELIMITERS.get(delimiter, repr(delimiter))}, as its first line {verb}"
        found.warning("other-delimiter", message, "ignore this if it is right", line=1)


def _is_header(cells: list[str], found: Findings) -> bool:
    if not any(cell.strip() for cell in cells):
        found.error("no-header", "the first line is blank", "the first line names the columns")
        return False
    if any("\r" in cell for cell in cells):
        found.error("no-line-feeds", "the first line has carriage returns without line feeds",
                    "rows end at line feeds; save the file with Unix or Windows line ends")  # fmt: skip
        return False
    valid = True
    for number, name in enumerate(cells, start=1):
        if not name.strip():
            found.error("empty-column-name", f"column {number} of {len(cells)} has no name", "name it, or remove it")
            valid = False
    for name, count in Counter(cells).items():
        if count > 1 and name.strip():
            found.error("duplicate-column", f"{count} columns are named {clip(name, 60)!r}", "give each its own name")
            valid = False
    return valid


def _note_fault(fault: str, line: int, found: Findings) -> None:
    if fault == "unexpected end of data":
        message = "the row beginning here opens a quote that is never closed"
        found.error("unclosed-quote", message, f"close it; {_QUOTES}", line=line)
    else:
        found.error("broken-csv", f"the row beginning here cannot be split ({clip(fault)})", _QUOTES, line=line)
