"""The functions to call: forecasts of arrays, data frames, files and a study's scores."""

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
    """Return the forecast of one learning curve at more labels.

    Args:
        curve: `(labels, scores)`, two sequences of equal length with an element per run; or a mapping of columns or a
            DataFrame with columns labels and value, and optionally seed, n, low and high (a 95% interval).
        target: The score to reach, on the scale of the scores.
        at: Sizes to forecast; by default two, four and eight times the largest known size.
        n: The number of test instances of each score, if there is no such column.
        top: The top of the metric's range; by default 1 if no score or target exceeds 1, else 100.

    Raises:
        ProblemsError: rows are invalid; all of them are listed.
        UserError: there is no curve or more than one, or the target or a size is invalid.
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

    Curves of the same task, and of the same arm, inform one another. Raises as `forecast` does.
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
    """Return the forecasts of the curves in a study's folder, in its `scores.csv`, or in any CSV of scores.

    Args:
        source: The folder or file. A file needs columns labels and value, and may have task, arm, seed, metric, n, low
            and high.
        target: The score to reach, on the file's scale.
        task: One task's name or a unique prefix, or None for all. The others are still read, since they inform it.
        at: Sizes to forecast.
        metric: The metric, if the file has such a column; the first of the file by default.
        arm: One arm's name or a unique prefix, or None for all.

    Raises:
        ProblemsError: rows are invalid; all of them are listed, with their lines.
        UserError: there is nothing to read, the task, arm or metric is unknown, or the target or a size is invalid.
    """
    path = find_table(source)
    wanted = {(p.task, p.arm) for p in read_points(path, metric=metric, task=task, arm=arm, target=target)}
    curves = read_points(path, metric=metric, target=target)
    require_curves(curves, path)
    found = [one for one in _by_metric(curves, target, at) if (one.task, one.arm) in wanted]
    axis = curves[0].axis
    return [replace(one, warnings=(axis, *one.warnings)) for one in found] if axis else found


def forecast_rows(
    rows: Sequence[ScoreRow], *, metric: str = "rouge_l", target: float | None = None, at: Sequence[int] = ()
) -> list[Forecast]:
    """Return the forecast of every curve of a study's scores, by task and arm in order of appearance.

    For a figure, use each forecast's `band` (arrays after the last point), `advice` and `warnings`. Raises as
    `forecast_source` does.
    """
    names = ("task", "arm", "labels", "seed", "metric", "value", "low", "high", "n")
    columns = {name: [getattr(row, name) for row in rows if row.metric == metric] for name in names}
    return _by_metric(points_of_arrays(columns, target, 100.0), target, at)


def _by_metric(curves: list[Points], target: float | None, at: Sequence[int]) -> list[Forecast]:
    found: list[Forecast] = []
    for metric in dict.fromkeys(curve.metric for curve in curves):
        found += forecast_points([c for c in curves if c.metric == metric], target=target, at=_sizes(at))
    return found


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
