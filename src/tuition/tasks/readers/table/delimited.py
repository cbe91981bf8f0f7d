r"""Comma-, semicolon- and tab-separated values, every cell as the text that it is.

Rows end at `\n` alone (a `\r` before it belongs to the end), since bare carriage returns live inside real texts.
Nothing is guessed about a cell: `NA`, `null`, `007` and `1.0` are text, and an empty cell is an empty text.
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
# The csv module would end a row at a bare carriage return. Half a character cannot come out of UTF-8, so it can stand
# for one until the row is divided.
_RETURN = "\ud800"
_QUOTES = 'a cell with the delimiter, a quote or a line break in it stands in quotes, its own quotes doubled ("")'


def csv_columns(file: Path, root: Path, found: Findings) -> tuple[str, ...] | None:
    """Return the names in the first line of a file within `root`; None, with the reasons in `found`, if unfit."""
    return next(_records(file, root, found), (0, None))[1]


def csv_rows(file: Path, root: Path, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Yield the line (from 1) at which each row begins, and its cells by column; what is wrong goes to `found`.

    `found.line` is the line that was yielded last. No more than one row is held, and none of more than `LINE_LIMIT`
    bytes. Nothing is raised for what the file holds.
    """
    records = _records(file, root, found)
    columns = next(records, (0, None))[1]
    for line, cells in records if columns else ():
        if len(cells) != len(columns or ()):
            message = f"{len(cells)} cell{'s' if len(cells) != 1 else ''} where the first line has {len(columns or ())}"
            found.error("ragged-row", message, f"give each row as many; {_QUOTES}")
        else:
            yield line, dict(zip(columns or (), cells, strict=True))


def _records(file: Path, root: Path, found: Findings) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the header, if it is fit to be used, and then each row, with the lines at which they begin."""
    try:
        if not is_inside(file, root, found):
            return
        # The module's own limit, the same for the whole program, is 128 KiB a cell; it is only ever loosened.
        csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT + 1))
        with file.open("rb") as stream:
            yield from _divided(stream, file, found)
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
    finally:
        found.line = None


def _divided(stream: BinaryIO, file: Path, found: Findings) -> Iterator[tuple[int, tuple[str, ...]]]:
    lines = _Lines(stream, found)
    first = next(lines, None)
    if first is None:
        if not found.failed:
            found.error("empty-file", "the file is empty", "its first line names the columns", line=1)
        return
    if (named := _NAMED_DELIMITER.fullmatch(first)) is not None:  # Excel's own line, no part of the table
        delimiter = named[1]
        _note_delimiter(delimiter, "names them", found)
    else:
        delimiter = "\t" if file.suffix.lower() == ".tsv" else _delimiter(first, found)
        lines.again(first)
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
            found.warning("blank-line", "the line is blank; it is passed over", "take it out")
    if header and not found.failed:
        found.error("no-header", "nothing follows the line that names the delimiter", "the next line names the columns")


def _next(reader: Iterator[list[str]], lines: _Lines, found: Findings, *, header: bool) -> list[str] | None:
    """Return the cells of the next row that can be divided; None at the end, or where no more can be told."""
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
            if header:  # without the columns nothing can be said of the rest
                return None
        else:
            return [cell.replace(_RETURN, "\r") for cell in cells] if lines.returns else cells


_CLOSE = "close its quote; the rows after it were not read"


class _EndlessError(Exception):
    """A row has grown beyond what a row may have."""


class _Lines:
    """The lines of a file for the csv module: decoded, counted, and bounded."""

    def __init__(self, stream: BinaryIO, found: Findings) -> None:
        self._stream = stream
        self._found = found
        self._waiting: str | None = None
        self._number = self._offset = self._size = 0
        self.start = 1
        self.returns = self.skipped = False

    def begin(self) -> None:
        """A new row begins at the next line."""
        self.start = self._number + (0 if self._waiting is not None else 1)
        self._size = 0
        self.returns = self.returns and self._waiting is not None
        self.skipped = False

    def again(self, line: str) -> None:
        """Give this line, the first, once more."""
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
            raw = raw.removeprefix(codecs.BOM_UTF8)  # spreadsheets put one there, and it means nothing
        if (nul := raw.find(0)) >= 0:
            what = "a zipped file (a spreadsheet?)" if self._number == 1 and raw.startswith(b"PK") else "no text file"
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
        expected = f"a line may have {LINE_LIMIT:,} bytes; look for line breaks that were lost"
        self._found.error("line-too-long", f"the line has {size:,} bytes", expected, line=self._number)
        return "\n"


def _delimiter(line: str, found: Findings) -> str:
    """Return what divides a header's cells: the commonest of the three outside quotes, a comma where none stands."""
    outside = Counter("".join(line.split('"')[::2]))
    best = max(_DELIMITERS, key=lambda sign: outside[sign])
    if not outside[best]:
        return ","
    _note_delimiter(best, "shows", found)
    return best


def _note_delimiter(sign: str, told: str, found: Findings) -> None:
    if sign != ",":
        message = f"the cells are divided by {_DELIMITERS.get(sign, repr(sign))}, as its first line {told}"
        found.warning("other-delimiter", message, "nothing need be done if that is right", line=1)


def _is_header(cells: list[str], found: Findings) -> bool:
    if not any(cell.strip() for cell in cells):
        found.error("no-header", "the first line is blank", "the first line names the columns")
        return False
    if any("\r" in cell for cell in cells):
        found.error("no-line-feeds", "the first line holds carriage returns without line feeds",
                    "rows end at line feeds; save the file with Unix or Windows line ends")  # fmt: skip
        return False
    sound = True
    for place, name in enumerate(cells, start=1):
        if not name.strip():
            found.error("empty-column-name", f"column {place} of {len(cells)} has no name", "name it, or take it out")
            sound = False
    for name, count in Counter(cells).items():
        if count > 1 and name.strip():
            found.error("duplicate-column", f"{count} columns are named {clip(name, 60)!r}", "give each its own name")
            sound = False
    return sound


def _note_fault(fault: str, line: int, found: Findings) -> None:
    if fault == "unexpected end of data":
        message = "a quote that is opened in the row beginning here is never closed"
        found.error("unclosed-quote", message, f"close it; {_QUOTES}", line=line)
    else:
        found.error("broken-csv", f"the row beginning here cannot be divided ({clip(fault)})", _QUOTES, line=line)
