"""Confidence intervals of a mean over tasks: a hierarchical bootstrap over tasks, seeds and instances.

A task's scores are an array with one or several axes of seeds (for sampling labels, their order, initialisation) and a
last axis of instances; all seeds answer the same instances. Which levels are resampled decides the claim: without
tasks, it is about exactly these tasks; with tasks, about tasks like these.

Resampling with replacement at every level overestimates the variance, since the spread of the tasks' means already
includes that of their seeds and instances (Davison and Hinkley, 1997, section 3.8). With few seeds or tasks it
underestimates it, since n resampled out of n have only (n - 1)/n of the variance. So resampling gives only the *shape*
of an interval. Its width comes from the unbiased variance of `variance_components`, with Student's t for few units (cf.
Hesterberg, 2015, on expanded percentile intervals). `benchmarks/bootstrap.py` measures the coverage of these intervals
and of plain ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError
from tuition.evaluation.stats.intervals import bootstrap_interval
from tuition.evaluation.stats.resampling import LEVELS, ROUNDING, Level, Parts, resample

_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HierarchicalInterval:
    """The mean over tasks with equal weights, its interval, its standard error and degrees of freedom.

    A level with only one unit (one seed, say) cannot vary, so the interval does not include its variation.
    """

    mean: float
    low: float
    high: float
    error: float
    freedom: float


def hierarchical_interval(
    tasks: Sequence[_Floats],
    *,
    drawn: Iterable[Level] = LEVELS,
    shared_seeds: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    corrected: bool = True,
) -> HierarchicalInterval:
    """Return the mean over tasks with its interval.

    Args:
        tasks: each task's scores, an array whose last axis is the instances and whose others are seeds; a task with one
            seed may have one axis. For a paired comparison, the differences. Sizes may differ between tasks.
        drawn: the levels that are resampled.
        shared_seeds: whether one seed's model answers all tasks (a multi-task stage), so that a seed's effect is the
            same model's on all of them. Every task then needs the same number of seeds.
        level: the confidence level.
        resamples: the number of resamples.
        seed: the seed of the resampling.
        bounds: the lowest and highest possible value of an instance, (-1, 1) for differences of scores in 0-1. Where
            all values are equal, they bound what unseen instances could contribute (see `bootstrap_interval`).
        corrected: whether to scale the resampled means to the unbiased variance; if not, the ends are percentiles of
            plain resampling with replacement at every level.

    Raises:
        UserError: there is no task or value, a value is not finite, or tasks are resampled and there is only one.
        ValueError: shapes, bounds or options are invalid.
    """
    parts = [[_array(values, at, bounds)[..., None]] for at, values in enumerate(tasks)]
    return parts_interval(
        parts,
        drawn=drawn,
        shared_seeds=shared_seeds,
        level=level,
        resamples=resamples,
        seed=seed,
        bounds=bounds,
        corrected=corrected,
    )


def parts_interval(
    tasks: Sequence[Parts],
    *,
    drawn: Iterable[Level] = LEVELS,
    shared_seeds: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int,
    bounds: tuple[float, float] | None,
    corrected: bool = True,
) -> HierarchicalInterval:
    """Return `hierarchical_interval` of one statistic (k = 1) that is a sum of parts; `bounds` are those of the sum."""
    wanted = _levels(drawn)
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1; 0.95 is usual")
    rng = np.random.Generator(np.random.PCG64(seed))
    made = resample(tasks, drawn=wanted, shared_seeds=shared_seeds, resamples=resamples, rng=rng)
    mean, error = float(made.observed[0]), float(made.error[0])
    if error <= ROUNDING * max(abs(mean), ROUNDING):
        units = len(tasks) if "tasks" in wanted else sum(own[0].shape[-2] for own in tasks)
        constant = mean if bounds is None else min(max(mean, bounds[0]), bounds[1])
        same = bootstrap_interval(np.full(units, constant), level=level, resamples=1, seed=seed, bounds=bounds)
        low, high = same.low, same.high
    else:
        figures = made.draws(level)[:, 0] if corrected else made.observed[0] + made.deviations[:, 0]
        low, high = (float(end) for end in np.quantile(figures, [(1 - level) / 2, (1 + level) / 2]))
        if bounds is not None:
            low, high = max(low, bounds[0]), min(high, bounds[1])
    return HierarchicalInterval(
        mean=mean,
        low=low,
        high=high,
        error=error,
        freedom=float(made.freedom[0]),
    )


def _levels(drawn: Iterable[Level]) -> tuple[Level, ...]:
    wanted = tuple(drawn)
    if unknown := [one for one in wanted if one not in LEVELS]:
        raise ValueError(f"{unknown[0]!r} is not a level; levels are {', '.join(LEVELS)}")
    if not wanted:
        raise ValueError(f"no level is resampled, so nothing varies; give some of {', '.join(LEVELS)}")
    return tuple(one for one in LEVELS if one in wanted)


def _array(values: _Floats, at: int, bounds: tuple[float, float] | None) -> _Floats:
    scores = np.asarray(values, dtype=np.float64)
    if not scores.ndim:
        raise ValueError(f"task {at} has one bare number; give an array whose last axis is the instances")
    if not scores.size:
        raise UserError(f"task {at} has no score (shape {scores.shape}); score at least one instance")
    if not np.isfinite(scores).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(scores))[0])
        raise UserError(f"task {at} has the value {scores[place]} at {place}; every instance needs a finite score")
    if bounds is not None and (scores.min() < bounds[0] or scores.max() > bounds[1]):
        wrong = scores.min() if scores.min() < bounds[0] else scores.max()
        raise ValueError(f"task {at} has the value {wrong}, not in {bounds[0]} to {bounds[1]}; give `bounds`")
    return scores
