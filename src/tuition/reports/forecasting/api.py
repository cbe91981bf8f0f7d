"""What others call: forecasts of arrays, of data frames and of files, and the band that a figure draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuition.base.errors import UserError
from tuition.reports.forecasting.answers import Forecast
from tuition.reports.forecasting.predict import forecast_points
from tuition.reports.forecasting.source import Points, find_table, points_of_arrays, read_points, require_curves
from tuition.studies.results import ScoreRow


def forecast(
    curve: Any, *, target: float | None = None, at: Sequence[int] = (), n: int | None = None, top: float | None = None
) -> Forecast:
    """Return what the points of one learning curve say about more labels.

    Args:
        curve: `(labels, scores)`, two sequences of one length with a row for each run; or a mapping of columns or a
            DataFrame with columns labels and value, and maybe seed, n, low and high (the ends of a 95% interval).
        target: The score wanted, on the scale of the scores.
        at: Sizes whose score is asked for; two, four and eight times the largest known size where empty.
        n: Test instances behind each score, where there is no such column.
        top: The top of the metric's range; 1 where no score or target exceeds 1, else 100, if it is not given.

    Raises:
        ProblemsError: rows that cannot be right, all together.
        UserError: no curve, more than one, or a target or size that cannot be.
    """
    columns = _columns(curve)
    if n is not None and "n" not in columns:
        columns["n"] = [n] * len(columns["labels"])
    if top is not None and top <= 0:
        raise UserError(f"the top of the metric's range is {top:g}; it must be positive")
    curves = points_of_arrays(columns, target, top)
    if len(curves) != 1:
        raise UserError(f"found {len(curves)} curves where one was expected; use forecasts() for a table of several")
    return forecast_points(curves, target=target, at=_sizes(at))[0]


def forecasts(table: Any, *, target: float | None = None, at: Sequence[int] = ()) -> list[Forecast]:
    """Return the forecast of every curve of a table (a mapping of columns or a DataFrame) with task, arm or metric.

    Curves of one task, and of one arm, inform one another. Raises as `forecast` does.
    """
    return _by_metric(points_of_arrays(_columns(table), target, None), target, at)


def forecast_source(
    source: Path,
    *,
    target: float | None = None,
    task: str | None = None,
    at: Sequence[int] = (),
    metric: str | None = None,
    arm: str | None = None,
) -> list[Forecast]:
    """Return the forecasts of the curves in a demo's or study's folder, in its `scores.csv`, or in any CSV of scores.

    Args:
        source: The folder or file. A file needs columns labels and value, and may have task, arm, seed, metric, n, low
            and high.
        target: The score wanted, on the file's scale.
        task: One task's name or a unique prefix, or None for all. The others are still read: they inform this one.
        at: Sizes whose score is asked for.
        metric: The metric, where the file has a column of that name; the first of the file by default.
        arm: One arm's name or a unique prefix, or None for all.

    Raises:
        ProblemsError: rows that cannot be right, with their lines, all together.
        UserError: nothing to read, no such task, arm or metric, or a target or size that cannot be.
    """
    path = find_table(source)
    wanted = {(p.task, p.arm) for p in read_points(path, metric=metric, task=task, arm=arm, target=target)}
    curves = read_points(path, metric=metric, target=target)
    require_curves(curves, path)
    made = [one for one in _by_metric(curves, target, at) if (one.task, one.arm) in wanted]
    axis = curves[0].axis
    return [replace(one, warnings=(axis, *one.warnings)) for one in made] if axis else made


def forecast_rows(
    rows: Sequence[ScoreRow], *, metric: str = "rouge_l", target: float | None = None, at: Sequence[int] = ()
) -> list[Forecast]:
    """Return the forecast of every curve of a study's scores, by task and arm in order of appearance.

    What a figure needs lies in each forecast's `band` (the arrays beyond the last point), `advice` and `warnings`.
    Raises as `forecast_source` does.
    """
    names = ("task", "arm", "labels", "seed", "metric", "value", "low", "high", "n")
    columns = {name: [getattr(row, name) for row in rows if row.metric == metric] for name in names}
    return _by_metric(points_of_arrays(columns, target, 100.0), target, at)


def _by_metric(curves: list[Points], target: float | None, at: Sequence[int]) -> list[Forecast]:
    made: list[Forecast] = []
    for metric in dict.fromkeys(curve.metric for curve in curves):
        made += forecast_points([c for c in curves if c.metric == metric], target=target, at=_sizes(at))
    return made


def _sizes(at: Sequence[int]) -> list[int]:
    for size in at:
        if isinstance(size, bool) or size != int(size) or size < 0:
            raise UserError(f"a requested size is {size}; sizes are whole numbers of labels from 0 on")
    return [int(size) for size in at]


def _columns(curve: Any) -> dict[str, Sequence[object]]:
    if isinstance(curve, Mapping) or hasattr(curve, "columns"):
        return {str(name): list(curve[name]) for name in (curve if isinstance(curve, Mapping) else curve.columns)}
    try:
        labels, values = curve
        return {"labels": list(labels), "value": list(values)}
    except (TypeError, ValueError) as error:
        raise UserError(
            f"cannot read a curve from a {type(curve).__name__}; give (labels, scores) or columns labels and value"
        ) from error
