"""What the forecaster is compared with: the last value, and each family of curves alone, fitted by least squares.

A family's shapes are searched on a grid several times denser than the forecaster's, and for each the level and gain
that fit best within the range (level at most 1, gain not negative) are found in closed form: the least-squares optimum
up to the grid. The distributions around these point forecasts are those of their errors on the training half, by
number of points and reach, so that the widths of all forecasts are estimated from the same curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from _lcdb import lcdb_curves
from tuition.reports.forecasting.families import FAMILIES, Family

Array = npt.NDArray[np.float64]
Trial = lcdb_curves.Trial
LAST = "last value"
_DENSE: dict[int, tuple[tuple[float, ...], ...]] = {
    0: tuple(product(np.geomspace(0.02, 3, 40), (0.0,))),
    1: tuple(product(np.geomspace(0.01, 3, 60), (0.0,))),
    2: tuple((s,) for s in np.geomspace(4, 3e5, 60)),
    3: tuple(product(np.geomspace(2, 3e5, 20), np.geomspace(0.2, 4, 10))),
    4: tuple(product(np.geomspace(2, 3e5, 20), np.geomspace(0.2, 4, 10))),
    5: tuple(product(np.geomspace(0.1, 1e5, 20), np.geomspace(0.05, 3, 14))),
    6: tuple((o,) for o in (1.5, 2.0, 4.0, 16.0)),
    7: tuple((o,) for o in (1.0, 4.0, 16.0, 64.0)),
}


def peers() -> list[str]:
    """Return the names of all peers: the last value, and every family but the constant."""
    return [LAST, *(family.name for family in FAMILIES if family.name != LAST)]


def point_forecasts(trials: Sequence[Trial], name: str) -> Array:
    """Return the scores (N, R) that the peer `name` predicts at the trials' goals."""
    if name == LAST:
        return np.array([np.full(len(t.goals), t.seen.values[-1]) for t in trials])
    place = next(i for i, family in enumerate(FAMILIES) if family.name == name)
    made = np.empty((len(trials), len(trials[0].goals)))
    counts = np.array([len(t.seen.sizes) for t in trials])
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        for some in np.array_split(rows, max(len(rows) // 500, 1)):
            made[some] = _fit([trials[i] for i in some], FAMILIES[place], _DENSE[place])
    return made


def _fit(trials: Sequence[Trial], family: Family, grid: tuple[tuple[float, ...], ...]) -> Array:
    sizes = np.array([t.seen.sizes for t in trials])
    # A negative power of zero does not exist: half a label is used instead.
    sizes = np.where(sizes == 0, 0.5, sizes)
    y = np.array([t.seen.values for t in trials])[:, None]
    goals = np.array([t.goals for t in trials])
    shape = np.stack([family.shape(sizes, *row) for row in grid], axis=1)
    ahead = np.stack([family.shape(goals, *row) for row in grid], axis=1)
    level, gain = least_squares(shape, y, family)
    error = ((y - level[..., None] + gain[..., None] * shape) ** 2).sum(2)
    best = error.argmin(1)[:, None]
    pick = np.arange(len(trials))[:, None]
    return np.clip(level[pick, best] - gain[pick, best] * ahead[pick[:, 0], best[:, 0]], 0, 1)


def least_squares(shape: Array, y: Array, family: Family) -> tuple[Array, Array]:
    """Return the levels and gains (N, S) that fit `y` (N, 1, K) best within their range, for shapes (N, S, K)."""
    if family.freedom == "level above the range's floor":
        rise = 1 - shape
        level = np.clip((rise * y).sum(2) / (rise * rise).sum(2), 0, 1)
        return level, level
    power = np.maximum((shape * shape).sum(2), 1e-300)
    below = np.maximum(((1 - y) * shape).sum(2) / power, 0)
    if family.freedom == "gain below the range's top":
        return np.ones_like(below), below
    middle = shape.mean(2)
    across = ((shape - middle[..., None]) ** 2).sum(2)
    gain = np.maximum(-((shape - middle[..., None]) * y).sum(2) / np.maximum(across, 1e-300), 0)
    level = y.mean(2) + gain * middle
    over = (level > 1) & family.plateau
    return np.where(over, 1.0, level), np.where(over, below, gain)


def residual_quantiles(trials: Sequence[Trial], name: str, levels: Array) -> dict[tuple[int, int], Array]:
    """Return the quantiles of a peer's errors on `trials`, by (points, index of the reach)."""
    guess = point_forecasts(trials, name)
    truth = np.array([t.truths for t in trials])
    counts = np.array([len(t.seen.sizes) for t in trials])
    found = {}
    for count in np.unique(counts):
        for reach in range(truth.shape[1]):
            gap = (truth - guess)[counts == count, reach]
            gap = gap[~np.isnan(gap)]
            if len(gap):
                found[int(count), reach] = np.quantile(gap, levels)
    return found
