"""How sure a mean over tasks is: a bootstrap over tasks, the seeds of each, and the instances that all seeds answer.

A task's scores are an array of one or several axes of seeds (for the labels drawn, their order, the initialisation),
and one of instances. What is drawn anew says what is claimed: without tasks, something of these very tasks; with tasks,
of tasks like these.

Drawing with replacement at every level counts chance more than once, since the spread of tasks' means already holds
that of their seeds and instances (Davison and Hinkley, 1997, section 3.8); with few seeds or tasks it counts too little
of them, since n draws of n vary by (n - 1)/n of what they should. So only the *shape* of an interval is from the draws.
Its width is from the unbiased variance of `components`, with Student's t for few units (cf. Hesterberg, 2015, on
expanded percentile intervals). `benchmarks/bootstrap.py` measures how often such intervals, and plain ones, hold the
truth.
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
    """The mean over tasks, each weighing the same, the ends of its interval, its standard error and degrees of freedom.

    A level of which there is only one (one seed, say) cannot vary: what it would change, the interval does not hold.
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
        tasks: each task's scores, an array whose last axis is the instances and whose others are seeds; a task of one
            seed may have one axis. For a paired comparison, the differences. Sizes may differ between tasks.
        drawn: the levels that are drawn anew.
        shared_seeds: whether one seed's model answers all tasks (a multi-task stage), so that what a seed changes, it
            changes on all of them. Every task then needs the same number of seeds.
        level: the share of such intervals that should hold the true mean.
        resamples: how often to draw.
        seed: decides the draws.
        bounds: the least and the greatest value that an instance can have, (-1, 1) for differences of scores in 0-1.
            Where all values are equal, the interval says what those not seen could do (see `bootstrap_interval`).
        corrected: whether the draws get the right width; without, the ends are the percentiles of plain draws with
            replacement at every level.

    Raises:
        UserError: there is no task or value, a value is not finite, or there is one task to tell how tasks vary by.
        ValueError: shapes, bounds or options that cannot be.
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
    """Return `hierarchical_interval` of one figure (k = 1) that is a sum of parts, `bounds` being those of the sum."""
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
        raise ValueError(f"{unknown[0]!r} is no level; there are {', '.join(LEVELS)}")
    if not wanted:
        raise ValueError(f"nothing is drawn, so nothing varies; give some of {', '.join(LEVELS)}")
    return tuple(one for one in LEVELS if one in wanted)


def _array(values: _Floats, at: int, bounds: tuple[float, float] | None) -> _Floats:
    scores = np.asarray(values, dtype=np.float64)
    if not scores.ndim:
        raise ValueError(f"task {at} has one bare number; give an array whose last axis is the instances")
    if not scores.size:
        raise UserError(f"task {at} has no score (shape {scores.shape}); judge at least one instance")
    if not np.isfinite(scores).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(scores))[0])
        raise UserError(f"task {at} has the value {scores[place]} at {place}; every instance needs a finite score")
    if bounds is not None and (scores.min() < bounds[0] or scores.max() > bounds[1]):
        wrong = scores.min() if scores.min() < bounds[0] else scores.max()
        raise ValueError(f"task {at} has the value {wrong}, not in {bounds[0]} to {bounds[1]}; give `bounds`")
    return scores
