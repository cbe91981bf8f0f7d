"""Read curves from a table of scores, as rows of text or as arrays, and check every row."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

from tuition.base.csv_cells import unguarded
from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.names import full_name
from tuition.reports.forecasting.axis import on_the_axis_that_varies

SCORES = "scores.csv"
_COLUMNS = ("task", "arm", "labels", "seed", "metric", "value", "low", "high", "n")
_MOST = 10**12
_TOLERANCE = 1e-6  # a mean of scores of 100 may be 100.00000000000001


@dataclass(frozen=True, slots=True)
class Run:
    """One score at one size: its value, the number of test instances, and its 95% interval, if known."""

    value: float
    n: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(slots=True)
class Points:
    """The runs of one curve by number of labels, scores from 0 to `top` (1 or 100).

    `axis` is a sentence on which labels these are, empty if they are the task's own.
    """

    task: str = ""
    arm: str = ""
    metric: str = ""
    top: float = 100.0
    runs: dict[int, list[Run]] = field(default_factory=dict)
    axis: str = ""


def find_table(source: Path) -> Path:
    """Return the CSV file of `source`: the file itself, or the table in a study's folder.

    Raises:
        UserError: there is no such file.
    """
    if source.is_dir():
        if (source / SCORES).is_file():
            return source / SCORES
        raise UserError(f"{source}: the folder has no {SCORES}; give the folder of a demo or a study, or a CSV file")
    if not source.is_file():
        raise UserError(f"{source}: there is no such file or folder; give a study's folder or a CSV file with scores")
    return source


def read_points(
    path: Path,
    *,
    metric: str | None = None,
    task: str | None = None,
    arm: str | None = None,
    target: float | None = None,
) -> list[Points]:
    """Read the curves of a CSV file with columns labels, value and optionally task, arm, seed, metric, low, high, n.

    Args:
        path: The file.
        metric: The metric to read, if the file has a column `metric`; the first of the file by default.
        task: The task to read, by its name or a unique prefix, or None for all.
        arm: The arm to read, by its name or a unique prefix, or None for all.
        target: The score to reach; it helps to decide between the ranges 0-1 and 0-100.

    Raises:
        ProblemsError: rows are invalid; all of them are listed, with their lines.
        UserError: the file cannot be read as such a table, or has no rows of the task, arm or metric.
    """
    rows = list(_rows(path))
    header = rows[0][1].keys() if rows else ()
    if not rows:
        raise UserError(f"{path}: the table has no rows; it needs at least columns labels and value, and two sizes")
    rows, axis = on_the_axis_that_varies(rows, path.parent)
    wanted_metric = (metric or rows[0][1]["metric"]) if "metric" in header else None
    for name, wanted in (("metric", wanted_metric), ("task", task), ("arm", arm)):
        rows = _only(path, rows, name, wanted)
    top = 100.0 if set(_COLUMNS) <= set(header) else None
    curves = curves_of((row, Problem("score", "", "", path, line=line)) for line, row in rows).finish(top, target)
    for curve in curves:
        curve.axis = axis
    return curves


def require_curves(curves: Sequence[Points], path: Path) -> None:
    """Check that some curve has two numbers of labels, since one point says nothing about more labels.

    Raises:
        UserError: there is no curve with two points.
    """
    if any(len(curve.runs) > 1 for curve in curves):
        return
    [only, *others] = sorted({labels for curve in curves for labels in curve.runs})
    found = f"{only:,} labels" if not others else "one number of labels"
    raise UserError(
        f"{path}: every curve has only {found}, and a forecast needs at least two numbers of labels of one task and "
        "arm; run the study with more --labels"
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            mark = max(",;\t", key=first.count)
            names = [name.strip().lower() for name in next(csv.reader([first], delimiter=mark), [])]
            _check_header(path, names)
            reader = csv.reader(stream, delimiter=mark)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    filled = (unguarded(cell.strip()) for cell in chain(cells, repeat("")))
                    yield reader.line_num + 1, dict(zip(names, filled, strict=False))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: this is not a UTF-8 table with separated values ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _check_header(path: Path, names: list[str]) -> None:
    missing = [name for name in ("labels", "value") if name not in names]
    if missing:
        found = ", ".join(clip(name, 40) for name in names) or "nothing"
        raise UserError(f"{path}:1: no column {' and no column '.join(missing)}; the columns are: {found}")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UserError(f"{path}:1: column {twice[0]} appears twice; each name may appear once")


def _only(
    path: Path, rows: list[tuple[int, dict[str, str]]], name: str, wanted: str | None
) -> list[tuple[int, dict[str, str]]]:
    if wanted is None:
        return rows
    full = full_name(wanted, [row.get(name, "") for _, row in rows], name, str(path))
    return [(line, row) for line, row in rows if row.get(name, "") == full]


@dataclass(slots=True)
class Gathered:
    """Curves while they are read: the valid rows so far, and the problems of the others."""

    curves: dict[tuple[str, str, str], Points] = field(default_factory=dict)
    places: list[tuple[float, Problem]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def finish(self, top: float | None, target: float | None) -> list[Points]:
        """Return the curves, and set the metric's range.

        Raises:
            ProblemsError: rows were invalid, or outside the range.
            UserError: the target is outside the range.
        """
        if top is None:
            highest = max((value for value, _ in self.places), default=0.0)
            top = 1.0 if highest <= 1 + _TOLERANCE and (target is None or target <= 1) else 100.0
        outside = [
            _wrong(place, "out-of-range", f"value is {value:g}", f"scores go from 0 to {top:g}")
            for value, place in self.places
            if not -_TOLERANCE <= value <= top + _TOLERANCE
        ]
        if self.problems or outside:
            raise ProblemsError([*self.problems, *outside])
        check_target(target, top)
        for curve in self.curves.values():
            curve.top = top
        return list(self.curves.values())


def check_target(target: float | None, top: float) -> None:
    """Check that a target is within the metric's range.

    Raises:
        UserError: the target is not a number from 0 to `top`.
    """
    if target is not None and not 0 <= target <= top:
        hint = f"; did you mean {target / 100:g}?" if top == 1 and 1 < target <= 100 else ""
        raise UserError(f"the target is {target:g}, but these scores go from 0 to {top:g}{hint}")


def curves_of(rows: Iterable[tuple[Mapping[str, object], Problem]]) -> Gathered:
    """Gather rows into curves; each row comes with a problem that has its location, in case it is invalid."""
    gathered = Gathered()
    seen: dict[tuple[object, ...], float] = {}
    for row, place in rows:
        try:
            labels, run = _labels(row.get("labels")), _run(row)
        except ValueError as error:
            found, expected = error.args
            gathered.problems.append(_wrong(place, "bad-number", found, expected))
            continue
        key = (str(row.get("task", "")), str(row.get("arm", "")), str(row.get("metric", "")))
        seed = row.get("seed", "")
        if str(seed) and seen.setdefault((*key, labels, str(seed)), run.value) != run.value:
            text = f"labels {labels}, seed {clip(str(seed), 40)} appears twice, with different values"
            gathered.problems.append(_wrong(place, "two-values", text, "a curve has one score for a size and seed"))
            continue
        curve = gathered.curves.setdefault(key, Points(*key))
        curve.runs.setdefault(labels, []).append(run)
        gathered.places.append((run.value, place))
    return gathered


def _wrong(place: Problem, kind: str, found: str, expected: str) -> Problem:
    return Problem(kind, found, expected, place.file, place.task, place.instance, place.line)


def _labels(value: object) -> int:
    expected = "a number of labels is a whole number from 0 on"
    number = _number("labels", value, expected)
    if number < 0 or number > _MOST or number != int(number):
        raise ValueError(f"labels is {number:g}", expected)
    return int(number)


def _run(row: Mapping[str, object]) -> Run:
    value = _number("value", row.get("value"), "a score is a number")
    n = _maybe("n", row.get("n"))
    if n is not None and (n < 1 or n != int(n)):
        raise ValueError(f"n is {n:g}", "the number of test instances is a whole number from 1 on, or left out")
    low, high = _maybe("low", row.get("low")), _maybe("high", row.get("high"))
    if low is not None and high is not None and not low <= high:
        raise ValueError(f"low is {low:g} and high {high:g}", "an interval's low end is not above its high end")
    return Run(value, None if n is None else int(n), low, high)


def _maybe(name: str, value: object) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _number(name, value, f"{name} is a number, or left out")


def _number(name: str, value: object, expected: str) -> float:
    text = "" if value is None else str(value)
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} is {clip(text, 40)!r}", expected) from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {text}", expected)
    return number


def points_of_arrays(columns: Mapping[str, Sequence[object]], target: float | None, top: float | None) -> list[Points]:
    """Return the curves of a table given as columns (arrays, lists or a DataFrame's series).

    Raises:
        ProblemsError: rows are invalid; they are numbered from 0.
        UserError: columns are missing or of different lengths.
    """
    missing = [name for name in ("labels", "value") if name not in columns]
    if missing:
        raise UserError(f"no column {missing[0]!r} in the curve; it needs labels and value, and may have {_COLUMNS}")
    known = {name: list(columns[name]) for name in _COLUMNS if name in columns}
    lengths = {name: len(cells) for name, cells in known.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"the curve's columns have different lengths: {lengths}; each row needs a cell of each")
    rows = (dict(zip(known, cells, strict=True)) for cells in zip(*known.values(), strict=True))
    return curves_of((row, Problem("score", "", "", instance=f"row {i}")) for i, row in enumerate(rows)).finish(
        top, target
    )
