"""Resampling of tasks, seeds and instances: any number of statistics, all from the same resamples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError
from tuition.evaluation.stats.variance_components import Variance, crossed_terms

Level = Literal["tasks", "seeds", "instances"]
"""What can be resampled."""
LEVELS: tuple[Level, ...] = get_args(Level)

_Floats: TypeAlias = npt.NDArray[np.float64]
Parts: TypeAlias = Sequence[_Floats]
"""A task's k statistics as a sum of arrays (seeds…, instances, k). Parts share their instances, but no seeds."""

# Resampling works in blocks of about this many numbers: they fit the processor's cache, and memory does not grow.
_BLOCK = 1 << 18
# A spread below this share of a statistic is rounding error.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Resampled:
    """k statistics, the resamples' deviations from them (resamples × k), standard errors and degrees of freedom."""

    observed: _Floats
    deviations: _Floats
    error: _Floats
    freedom: _Floats

    def draws(self, level: float = 0.95) -> _Floats:
        """Return resampled statistics whose percentiles are the ends of an interval of that level (resamples × k)."""
        spread = self.deviations.std(axis=0)
        tail = (1 + level) / 2
        wide = student_t(tail, self.freedom) / NormalDist().inv_cdf(tail)
        known = spread > ROUNDING * np.maximum(np.abs(self.observed), ROUNDING)
        scale = np.where(known, wide * self.error / np.where(known, spread, 1.0), 0.0)
        scaled: _Floats = self.observed + self.deviations * scale
        return scaled


def seeds_of(part: _Floats) -> int:
    """Return how many seeds, or combinations of seeds, a part of a task has."""
    return math.prod(part.shape[:-2])


def resample(
    tasks: Sequence[Parts],
    *,
    drawn: Sequence[Level],
    shared_seeds: bool = False,
    resamples: int,
    rng: np.random.Generator,
) -> Resampled:
    """Resample k statistics of tasks, all with the same resamples.

    Args:
        tasks: each task's parts.
        drawn: the levels that are resampled.
        shared_seeds: whether the seeds of all tasks are the same models; parts then correspond between tasks.
        resamples: the number of resamples.
        rng: the random generator.

    Raises:
        UserError: there is no task, tasks are resampled and there is only one, or shared seeds differ in number
            between tasks.
        ValueError: there are fewer than two resamples.
    """
    if resamples < 2:
        raise ValueError(f"{resamples} resamples; at least 2 are needed, 2000 are usual")
    if not tasks:
        raise UserError("there is no task to take the mean of; score at least one")
    if "tasks" in drawn and len(tasks) < 2:
        raise UserError("one task does not show how tasks vary; compare on more, or resample only seeds and instances")
    shared = shared_seeds and "seeds" in drawn
    if shared and len({tuple(part.shape[:-2] for part in own) for own in tasks}) > 1:
        raise UserError(
            "seeds are shared by all tasks, but tasks have different numbers of seeds; finish all runs, or do not share"
        )
    prepared = [_Task(own, drawn, shared) for own in tasks]
    means = np.stack([task.mean for task in prepared])
    cells = [np.mean([task.cells[at] for task in prepared], axis=0) for at in range(len(tasks[0]))] if shared else []
    variance = _variance(prepared, means, cells, "tasks" in drawn)
    total, freedom = variance.total()
    deviations = (
        _draw_tasks(prepared, means, resamples, rng)
        if "tasks" in drawn
        else _draw_within(prepared, means, resamples, rng)
    )
    for margin in _seed_margins(cells):
        deviations += _mean_draws(margin, resamples, rng)
    return Resampled(means.mean(axis=0), deviations, np.sqrt(total), freedom)


def student_t(probability: float, freedom: _Floats | float) -> _Floats:
    """Return quantiles of Student's t; infinite degrees of freedom give normal quantiles."""
    from scipy.special import stdtrit

    quantiles: _Floats = np.asarray(stdtrit(np.minimum(freedom, 1e9), probability), dtype=np.float64)
    return quantiles


