"""A measured learning curve: mean scores at sizes, with the covariance of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuition.reports.forecasting.families import Array

SHARED_TEST_NOISE = 0.7
"""Share of a test set's sampling variance that moves all points of a curve together.

All sizes are evaluated on the same test instances, most of which are right or wrong at any size.
"""

SEED_NOISE = (-1.9, -0.28)
"""Log standard deviation between seeds at a score in the middle of the range: intercept, and slope in log(n + 8)."""

_SEED_WEIGHT = 4.0
"""The weight of the usual deviation between seeds, in numbers of seeds, relative to the measured one."""


@dataclass(frozen=True, slots=True)
class Measured:
    """k points of one curve, scores as shares of the metric's range.

    `sizes` and `values` are (k,), sizes ascending and distinct; `noise` (k, k) is the covariance of the errors of the
    values; `n` is the number of test instances and `seeds` (k,) how many runs each value is the mean of.
    """

    sizes: Array
    values: Array
    noise: Array
    seeds: Array
    n: float


def spread(values: Array) -> Array:
    """Return the relative standard deviation of a score at a level: 1 in the middle of the range, small at its ends."""
    inside = np.clip(values, 0.02, 0.98)
    return 2 * np.sqrt(inside * (1 - inside))


def seed_deviation(sizes: Array, values: Array) -> Array:
    """Return the usual standard deviation between seeds at `sizes` and `values`; 0 without labels."""
    usual = np.exp(SEED_NOISE[0] + SEED_NOISE[1] * np.log(sizes + 8)) * spread(values)
    return np.where(sizes > 0, usual, 0.0)


def test_variance(values: Array, n: float) -> Array:
    """Return the sampling variance of a mean of `n` scores in 0-1, with the largest possible: that of 0 and 1."""
    inside = (values * n + 1) / (n + 2)
    return inside * (1 - inside) / n


def measure(
    sizes: Sequence[float], by_seed: Sequence[Sequence[float]], n: float, test: Array | None = None
) -> Measured:
    """Return the curve whose value at `sizes[i]` is the mean of the scores `by_seed[i]`, each over `n` test instances.

    `test` (k,) replaces the sampling variance computed from `n`, if it is known more precisely (from an interval).
    """
    x = np.asarray(sizes, float)
    values = np.array([np.mean(scores) for scores in by_seed])
    seeds = np.array([len(scores) for scores in by_seed], float)
    sampling = test_variance(values, n) if test is None else np.asarray(test, float)
    usual = seed_deviation(x, values) ** 2 + (1 - SHARED_TEST_NOISE) * sampling
    seen = np.array([np.var(scores, ddof=1) if len(scores) > 1 else 0.0 for scores in by_seed])
    between = (_SEED_WEIGHT * usual + (seeds - 1) * seen) / (_SEED_WEIGHT + seeds - 1)
    together = np.sqrt(SHARED_TEST_NOISE * sampling)
    noise = np.diag(between / seeds) + together[:, None] * together[None, :]
    return Measured(x, values, noise, seeds, n)
