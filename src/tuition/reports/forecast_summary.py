"""Summaries of forecasts for a report: each curve's forecast at more labels, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from tuition.base.errors import UserError
from tuition.reports.curves import Curve
from tuition.reports.wording import shown_name
from tuition.studies.results import ScoreRow

if TYPE_CHECKING:
    from tuition.reports.forecasting import Forecast
    from tuition.reports.forecasting.answers import Band, Worth

CurveKey = tuple[str, str, str]
"""Task, arm and metric."""

_FALLS = "the curve falls"  # the beginning of the forecaster's warning of a falling curve
_ADVISED = 1  # the index of the worth that a forecast's advice states
_MAX_ERROR = 300
_ENOUGH_TASKS = 5


@dataclass(frozen=True, slots=True)
class ForecastSummary:
    """One curve's forecast for a report: a sentence, its cautions, and the band to draw.

    `band` and `worth` (of the labels that the sentence states) are None if no forecast is shown; the sentence then says
    why.
    """

    sentence: str
    cautions: tuple[str, ...] = ()
    band: Band | None = None
    worth: Worth | None = None


def forecast_summaries(scores: Iterable[ScoreRow]) -> dict[CurveKey, ForecastSummary]:
    """Return the summary of every curve's forecast, by task, arm and metric, in order of appearance.

    A curve gets no forecast if it has fewer than three numbers of labels or falls by more than its noise, since any
    band would look more certain than it is. Scores that the forecaster refuses get none either, with its reason.
    """
    # A duplicate row counts once, as in the curves; twice, it would look like two seeds.
    rows = list(dict.fromkeys(scores))
    found: dict[CurveKey, ForecastSummary] = {}
    for metric in dict.fromkeys(row.metric for row in rows):
        found |= _of_metric([row for row in rows if row.metric == metric], metric)
    return found


def common_cautions(summaries: Sequence[ForecastSummary]) -> tuple[str, ...]:
    """Return the cautions that all forecasts share, if there are several forecasts, to be written only once."""
    drawn = [summary for summary in summaries if summary.band]
    if len(drawn) < 2:
        return ()
    return tuple(c for c in drawn[0].cautions if all(c in other.cautions for other in drawn))


def prospect(summaries: Mapping[CurveKey, ForecastSummary], curves: Sequence[Curve]) -> str:
    """Return one sentence on how much more labels would help the arm that ended highest, in the first metric.

    Returns an empty text if no single arm ended highest over all tasks at the same number of labels, or if fewer than
    half of that arm's curves have a forecast.
    """
    primary = [curve for curve in curves if curve.metric == curves[0].metric]
    arm = _highest(primary)
    mine = [summaries[curve.task, curve.arm, curve.metric] for curve in primary if curve.arm == arm]
    shown = [(summary, summary.worth) for summary in mine if summary.worth]
    if not shown or 2 * len(shown) < len(mine):
        return ""
    several = len({curve.arm for curve in primary}) > 1
    average = " on average" if len(mine) > 1 else ""
    who = f"For “{shown_name(arm or '')}”, which ended highest{average}, the" if several else "The"
    caution = " See the cautions next to the charts." if any(summary.cautions for summary, _ in shown) else ""
    if len(mine) == 1:
        sentence = shown[0][0].sentence
        return f"{who} forecast is: {sentence[0].lower()}{sentence[1:]}{caution}"
    gains = [worth.gain for _, worth in shown]
    on = f"{len(mine)}" if len(shown) == len(mine) else f"{len(shown)} of {len(mine)}"
    middle = f", {median(gains):.1f} on the middle task" if len(gains) >= _ENOUGH_TASKS else ""
    # Adding 0 removes the sign of a rounded -0.0.
    low, high = (round(end, 1) + 0.0 for end in (min(w.low80 for _, w in shown), max(w.high80 for _, w in shown)))
    return (
        f"{who} forecast gain of the next {shown[0][1].labels} labels is {min(gains):.1f} to {max(gains):.1f} points "
        f"per task{middle} ({on} tasks; 80% intervals from {low:.1f} to {high:.1f}).{caution}"
    )


def _of_metric(rows: Sequence[ScoreRow], metric: str) -> dict[CurveKey, ForecastSummary]:
    from tuition.reports.forecasting import forecast_rows  # imports numpy and scipy only when a report is written

    keys = dict.fromkeys((row.task, row.arm, row.metric) for row in rows)
    try:
        forecasts = {(one.task, one.arm, metric): one for one in forecast_rows(rows, metric=metric)}
    except UserError as error:
        first, *more = str(error).splitlines()
        others = f" (and {len(more):,} more such)" if more else ""
        return dict.fromkeys(keys, ForecastSummary(f"No forecast: {shown_name(first, _MAX_ERROR)}{others}."))
    return {key: _summary(forecasts[key]) for key in keys}


def _summary(forecast: Forecast) -> ForecastSummary:
    sizes = len(forecast.labels)
    if sizes == 1:
        return ForecastSummary("No forecast: one number of labels is not a curve; measure at least three.")
    if sizes == 2:
        return ForecastSummary("No forecast: two numbers of labels do not show a curve's shape; measure a third.")
    falls = next((warning for warning in forecast.warnings if warning.startswith(_FALLS)), None)
    if falls is not None:
        return ForecastSummary(f"No forecast: {falls}.")
    return ForecastSummary(forecast.advice, forecast.warnings, forecast.band, forecast.worth[_ADVISED])


def _highest(curves: Sequence[Curve]) -> str | None:
    """Return the arm with the highest mean over all tasks at the most labels; None if arms are not comparable."""
    ends = {(curve.task, curve.arm): curve.points[-1] for curve in curves}
    tasks, arms = (list(dict.fromkeys(key[place] for key in ends)) for place in (0, 1))
    if len(ends) < len(tasks) * len(arms) or any(len({ends[t, arm].labels for arm in arms}) > 1 for t in tasks):
        return None
    means = {arm: fmean(ends[task, arm].value for task in tasks) for arm in arms}
    best = [arm for arm, mean in means.items() if mean == max(means.values())]
    return best[0] if len(best) == 1 else None
