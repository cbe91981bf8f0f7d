"""Bootstrap confidence intervals over test instances, for the score of one set of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError

_Floats: TypeAlias = npt.NDArray[np.float64]
_Rows: TypeAlias = npt.NDArray[Any]

# Resampling works in blocks of about this many numbers (8 MB each), so memory does not grow with the resamples.
_BLOCK = 1 << 20
# Sampling the count of one distinct value costs about as much as sampling this many values.
_COUNT_COST = 16
# Sums of the same numbers in another order differ by rounding; within this relative difference they are equal.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` values and its confidence interval."""

    mean: float
    low: float
    high: float
    n: int


def bootstrap_interval(
    values: Sequence[float] | _Floats,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Interval:
    """Return the percentile bootstrap interval of the mean of one value per instance.

    Instances are resampled with replacement `resamples` times; the interval runs between the (1 − level)/2 and
    (1 + level)/2 quantiles of the means (Efron and Tibshirani, 1993, chapter 13). For few instances it is known to be
    somewhat too narrow. The same arguments give the same interval. Memory use is some tens of MB, or 16 bytes per
    instance where that is more.

    Resampling equal values gives equal means, so 0 right of 50 would look certain. If all values are the same c, the
    interval is therefore based on *unseen* instances. If a share q of all instances differed from c, a sample of n
    would contain none of them with probability (1 − q)^n, which is at least (1 − level)/2 up to
    q = 1 − ((1 − level)/2)^(1/n). The ends of the interval are the mean with a share q of values at the lower and at
    the upper of `bounds`. For c = 0 or 1 in 0-1 these are the limits of Clopper and Pearson (1934), the exact form of
    the "rule of three" (Hanley and Lippman-Hand, 1983): 0 of 50 gives 0 to 0.071. A single value (n = 1) is such a
    case, and its interval is almost the full range. Without bounds, unseen instances could have any value, and equal
    values give an interval of zero width.

    Args:
        values: one score per instance.
        level: the confidence level, between 0 and 1.
        resamples: the number of resamples; at 2000 the ends vary by some 2% of the width.
        seed: the seed of the resampling.
        bounds: the lowest and highest possible value of an instance; None if unbounded.

    Raises:
        UserError: there is no value.
        ValueError: a value is not finite or outside `bounds`, or `level` or `resamples` is out of range.
    """
    return interval_of(mean_of(values, bounds), level=level, resamples=resamples, seed=seed, bounds=bounds)


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic of `n` instances that can be recomputed for resamples.

    `draw` resamples the instances the given number of times and returns the statistic of each resample. `constant` is
    True where no resample can differ, None where that is not known beforehand.
    """

    observed: float
    n: int
    draw: Callable[[int, np.random.Generator], _Floats]
    constant: bool | None = None


def mean_of(values: Sequence[float] | _Floats, bounds: tuple[float, float] | None = (0.0, 1.0)) -> Statistic:
    """Return the mean of one value per instance as a statistic.

    Raises:
        UserError: there is no value.
        ValueError: a value is not finite or outside `bounds`.
    """
    scores = _checked(values, bounds)
    constant = bool(np.ptp(scores) <= _ROUNDING * np.abs(scores).max())
    return Statistic(
        float(scores.mean()), len(scores), lambda resamples, rng: _resampled_means(scores, resamples, rng), constant
    )


def corpus_of(rows: _Rows, value: Callable[[_Rows, _Rows], _Floats]) -> Statistic:
    """Return a corpus score that is not a mean over instances (corpus BLEU, macro-F1) as a statistic.

    Args:
        rows: the numbers of each instance that the score is computed from, n × k.
        value: returns the score of each resample, from rows (m × k) and each row's counts (resamples × m).

    Raises:
        UserError: there is no row.
    """
    if not len(rows):
        raise UserError("there is no instance to score (n = 0); give at least one")
    observed = value(rows, np.ones((1, len(rows)), dtype=np.int64))
    return Statistic(
        float(observed[0]), len(rows), lambda resamples, rng: _resampled_corpora(rows, value, resamples, rng)
    )


def macro_of(groups: Sequence[Statistic]) -> Statistic:
    """Return the mean over groups with equal weights as a statistic; instances are resampled within their groups.

    The groups themselves are not resampled: its interval is about these tasks, not about others like them.

    Raises:
        UserError: there is no group.
    """
    if not groups:
        raise UserError("there is no task to take the mean of; score at least one")

    def draw(resamples: int, rng: np.random.Generator) -> _Floats:
        total = np.zeros(resamples)
        for group in groups:
            total += group.draw(resamples, rng)
        means: _Floats = total / len(groups)
        return means

    observed = float(np.mean([group.observed for group in groups]))
    return Statistic(observed, sum(group.n for group in groups), draw)


def interval_of(
    statistic: Statistic,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Interval:
    """Return the percentile bootstrap interval of any statistic; see `bootstrap_interval`, which is that of a mean.

    Where all resamples are equal, the interval is the one that `bootstrap_interval` gives for equal values.

    Raises:
        ValueError: `level` or `resamples` is out of range.
    """
    low, high = _ends(statistic, level, resamples, np.random.Generator(np.random.PCG64(seed)), bounds)
    return Interval(statistic.observed, low, high, statistic.n)


def _checked(values: Sequence[float] | _Floats, bounds: tuple[float, float] | None) -> _Floats:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"values of shape {scores.shape}; give one number per instance")
    if not scores.size:
        raise UserError("there is no score to take the mean of (n = 0); score at least one instance")
    if not np.isfinite(scores).all():
        at = int(np.argmin(np.isfinite(scores)))
        raise ValueError(f"value {at} is {scores[at]}; every instance needs a finite score")
    if bounds is not None:
        outside = scores[(scores < bounds[0]) | (scores > bounds[1])]
        if outside.size:
            raise ValueError(f"the value {outside[0]} is not in {bounds[0]} to {bounds[1]}; give the metric's `bounds`")
    return scores


def _ends(
    statistic: Statistic,
    level: float,
    resamples: int,
    rng: np.random.Generator,
    bounds: tuple[float, float] | None,
) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1; 0.95 is usual")
    if resamples < 1:
        raise ValueError(f"{resamples} resamples; at least 1 is needed, 2000 are usual")
    tail = (1 - level) / 2
    if statistic.constant:
        return _unseen_ends(statistic.observed, statistic.n, tail, bounds)
    drawn = statistic.draw(resamples, rng)
    if statistic.constant is None and resamples > 1 and np.ptp(drawn) <= _ROUNDING * np.abs(drawn).max():
        return _unseen_ends(statistic.observed, statistic.n, tail, bounds)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _unseen_ends(constant: float, n: int, tail: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Return the interval of a statistic that is constant over all seen instances, based on unseen ones."""
    if bounds is None:
        return constant, constant
    unseen = 1 - tail ** (1 / n)
    return (1 - unseen) * constant + unseen * bounds[0], (1 - unseen) * constant + unseen * bounds[1]


def _resampled_corpora(
    rows: _Rows, value: Callable[[_Rows, _Rows], _Floats], resamples: int, rng: np.random.Generator
) -> _Floats:
    """Return the scores of `resamples` samples of len(rows) rows with replacement."""
    n = len(rows)
    distinct, times = np.unique(rows, axis=0, return_counts=True)
    few = len(distinct) * _COUNT_COST <= n
    kept = distinct if few else rows
    figures = np.empty(resamples)
    for block, size in _blocks(resamples, len(kept)):
        if few:
            counts = rng.multinomial(n, times / n, size=size)
        else:
            drawn = rng.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        figures[block] = value(kept, counts)
    return figures


def _resampled_means(values: _Floats, resamples: int, rng: np.random.Generator) -> _Floats:
    """Return the means of `resamples` samples of len(values) values with replacement."""
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    few = _few(distinct, n)
    means = np.empty(resamples)
    for rows, size in _blocks(resamples, len(distinct) if few else n):
        if few:
            sums = (rng.multinomial(n, counts / n, size=size) * distinct).sum(axis=1)
        else:
            sums = values[rng.integers(0, n, size=(size, n))].sum(axis=1)
        means[rows] = sums / n
    return means


def _few(distinct: _Floats, n: int) -> bool:
    """Whether there are so few distinct values that it is cheaper to sample their counts than to sample instances."""
    return len(distinct) * _COUNT_COST <= n


def _blocks(rows: int, width: int) -> Iterator[tuple[slice, int]]:
    """Yield blocks of rows with about `_BLOCK` numbers each: the block's slice and its number of rows."""
    step = max(1, _BLOCK // width)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        yield slice(start, stop), stop - start
