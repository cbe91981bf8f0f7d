"""Learning curves: the score at each number of labels, averaged over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from tuition.base.errors import UserError
from tuition.reports.wording import shown_name
from tuition.studies.results import ScoreRow

# Two-sided 95% quantiles of Student's t for 1 to 10 degrees of freedom; above, a series is accurate to 0.001.
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)

_TICK_GAP = 0.07

# Width of numbers under the axis on a phone, as a share of the axis: the gap between two, and each digit.
_TEXT_GAP, _DIGIT = 0.02, 0.035


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The score at one number of labels, in 0-100; each seed's score is over `n` test instances."""

    labels: int
    value: float
    low: float
    high: float
    n: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one arm on one task; the points are sorted by labels."""

    task: str
    arm: str
    metric: str
    points: tuple[CurvePoint, ...]

    def at(self, labels: int) -> CurvePoint | None:
        """Return the point at exactly that number of labels, if it was measured."""
        return next((point for point in self.points if point.labels == labels), None)


@dataclass(frozen=True, slots=True)
class LabelAxis:
    """The positions of numbers of labels on a chart's x axis.

    Positive numbers are at their base-2 logarithm. 0 has none, so it is left of the smallest positive one, at the mean
    distance between neighbours; `break_at` is where to mark the axis as broken, None if there is no 0. `ticks` are the
    numbers to write under the axis: all except those too close to read.
    """

    positions: Mapping[int, float]
    ticks: tuple[int, ...]
    break_at: float | None

    @property
    def span(self) -> float:
        """The distance from the first to the last position, at least 1."""
        return max(max(self.positions.values()) - min(self.positions.values()), 1.0)

    def position(self, labels: float) -> float:
        """Return the position of a number of labels, measured or not, whole or not.

        Raises:
            ValueError: it is not positive and was not measured.
        """
        return self.positions[0] if labels == 0 and 0 in self.positions else math.log2(labels)

    def until(self, labels: float) -> LabelAxis:
        """Return the axis extended to `labels`, if that is larger than all measured numbers.

        The ticks are the measured numbers, as far as there is room, then `labels` and its halves, if they fit.
        """
        if labels <= max(self.positions):
            return self
        span = math.log2(labels) - min(self.positions.values())
        last = max(self.positions)
        halves = [round(labels / 2**i) for i in range(math.ceil(math.log2(labels / max(last, 1))))]
        ticks: list[int] = []
        for size in [last, *sorted(self.positions)[:-1], *halves]:
            gaps = [(abs(self.position(size) - self.position(tick)) / span, tick) for tick in ticks]
            if all(gap >= _TEXT_GAP + _DIGIT * len(f"{size:,}{tick:,}") / 2 for gap, tick in gaps):
                ticks.append(size)
        return LabelAxis({**self.positions, round(labels): math.log2(labels)}, tuple(sorted(ticks)), self.break_at)


def learning_curves(scores: Iterable[ScoreRow]) -> tuple[Curve, ...]:
    """Group scores into curves, in the order in which their task, arm and metric first appear.

    Several seeds at the same labels become one point by `average_seeds`. A duplicate row counts once.

    Raises:
        UserError: there are two different scores for the same task, arm, labels, seed and metric.
    """
    groups: dict[tuple[str, str, str], dict[tuple[int, int], ScoreRow]] = {}
    tasks: dict[str, int] = {}
    arms: dict[str, int] = {}
    metrics: dict[str, int] = {}
    for row in scores:
        for name, order in ((row.task, tasks), (row.arm, arms), (row.metric, metrics)):
            order.setdefault(name, len(order))
        group = groups.setdefault((row.task, row.arm, row.metric), {})
        known = group.setdefault((row.labels, row.seed), row)
        if known != row:
            raise UserError(
                f"task {shown_name(row.task)}, arm {shown_name(row.arm)}, {row.labels} labels, seed {row.seed}: two "
                f"scores of {shown_name(row.metric)}, {known.value} and {row.value}; give one score per seed and point"
            )
    keys = sorted(groups, key=lambda key: (tasks[key[0]], arms[key[1]], metrics[key[2]]))
    return tuple(Curve(*key, points=_points(groups[key].values())) for key in keys)


def average_seeds(rows: Sequence[ScoreRow]) -> CurvePoint:
    """Return one point for the scores of several seeds at the same labels.

    The value is the mean over seeds. One seed keeps its own interval. With k > 1 seeds, each half-width combines two
    sources of variation in quadrature: the test instances, which are the same for every seed, with the mean of the
    seeds' half-widths; and the seeds, with t(0.975, k-1) * s / sqrt(k), where s is the standard deviation of the
    values. The interval is clipped to 0-100. `n` is the smallest of the seeds' n.
    """
    rows = sorted(rows, key=lambda row: row.seed)
    first, n, seeds = rows[0], min(row.n for row in rows), tuple(row.seed for row in rows)
    if len(rows) == 1:
        return CurvePoint(first.labels, first.value, first.low, first.high, n, seeds)
    value = fmean(row.value for row in rows)
    spread = _t95(len(rows) - 1) * stdev(row.value for row in rows) / math.sqrt(len(rows))
    below = math.hypot(fmean(row.value - row.low for row in rows), spread)
    above = math.hypot(fmean(row.high - row.value for row in rows), spread)
    return CurvePoint(first.labels, value, max(0.0, value - below), min(100.0, value + above), n, seeds)


def best_arms(curves: Sequence[Curve], metric: str, labels: int) -> frozenset[str]:
    """Return the arms that score highest at that number of labels; empty if all score the same.

    `curves` are those of one task. The highest arm may be so by chance only.
    """
    values = {c.arm: point.value for c in curves if c.metric == metric and (point := c.at(labels))}
    best = {arm for arm, value in values.items() if value == max(values.values())}
    return frozenset(best if len(best) < len(values) else ())


def label_axis(labels: Iterable[int]) -> LabelAxis:
    """Return the axis for a study's numbers of labels.

    Raises:
        ValueError: there is no number, or one is negative.
    """
    budgets = sorted(set(labels))
    if not budgets or budgets[0] < 0:
        raise ValueError(f"numbers of labels must be 0 or more, and there must be one: {budgets}")
    positive = [budget for budget in budgets if budget > 0]
    positions = {budget: math.log2(budget) for budget in positive}
    break_at = None
    if budgets[0] == 0:
        span = positions[positive[-1]] - positions[positive[0]] if positive else 0.0
        step = span / (len(positive) - 1) if len(positive) > 1 else 1.0
        start = positions[positive[0]] if positive else 1.0
        positions = {0: start - step, **positions}
        break_at = start - step / 2 if positive else None
    return LabelAxis(positions, _ticks(positions), break_at)


def _points(rows: Iterable[ScoreRow]) -> tuple[CurvePoint, ...]:
    by_labels: dict[int, list[ScoreRow]] = {}
    for row in rows:
        by_labels.setdefault(row.labels, []).append(row)
    return tuple(average_seeds(by_labels[labels]) for labels in sorted(by_labels))


def _ticks(positions: Mapping[int, float]) -> tuple[int, ...]:
    budgets = sorted(positions)
    gap = _TICK_GAP * (positions[budgets[-1]] - positions[budgets[0]])
    kept = budgets[:1]
    for budget in budgets[1:]:
        if positions[budget] - positions[kept[-1]] >= gap:
            kept.append(budget)
    if kept[-1] != budgets[-1]:  # the largest is always written, instead of a neighbour that is too close
        kept = [*(kept[:-1] if len(kept) > 1 else kept), budgets[-1]]
    return tuple(kept)


def _t95(freedom: int) -> float:
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    # Cornish-Fisher expansion of t around the normal quantile (Abramowitz and Stegun, 26.7.5).
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
