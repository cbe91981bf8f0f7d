"""Forecast curves: their measured noise, the ensemble, and every result from its predictive distributions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuition.evaluation.metrics import METRICS
from tuition.reports.forecasting.advice import advise, warn
from tuition.reports.forecasting.answers import Band, Expected, Forecast, Need, Worth
from tuition.reports.forecasting.calibration import shipped
from tuition.reports.forecasting.ensemble import Ensemble, ensembles
from tuition.reports.forecasting.families import ANCHOR, Array
from tuition.reports.forecasting.measured import Measured, measure, test_variance
from tuition.reports.forecasting.source import Points, Run

NEXT = (16, 64, 100)
"""Numbers of additional labels whose gain every forecast states."""

ASSUMED_INSTANCES = 100
"""The assumed number of test instances of a score, if it is not given."""

TEXT_WIDER = 1.3
"""The factor that widens forecasts of language models' curves beyond the calibration: measured on 64 curves of 16 tasks
(benchmarks/language_models.csv), where a factor chosen on the other tasks was 1.3 for most."""

_LADDER = 2.0 ** (np.arange(13) / 2)
_BAND = 7
_BELOW = 5
_EDGES = (0.5, 0.1, 0.9, 0.025, 0.975)
_NORMAL95 = 1.959964


def measured_points(points: Points) -> Measured:
    """Return a curve with its noise: from the scores' intervals if there are any, else from n."""
    sizes = sorted(points.runs)
    values = [[run.value / points.top for run in points.runs[size]] for size in sizes]
    counts = [[run.n or ASSUMED_INSTANCES for run in points.runs[size]] for size in sizes]
    test = [
        float(np.mean([_test_noise(run, n, points.top) for run, n in zip(points.runs[size], ns, strict=True)]))
        for size, ns in zip(sizes, counts, strict=True)
    ]
    return measure([float(size) for size in sizes], values, float(np.mean(counts[-1])), np.array(test))


def _test_noise(run: Run, n: int, top: float) -> float:
    if run.low is not None and run.high is not None and run.high > run.low:
        return float(((run.high - run.low) / top / (2 * _NORMAL95)) ** 2)
    return float(test_variance(np.array(run.value / top), n))


def forecast_points(
    curves: Sequence[Points], *, target: float | None = None, at: Sequence[int] = (), pooled: bool = True
) -> list[Forecast]:
    """Return the forecast of each curve, in order.

    Args:
        curves: Curves of one metric; those of one task or of one arm are related.
        target: The score to reach, on the curves' scale, or None.
        at: Sizes to forecast; by default two, four and eight times the largest known.
        pooled: Whether related curves inform one another.
    """
    components, calibration = shipped()
    measured = [measured_points(curve) for curve in curves]
    kin = [(curve.task, curve.arm) for curve in curves] if pooled and len(curves) > 1 else None
    forecasts: dict[int, Forecast] = {}
    for chunk, ensemble in ensembles(measured, components, calibration, kin):
        wider = TEXT_WIDER if _scores_text(curves[chunk[0]].metric) else 1.0
        numbers = _numbers(ensemble, [curves[i].top for i in chunk], target, at, wider)
        for row, i in enumerate(chunk):
            forecasts[int(i)] = _assemble(curves[i], measured[i], numbers, row, target, at)
    return [forecasts[i] for i in range(len(curves))]


def _scores_text(metric: str) -> bool:
    """Whether a metric scores generated text: its curve is a language model's, not that of a classifier on tables."""
    return metric in METRICS and METRICS[metric].scores_text


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Results of a chunk: sizes (B, M) with quantiles (5, B, M) and chances (B, M), gains (3, B, 3), wildness (B,).

    The sizes are, in order: five from the first known to the last, thirteen from the last on, and the requested ones.
    """

    sizes: Array
    quantiles: Array
    chances: Array | None
    gains: Array
    wild: Array
    usual: Array


def _numbers(
    ensemble: Ensemble, tops: Sequence[float], target: float | None, at: Sequence[int], wider: float
) -> _Numbers:
    curves = ensemble.fitted.batch
    count = len(curves)
    last = curves.sizes.max(1, where=curves.known, initial=0.0)[:, None]
    first = curves.sizes.min(1, where=curves.known, initial=np.inf)[:, None]
    base = np.maximum(last, ANCHOR)
    below = first + (last - first) * (np.arange(_BELOW) / _BELOW) ** 2
    requested = np.broadcast_to(np.array(at, float), (count, len(at))) if len(at) else base * np.array([2.0, 4.0, 8.0])
    ladder = base * _LADDER
    ladder[:, :1] = last
    sizes = np.concatenate([below, ladder, np.rint(requested)], axis=1)
    scores = dataclasses.replace(ensemble.scores(sizes), wider=wider)
    chances = None
    if target is not None:
        goal = np.array([target / top for top in tops])[:, None]
        ahead = scores.above(np.broadcast_to(goal, sizes.shape))
        chances = np.where(goal <= 0, 1.0, ahead)
    gains = dataclasses.replace(ensemble.gains(last + np.array(NEXT, float), last), wider=wider)
    return _Numbers(
        sizes,
        np.stack([scores.quantile(edge) for edge in _EDGES]),
        chances,
        np.stack([gains.quantile(edge) for edge in _EDGES[:3]]),
        ensemble.wild,
        ensemble.calibration.wild[ensemble.calibration.row(curves.known.sum(1))],
    )


def _assemble(
    curve: Points, measured: Measured, numbers: _Numbers, row: int, target: float | None, at: Sequence[int]
) -> Forecast:
    top = curve.top
    scaled = numbers.quantiles[:, row] * top
    sizes = numbers.sizes[row]
    end = _BELOW + len(_LADDER)
    expected = [Expected(round(float(size)), *(float(v) for v in q)) for size, q in zip(sizes, scaled.T, strict=True)]
    ladder = slice(_BELOW, _BELOW + _BAND)
    gains = numbers.gains[:, row] * top
    worth = tuple(Worth(more, *(float(v) for v in gains[:, i])) for i, more in enumerate(NEXT))
    need = None
    if target is not None and numbers.chances is not None:
        need = _need(target, sizes[:end], np.maximum.accumulate(numbers.chances[row, :end]))
    counted = all(run.n is not None or run.low is not None for runs in curve.runs.values() for run in runs)
    wild, usual = float(numbers.wild[row]), float(numbers.usual[row])
    warnings = warn(measured, wild, usual, float(max(at, default=0)), counted, top)
    return Forecast(
        curve.task,
        curve.arm,
        curve.metric,
        top,
        tuple(sorted(curve.runs)),
        tuple(float(v) for v in measured.values * top),
        tuple(expected[end:]),
        need,
        worth,
        expected[end - 1],
        Band(tuple(sizes[ladder].tolist()), *(tuple(line[ladder].tolist()) for line in scaled)),
        advise(need, worth[1], expected[end - 1], expected[_BELOW], top),
        warnings,
    )


def _need(target: float, sizes: Array, chances: Array) -> Need:
    def where(chance: float) -> int | None:
        if chances[-1] < chance:
            return None
        right = int(np.argmax(chances >= chance))
        if right == 0:
            return int(sizes[0])
        low, high = chances[right - 1], chances[right]
        part = (chance - low) / (high - low)
        logs = np.log(sizes[right - 1 : right + 1] + 8)
        return int(np.ceil(np.exp(logs[0] + part * (logs[1] - logs[0])) - 8 - 1e-6))

    labels = [where(chance) for chance in _EDGES]
    return Need(target, float(chances[-1]), float(chances[_BELOW]), round(float(sizes[-1])), *labels)
