"""The calibration on the Learning Curve Database: weights, sharpness, widths, and the influence of related curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from scipy.special import ndtri

from tuition.reports.forecasting.components import WIGGLES, Components, all_components
from tuition.reports.forecasting.families import Array

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Probabilities at which the widths are calibrated."""

_RANGE = 12.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrated parameters of the forecaster.

    `log_weights` (T, J) are the components' log prior weights; likelihoods are raised to the power `sharpness`. The
    posterior shares of another curve of the same task (or arm) are added to the prior weights, times `task_kin` (or
    `arm_kin`). `quantiles` (K, R, 7) are, for `points` known points (K,) and `reaches` (R,) as multiples of the last
    size, the standard normal scores at which to read the raw forecast so that it is right with the probabilities
    `LEVELS`; `gains` (K, 7) are the same for the gain from the last size to twice that. `wild` (K,) is the posterior
    share of the largest wiggles that one curve in fifty exceeds.
    """

    log_weights: Array
    sharpness: float
    task_kin: float
    arm_kin: float
    points: Array
    reaches: Array
    quantiles: Array
    gains: Array
    wild: Array
    facts: Mapping[str, Any]

    def row(self, points: Array) -> npt.NDArray[np.int64]:
        """Return the index in `points` of that number of points, or of the next smaller one."""
        return np.clip(np.searchsorted(self.points, points, side="right") - 1, 0, len(self.points) - 1)

    def score_map(self, points: Array, reach: Array) -> Array:
        """Return the raw normal scores (…, 7) for `points` and `reach` of one shape.

        Between calibrated reaches they are interpolated in the logarithm; outside, the nearest is used.
        """
        k = self.row(points)
        position = np.interp(np.log(np.maximum(reach, 1.0)), np.log(self.reaches), np.arange(len(self.reaches)))
        below = np.floor(position).astype(int)
        above = np.minimum(below + 1, len(self.reaches) - 1)
        part = (position - below)[..., None]
        return np.asarray((1 - part) * self.quantiles[k, below] + part * self.quantiles[k, above])

    def gain_map(self, points: Array) -> Array:
        """Return the raw normal scores (…, 7) for gains."""
        return np.asarray(self.gains[self.row(points)])


NORMAL = ndtri(LEVELS)


def with_tails(raw: Array) -> tuple[Array, Array]:
    """Return nominal (9,) and raw (…, 9) normal scores: those of `LEVELS`, and extrapolated far tails."""
    low = raw[..., :1] + (-_RANGE - NORMAL[0]) * np.maximum(raw[..., :1] / NORMAL[0], 1.0)
    high = raw[..., -1:] + (_RANGE - NORMAL[-1]) * np.maximum(raw[..., -1:] / NORMAL[-1], 1.0)
    return np.concatenate([[-_RANGE], NORMAL, [_RANGE]]), np.concatenate([low, raw, high], axis=-1)


def plain_calibration(components: Components) -> Calibration:
    """Return the uncalibrated parameters: equal weights, and widths as the components give them."""
    shape = (len(WIGGLES), len(components))
    quantiles = np.broadcast_to(ndtri(LEVELS), (1, 1, len(LEVELS)))
    one = np.ones(1)
    return Calibration(
        np.full(shape, -np.log(np.prod(shape))), 1.0, 0.0, 0.0, one, one * 2, quantiles, quantiles[0], one, {}
    )


@cache
def shipped() -> tuple[Components, Calibration]:
    """Return the components and the calibration that come with the package."""
    raw = orjson.loads(files("tuition.reports.forecasting").joinpath("calibration.json").read_bytes())
    return from_plain(raw)


def from_plain(raw: Mapping[str, Any]) -> tuple[Components, Calibration]:
    """Return components and calibration from the plain data of `calibration.json`."""
    components = all_components()
    weights = np.array(raw["log_weights"], float).reshape(len(WIGGLES), len(components))
    return components, Calibration(
        weights,
        float(raw["sharpness"]),
        float(raw["task_kin"]),
        float(raw["arm_kin"]),
        np.array(raw["points"], float),
        np.array(raw["reaches"], float),
        np.array(raw["quantiles"], float),
        np.array(raw["gains"], float),
        np.array(raw["wild"], float),
        raw["facts"],
    )
