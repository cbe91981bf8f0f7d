"""`scores.csv`: every score of a study as one row, for use in other tools."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tuition.base.csv_cells import guarded, unguarded
from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.files import write_atomically
from tuition.reports.wording import count, shown_name
from tuition.studies.results import ScoreRow

HEADER = ("task", "arm", "labels", "seed", "metric", "value", "low", "high", "n")

_COUNTS = ("labels", "seed", "n")
_SCORES = ("value", "low", "high")
_NAMES = ("task", "arm", "metric")
_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$|^$')
_MAX_CELL = 131_072  # the longest cell that Python's csv reader accepts
_TOLERANCE = 1e-6  # a mean of scores of 100 may be 100.00000000000001


def write_scores_csv(path: Path, rows: Iterable[ScoreRow]) -> None:
    r"""Write scores as CSV (RFC 4180 quoting, UTF-8, `\n` at line ends), atomically.

    Numbers are written in the shortest form that is parsed as the same number.

    Raises:
        ProblemsError: rows that could not be read back (a score that is not a number, text that is not valid Unicode).
        UserError: the file cannot be written.
    """
    lines, problems = [",".join(HEADER)], []
    for number, row in enumerate(rows, 2):
        problems += _problems(row, path, number)
        lines.append(csv_line([getattr(row, name) for name in HEADER]))
    if problems:
        raise ProblemsError(problems)
    write_atomically(path, "\n".join(lines) + "\n")


def read_scores_csv(path: Path) -> tuple[ScoreRow, ...]:
    """Return the scores of a file that `write_scores_csv` wrote, or that a spreadsheet saved from one.

    Raises:
        ProblemsError: rows are invalid; all of them are listed.
        UserError: the file cannot be read, is not UTF-8 or has another header.
    """
    try:
        # Only \n ends a line: a bare carriage return is part of the text. Spreadsheets write a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="\n") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            if tuple(header) != HEADER:
                found = clip(",".join(header)) or "nothing"
                raise UserError(f"{path}:1: found {found}; the first line of a scores file is {','.join(HEADER)}")
            rows, problems = [], []
            for line, cells in _records(reader, path):
                row = _row(cells, path, line)
                wrong = [row] if isinstance(row, Problem) else _problems(row, path, line)
                problems += wrong
                if isinstance(row, ScoreRow) and not wrong:
                    rows.append(row)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a scores.csv") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    if problems:
        raise ProblemsError(problems)
    return tuple(rows)


def csv_line(values: Iterable[object]) -> str:
    """Return one row of a CSV file: numbers in the shortest exact form, texts quoted where necessary."""
    return ",".join(_cell(value) for value in values)


def _cell(value: object) -> str:
    text = repr(float(value)) if isinstance(value, float) else guarded(value) if isinstance(value, str) else str(value)
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if _NEEDS_QUOTES.search(text) else text


def _records(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it ends on; a misplaced quote is an error, since it hides later rows."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = reader.line_num  # type: ignore[attr-defined]
            found = f"the quoting is broken ({error})"
            raise ProblemsError([Problem("broken-csv", found, "quote text as in RFC 4180", path, line=line)]) from error
        if cells:
            yield reader.line_num, cells  # type: ignore[attr-defined]


def _row(cells: Sequence[str], path: Path, line: int) -> ScoreRow | Problem:
    if len(cells) != len(HEADER):
        expected = f"a row has the {len(HEADER)} columns of the header"
        return Problem("wrong-columns", f"found {count(len(cells), 'cell')}", expected, path, line=line)
    texts = {name: unguarded(cell) if name in _NAMES else cell for name, cell in zip(HEADER, cells, strict=True)}
    whole: dict[str, int] = {}
    real: dict[str, float] = {}
    for name in (*_COUNTS, *_SCORES):
        try:
            if name in _COUNTS:
                whole[name] = int(texts[name])
            else:
                real[name] = float(texts[name])
        except ValueError:
            expected = "it is a whole number" if name in _COUNTS else "it is a number from 0 to 100"
            found, task = f'{name} is "{clip(texts[name], 40)}"', shown_name(texts["task"], 80)
            return Problem("no-number", found, expected, path, task, line=line)
    return ScoreRow(
        task=texts["task"],
        arm=texts["arm"],
        labels=whole["labels"],
        seed=whole["seed"],
        metric=texts["metric"],
        value=real["value"],
        low=real["low"],
        high=real["high"],
        n=whole["n"],
    )


def _problems(row: ScoreRow, path: Path, line: int) -> list[Problem]:
    wrong: list[tuple[str, str, str]] = []
    for name in _SCORES:
        number = getattr(row, name)
        if not (math.isfinite(number) and -_TOLERANCE <= number <= 100 + _TOLERANCE):
            wrong.append(("no-score", f"{name} is {number}", "scores are numbers from 0 to 100"))
    if row.low > row.high:
        wrong.append(("no-interval", f"low {row.low} is above high {row.high}", "an interval runs from low to high"))
    for name, least in (("labels", 0), ("n", 1)):
        if getattr(row, name) < least:
            wrong.append(("no-count", f"{name} is {getattr(row, name)}", f"it is {least} or more"))
    for name in _NAMES:
        if len(getattr(row, name)) > _MAX_CELL:
            wrong.append(("no-text", f"{name} has over {_MAX_CELL:,} characters", "a name is shorter"))
        if any("\ud800" <= character <= "\udfff" for character in getattr(row, name)):
            wrong.append(("no-text", f"{name} has half a surrogate pair", "text must be valid Unicode"))
    task = shown_name(row.task, 80)
    return [Problem(kind, found, expected, path, task, line=line) for kind, found, expected in wrong]
