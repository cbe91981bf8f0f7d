"""Significance tests: approximate randomisation, and corrections for multiple tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

_Floats: TypeAlias = npt.NDArray[np.float64]
Correction = Literal["holm", "benjamini-hochberg", "none"]

_BLOCK = 1 << 20
# Sums of the same numbers in another order differ by rounding; within this share of their absolute sum they are equal.
_ROUNDING = 1e-12


def sign_flip_p(differences: _Floats, *, resamples: int = 9999, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of the paired randomisation test of a sum of differences (Noreen, 1989).

    Under the null hypothesis the two scores of a unit (an instance, a task) are exchangeable, so each difference could
    have the other sign. p is the share of sign patterns whose sum is at least as far from 0 as the observed sum. With
    at most `resamples` + 1 patterns all are enumerated and p is exact; otherwise `resamples` random patterns and the
    observed one are used. Differences of 0 have no influence; if all are 0, p is 1.

    Args:
        differences: one per unit, multiplied by the unit's weight in the mean; shape (n,).
        resamples: the number of random patterns.
        rng: the random generator.
    """
    values = differences[differences != 0]
    n = len(values)
    if not n:
        return 1.0
    observed = abs(float(values.sum())) - _ROUNDING * float(np.abs(values).sum())
    if n < 63 and 2**n <= resamples + 1:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float((np.abs(_sums(patterns, values)) >= observed).mean())
    as_far, step = 1, max(1, _BLOCK // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        bits = np.unpackbits(rng.integers(0, 256, (size, -(-n // 8)), dtype=np.uint8), axis=1)[:, :n]
        as_far += int((np.abs(_sums(bits, values)) >= observed).sum())
    return as_far / (resamples + 1)


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p-values, which control the family-wise error rate.

    Raises:
        ValueError: a value is not in 0-1.
    """
    values, order = _ordered(p)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return _back(steps, order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's (1995) adjusted p-values, which control the false discovery rate.

    This holds for independent and for positively dependent tests.

    Raises:
        ValueError: a value is not in 0-1.
    """
    values, order = _ordered(p)
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _back(np.minimum.accumulate(scaled[::-1])[::-1], order)


CORRECTIONS: dict[Correction, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
    "none": list,
}


def _sums(bits: npt.NDArray[Any], values: _Floats) -> _Floats:
    """Return the sum of the values under each pattern of bits, where 0 flips a value's sign."""
    sums: _Floats = 2 * (bits @ values) - values.sum()
    return sums


def _ordered(p: Sequence[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    values = np.asarray(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values lie in 0 to 1: {values[~((values >= 0) & (values <= 1))][0]}")
    return values, np.argsort(values, kind="stable")


def _back(adjusted: npt.NDArray[np.float64], order: npt.NDArray[np.intp]) -> list[float]:
    unsorted = np.empty(len(order))
    unsorted[order] = np.minimum(adjusted, 1.0)
    return [float(value) for value in unsorted]
