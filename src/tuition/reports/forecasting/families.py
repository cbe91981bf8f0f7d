"""The families of learning curves of the ensemble, one table row each.

Every family is written as `score(n) = level - gain * shape(n)`, where `shape` decreases from 1 at 16 labels towards 0
and has no free parameter: its own parameters are on a fixed grid. Level and gain are then found in closed form, without
an optimiser, starting point or seed. The families are those that the literature on learning curves compares (Viering
and Loog, "The Shape of Learning Curves", 2021; Mohr et al., "LCDB 1.0", 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Freedom = Literal["level and gain", "level", "gain below the range's top", "level above the range's floor"]

ANCHOR = 16.0
"""The number of labels at which every shape is 1: the gain is that of all labels after the 16th."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of curve: its shape at sizes `n` for each row of `grid`, and which of level and gain are free.

    The last two kinds of freedom constrain the pair: the level is the top of the metric's range, or level and gain are
    equal, so that the curve rises from the floor. `plateau` says whether the curve converges to its level.
    """

    name: str
    formula: str
    freedom: Freedom
    plateau: bool
    grid: tuple[tuple[float, ...], ...]
    shape: Callable[..., Any]


def _power(n: Array, exponent: float, offset: float) -> Array:
    return np.asarray(((n + offset) / (ANCHOR + offset)) ** -exponent)


def _exponential(n: Array, scale: float) -> Array:
    return np.asarray(np.minimum(np.exp(-(n - ANCHOR) / scale), _MOST))


def _mmf(n: Array, scale: float, exponent: float) -> Array:
    return np.asarray((1 + (ANCHOR / scale) ** exponent) / (1 + (n / scale) ** exponent))


def _weibull(n: Array, scale: float, exponent: float) -> Array:
    return np.asarray(np.minimum(np.exp((ANCHOR / scale) ** exponent - (n / scale) ** exponent), _MOST))


def _logistic(n: Array, scale: float, exponent: float) -> Array:
    # Not anchored: level and gain are the same number here, and the curve is level * (1 - shape).
    return np.asarray(1 / (1 + (n / scale) ** exponent))


def _log_linear(n: Array, offset: float) -> Array:
    # The gain is that of the labels from 16 to 16,000.
    return np.asarray(1 - np.log((n + offset) / (ANCHOR + offset)) / np.log(1000.0))


def _inverse_log(n: Array, offset: float) -> Array:
    return np.asarray(np.log(ANCHOR + offset) / np.log(n + offset))


def _constant(n: Array) -> Array:
    return np.zeros_like(n)


_MOST = 1e3
_SCALES = (10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 1e5)

FAMILIES: tuple[Family, ...] = (
    Family(
        "power law with plateau",
        "c - a (n + o)^-b",
        "level and gain",
        True,
        tuple(product((0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0), (1.0, 16.0, 100.0))),
        _power,
    ),
    Family(
        "power law without plateau",
        "top - a (n + o)^-b",
        "gain below the range's top",
        False,
        tuple(product((0.03, 0.06, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0), (1.0, 30.0))),
        _power,
    ),
    Family(
        "exponential",
        "c - a exp(-n / s)",
        "level and gain",
        True,
        tuple((s,) for s in (8.0, 20.0, 50.0, 120.0, 300.0, 800.0, 2e3, 5e3, 1.2e4, 3e4, 1e5)),
        _exponential,
    ),
    Family("MMF", "c - a / (1 + (n / s)^b)", "level and gain", True, tuple(product(_SCALES, (0.5, 1.0, 2.0))), _mmf),
    Family(
        "Weibull", "c - a exp(-(n / s)^b)", "level and gain", True, tuple(product(_SCALES, (0.35, 0.6, 1.6))), _weibull
    ),
    Family(
        "logistic in log n",
        "c / (1 + (n / s)^-b)",
        "level above the range's floor",
        True,
        tuple(product((1.0, 10.0, 100.0, 1e3, 1e4), (0.15, 0.3, 0.6, 1.2))),
        _logistic,
    ),
    Family("inverse log", "c - a / log(n + o)", "level and gain", False, ((2.0,), (16.0,)), _inverse_log),
    Family("log-linear", "c + a log(n + o)", "level and gain", False, ((1.0,), (16.0,), (100.0,)), _log_linear),
    Family("last value", "c", "level", True, ((),), _constant),
)


def shapes(n: Array, families: Sequence[Family] = FAMILIES) -> Array:
    """Return every shape of every family at sizes `n` (any array of sizes >= 0), along a new last axis."""
    return np.stack([family.shape(n, *row) for family in families for row in family.grid], axis=-1)


def family_of_shape(families: Sequence[Family] = FAMILIES) -> npt.NDArray[np.int64]:
    """Return, for each shape in the order of `shapes`, the index of its family."""
    return np.repeat(np.arange(len(families)), [len(family.grid) for family in families])
