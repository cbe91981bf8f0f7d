"""What a report says of the labels that nobody has yet: each curve's forecast, or why there is none."""

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

_FALLS = "the curve falls"  # how the forecaster's warning of a falling curve begins
_ADVISED = 1  # which of a forecast's worths its advice speaks of
_SHOWN_ERROR = 300
_ENOUGH_TASKS = 5


@dataclass(frozen=True, slots=True)
class ForecastSummary:
    """What is said of one curve's future: a sentence and its cautions, and what may be drawn.

    `band` and `worth` (of the labels that the sentence speaks of) are None where no forecast is shown; the sentence
    then says why.
    """

    sentence: str
    cautions: tuple[str, ...] = ()
    band: Band | None = None
    worth: Worth | None = None


def forecast_summaries(scores: Iterable[ScoreRow]) -> dict[CurveKey, ForecastSummary]:
    """Return the outlook of every curve, by task, arm and metric, in order of appearance.

    A curve gets no forecast if it has fewer than three numbers of labels or falls by more than its noise: any band
    would then look surer than it is. Scores that the forecaster refuses get none either, with its reason.
    """
    # A row that stands twice counts once, as in the curves: twice it would pass for two seeds.
    rows = list(dict.fromkeys(scores))
    found: dict[CurveKey, ForecastSummary] = {}
    for metric in dict.fromkeys(row.metric for row in rows):
        found |= _of_metric([row for row in rows if row.metric == metric], metric)
    return found


def common_cautions(made: Sequence[ForecastSummary]) -> tuple[str, ...]:
    """Return the cautions that all of the forecasts share, where there are several: they are best said once."""
    drawn = [outlook for outlook in made if outlook.band]
    if len(drawn) < 2:
        return ()
    return tuple(c for c in drawn[0].cautions if all(c in other.cautions for other in drawn))


def prospect(made: Mapping[CurveKey, ForecastSummary], curves: Sequence[Curve]) -> str:
    """Return one sentence on what more labels would buy the arm that ended highest, in the first metric.

    Nothing ("") is said where no arm ended highest, on every task and with equally many labels, or where fewer than
    half of that arm's curves have a forecast.
    """
    primary = [curve for curve in curves if curve.metric == curves[0].metric]
    arm = _highest(primary)
    mine = [made[curve.task, curve.arm, curve.metric] for curve in primary if curve.arm == arm]
    shown = [(outlook, outlook.worth) for outlook in mine if outlook.worth]
    if not shown or 2 * len(shown) < len(mine):
        return ""
    several = len({curve.arm for curve in primary}) > 1
    average = " on average" if len(mine) > 1 else ""
    who = f"For “{shown_name(arm or '')}”, which ended highest{average}, the" if several else "The"
    caution = " Mind the cautions beside the charts." if any(outlook.cautions for outlook, _ in shown) else ""
    if len(mine) == 1:
        said = shown[0][0].sentence
        return f"{who} forecast is: {said[0].lower()}{said[1:]}{caution}"
    gains = [worth.gain for _, worth in shown]
    on = f"{len(mine)}" if len(shown) == len(mine) else f"{len(shown)} of {len(mine)}"
    middle = f", {median(gains):.1f} on the middle task" if len(gains) >= _ENOUGH_TASKS else ""
    # Adding 0 takes the sign off a rounded -0.0.
    low, high = (round(end, 1) + 0.0 for end in (min(w.low80 for _, w in shown), max(w.high80 for _, w in shown)))
    return (
        f"{who} forecasts put the worth of the next {shown[0][1].labels} labels at {min(gains):.1f} to "
        f"{max(gains):.1f} points a task{middle} ({on} tasks; 80% intervals from {low:.1f} to {high:.1f}).{caution}"
    )


def _of_metric(rows: Sequence[ScoreRow], metric: str) -> dict[CurveKey, ForecastSummary]:
    from tuition.reports.forecasting import forecast_rows  # numpy and scipy load here, when a page is written

    keys = dict.fromkeys((row.task, row.arm, row.metric) for row in rows)
    try:
        made = {(one.task, one.arm, metric): one for one in forecast_rows(rows, metric=metric)}
    except UserError as error:
        first, *more = str(error).splitlines()
        others = f" (and {len(more):,} more such)" if more else ""
        return dict.fromkeys(keys, ForecastSummary(f"No forecast: {shown_name(first, _SHOWN_ERROR)}{others}."))
    return {key: _outlook(made[key]) for key in keys}


def _outlook(forecast: Forecast) -> ForecastSummary:
    sizes = len(forecast.labels)
    if sizes == 1:
        return ForecastSummary("No forecast: one number of labels is no curve; measure at least three.")
    if sizes == 2:
        return ForecastSummary("No forecast: two numbers of labels leave nearly every course open; measure a third.")
    falls = next((warning for warning in forecast.warnings if warning.startswith(_FALLS)), None)
    if falls is not None:
        return ForecastSummary(f"No forecast: {falls}.")
    return ForecastSummary(forecast.advice, forecast.warnings, forecast.band, forecast.worth[_ADVISED])


def _highest(curves: Sequence[Curve]) -> str | None:
    """Return the arm with the highest mean over all tasks at the most labels; None where arms do not compare."""
    ends = {(curve.task, curve.arm): curve.points[-1] for curve in curves}
    tasks, arms = (list(dict.fromkeys(key[place] for key in ends)) for place in (0, 1))
    if len(ends) < len(tasks) * len(arms) or any(len({ends[t, arm].labels for arm in arms}) > 1 for t in tasks):
        return None
    means = {arm: fmean(ends[task, arm].value for task in tasks) for arm in arms}
    best = [arm for arm, mean in means.items() if mean == max(means.values())]
    return best[0] if len(best) == 1 else None