class _Task:
    """A task prepared for resampling: its means, the deviations of its seeds and instances, and their variances."""

    def __init__(self, parts: Parts, drawn: Sequence[Level], shared: bool) -> None:
        own_seeds, instances = "seeds" in drawn and not shared, "instances" in drawn
        self.cells = [part.mean(axis=-2) for part in parts]
        by_instance: _Floats = np.sum([part.mean(axis=tuple(range(part.ndim - 2))) for part in parts], axis=0)
        self.mean: _Floats = by_instance.mean(axis=0)
        self.terms: list[tuple[tuple[str, ...], _Floats, int]] = []
        self.margins = _seed_margins(self.cells) if own_seeds else []
        if instances and len(by_instance) > 1:
            self.margins.append(by_instance - self.mean)
            self.terms.append((("instances",), *crossed_terms(by_instance)[0,]))
        if "seeds" not in drawn:
            return
        for part, cell in zip(parts, self.cells, strict=True):
            last = part.ndim - 2
            for axes, (value, freedom) in crossed_terms(part if instances else cell).items():
                mixed = last in axes
                if axes != (last,) and (own_seeds or mixed):
                    source = tuple("instances" if axis == last else f"seeds {axis}" for axis in axes)
                    self.terms.append((source, value, freedom))

    def draw(self, resamples: int, rng: np.random.Generator) -> _Floats:
        """Return the deviations of its mean in resamples of its own seeds and instances (resamples × k)."""
        drawn = np.zeros((resamples, len(self.mean)))
        for margin in self.margins:
            drawn += _mean_draws(margin, resamples, rng)
        return drawn


def _variance(tasks: Sequence[_Task], means: _Floats, cells: Sequence[_Floats], random_tasks: bool) -> Variance:
    """Return the variance of the mean over tasks; `cells` are the means of shared seeds, where there are any."""
    variance, count = Variance(means.shape[1]), len(tasks)
    if random_tasks:
        variance.add(("tasks",), *crossed_terms(means)[0,])
    else:
        for task in tasks:
            for source, value, freedom in task.terms:
                variance.add(source, value / count**2, freedom)
    for at, cell in enumerate(cells):
        # Shared seeds are crossed with tasks: with tasks resampled, their interaction is in the spread between tasks.
        stacked = np.stack([task.cells[at] for task in tasks]) if random_tasks else cell[None]
        for axes, (value, freedom) in crossed_terms(stacked).items():
            if axes != (0,):
                source = tuple("tasks" if axis == 0 else f"seeds {axis - 1}" for axis in axes)
                variance.add(source, value, freedom)
    return variance


def _draw_within(tasks: Sequence[_Task], means: _Floats, resamples: int, rng: np.random.Generator) -> _Floats:
    deviations = np.zeros((resamples, means.shape[1]))
    for task in tasks:
        deviations += task.draw(resamples, rng)
    deviations /= len(tasks)
    return deviations


def _draw_tasks(tasks: Sequence[_Task], means: _Floats, resamples: int, rng: np.random.Generator) -> _Floats:
    """Resample tasks, and the seeds and instances within each sampled task."""
    count, figures = len(tasks), means.shape[1]
    centred = means - means.mean(axis=0)
    deviations = np.empty((resamples, figures))
    step = max(1, 4 * _BLOCK // count)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        chosen = rng.integers(0, count, size=size * count, dtype=np.int32)
        row_of = np.argsort(chosen, kind="stable") // count  # the resamples that drew task 0, then those of task 1, …
        ends = np.cumsum(np.bincount(chosen, minlength=count))
        drawn = centred[np.repeat(np.arange(count), np.diff(ends, prepend=0))]
        for at, task in enumerate(tasks):
            begin = ends[at - 1] if at else 0
            drawn[begin : ends[at]] += task.draw(int(ends[at] - begin), rng)
        for figure in range(figures):
            sums = np.bincount(row_of, weights=drawn[:, figure], minlength=size)
            deviations[start : start + size, figure] = sums / count
    return deviations


def _seed_margins(cells: Sequence[_Floats]) -> list[_Floats]:
    """Return the deviations of each seed's mean, for every axis of seeds of every part (seeds × k)."""
    margins = []
    for cell in cells:
        for axis in range(cell.ndim - 1):
            if cell.shape[axis] > 1:
                others = tuple(other for other in range(cell.ndim - 1) if other != axis)
                means = cell.mean(axis=others)
                margins.append(means - means.mean(axis=0))
    return margins


def _mean_draws(margin: _Floats, resamples: int, rng: np.random.Generator) -> _Floats:
    """Return the means of len(margin) rows sampled with replacement (resamples × k)."""
    n, figures = margin.shape
    means = np.empty((resamples, figures))
    step = max(1, _BLOCK // n)
    kind = np.uint16 if n <= 1 << 16 else np.int64  # small integers are sampled four times as fast
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        rows = rng.integers(0, n, size=(size, n), dtype=kind)
        if figures == 1:
            means[start : start + size, 0] = margin[:, 0].take(rows).sum(axis=1)
        else:
            positions = rows + n * np.arange(size)[:, None]
            counts = np.bincount(positions.ravel(), minlength=size * n).reshape(size, n)
            means[start : start + size] = counts @ margin
    means /= n
    return means
