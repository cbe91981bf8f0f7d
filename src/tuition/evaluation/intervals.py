"""How sure a mean is: bootstrap intervals over test instances, and a paired test of two sets of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError

_Floats: TypeAlias = npt.NDArray[np.float64]

# Draws are made in blocks of about this many numbers (8 MB each), so that memory does not grow with the resamples.
_BLOCK = 1 << 20
# To draw how often a value comes costs about as much as to draw this many values.
_COUNT_COST = 16
# Sums of the same numbers in another order differ by rounding; within this share of each other they are equal.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` values, and the ends of its interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The mean of a − b over `n` instances, the ends of its interval, and `p`, two-sided, for no difference."""

    difference: float
    low: float
    high: float
    p: float
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

    Instances are drawn anew with replacement `resamples` times; the interval runs between the (1 − level)/2 and
    (1 + level)/2 quantiles of the means (Efron and Tibshirani, 1993, chapter 13). For few instances it is known to be
    somewhat too narrow. The same arguments give the same interval. Memory stays at some tens of MB, or 16 bytes per
    instance where that is more.

    Resampling equal values gives equal means: 0 right of 50 would pass for certainty. If all values are the same c,
    the interval therefore says what the instances *not* seen could do. Were a share q of all instances unlike c, n
    draws would miss them with probability (1 − q)^n; up to q = 1 − ((1 − level)/2)^(1/n) that is not improbable. So
    the interval is that mean with a share q at the lower and at the upper of `bounds`. For 0 or 1 in 0-1 these are the
    limits of Clopper and Pearson (1934), the exact form of the "rule of three" (Hanley and Lippman-Hand, 1983): 0 of
    50 gives 0 to 0.071. A single value (n = 1) is such a case, and gives nearly all of the bounds. Without bounds
    nothing can be said of the unseen, and equal values give an interval of no width.

    Args:
        values: one score per instance.
        level: the share of such intervals that should hold the true mean, between 0 and 1.
        resamples: how often to draw; the ends vary by some 2% of the width at 2000.
        seed: decides the draws.
        bounds: the least and the greatest value that an instance can have; None if there are none.

    Raises:
        UserError: there is no value.
        ValueError: a value is not finite or outside `bounds`, or `level` or `resamples` is out of range.
    """
    scores = _checked(values, bounds)
    low, high = _ends(scores, level, resamples, np.random.Generator(np.random.PCG64(seed)), bounds)
    return Interval(float(scores.mean()), low, high, len(scores))


def paired_bootstrap(
    a: Sequence[float] | _Floats,
    b: Sequence[float] | _Floats,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> PairedTest:
    """Compare two sets of scores of the same instances, in the same order.

    The interval is `bootstrap_interval` of the differences a − b, `bounds` being those of the scores. `p` comes from
    the paired randomisation test (Noreen, 1989; for language tasks see Dror et al., 2018): if it made no difference
    which of two scores an instance got, every difference could as well have the other sign; p is the share of random
    signs, the observed ones among them, whose mean is at least as far from 0. Unlike the share of resampled means
    beyond 0 it stays honest for few instances: one instance gives p = 1, and five wins out of five 0.06. The least p
    that can come out is 1/(resamples + 1).

    Raises:
        UserError: there is no value.
        ValueError: `a` and `b` differ in length, or as `bootstrap_interval`.
    """
    first, second = _checked(a, bounds), _checked(b, bounds)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores against {len(second)}; a paired test needs both for every instance")
    differences = first - second
    reach = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    rng = np.random.Generator(np.random.PCG64(seed))
    low, high = _ends(differences, level, resamples, rng, reach)
    p = _sign_flip_p(differences, resamples, rng)
    return PairedTest(float(differences.mean()), low, high, p, len(differences))


def _checked(values: Sequence[float] | _Floats, bounds: tuple[float, float] | None) -> _Floats:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"values of shape {scores.shape}; give one number per instance")
    if not scores.size:
        raise UserError("there is no score to take the mean of (n = 0); judge at least one instance")
    if not np.isfinite(scores).all():
        at = int(np.argmin(np.isfinite(scores)))
        raise ValueError(f"value {at} is {scores[at]}; every instance needs a finite score")
    if bounds is not None:
        outside = scores[(scores < bounds[0]) | (scores > bounds[1])]
        if outside.size:
            raise ValueError(f"the value {outside[0]} is not in {bounds[0]} to {bounds[1]}; give the metric's `bounds`")
    return scores


def _ends(
    values: _Floats,
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
    if np.ptp(values) <= _ROUNDING * np.abs(values).max():
        constant = float(values[0])
        if bounds is None:
            return constant, constant
        unseen = 1 - tail ** (1 / len(values))
        return (1 - unseen) * constant + unseen * bounds[0], (1 - unseen) * constant + unseen * bounds[1]
    low, high = np.quantile(_resampled_means(values, resamples, rng), [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(values: _Floats, resamples: int, rng: np.random.Generator) -> _Floats:
    """Return the means of `resamples` draws of len(values) values with replacement."""
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


def _sign_flip_p(differences: _Floats, resamples: int, rng: np.random.Generator) -> float:
    """Return the two-sided p of the paired randomisation test, with the observed signs counted as one draw."""
    n = len(differences)
    sizes, counts = np.unique(np.abs(differences), return_counts=True)
    few = _few(sizes, n)
    observed = abs(float(differences.sum())) * (1 - _ROUNDING)
    as_far = 1
    for _, size in _blocks(resamples, len(sizes) if few else n):
        if few:
            # Of `count` differences of one size, Binomial(count, 1/2) keep their sign.
            sums = ((2 * rng.binomial(counts, 0.5, size=(size, len(sizes))) - counts) * sizes).sum(axis=1)
        else:
            sums = np.where(rng.integers(0, 2, size=(size, n), dtype=np.bool_), differences, -differences).sum(axis=1)
        as_far += int((np.abs(sums) >= observed).sum())
    return as_far / (resamples + 1)


def _few(distinct: _Floats, n: int) -> bool:
    """Whether the values are so few beside the instances that counts of them are drawn, not instances."""
    return len(distinct) * _COUNT_COST <= n


def _blocks(rows: int, width: int) -> Iterator[tuple[slice, int]]:
    """Yield the rows in blocks of about `_BLOCK` numbers, each as its slice and how many rows it has."""
    step = max(1, _BLOCK // width)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        yield slice(start, stop), stop - start
