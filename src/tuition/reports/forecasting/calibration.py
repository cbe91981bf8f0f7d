"""What was learnt from the Learning Curve Database: weights, sharpness, widths, and how much kin may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import orjson

from tuition.reports.forecasting.components import WIGGLES, Components, all_components
from tuition.reports.forecasting.families import Array

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Probabilities at which the widths are learnt."""

_RANGE = 12.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The learnt part of the forecaster.

    `log_weights` (T, J) weigh the components; likelihoods are raised to `sharpness`. The posterior shares of another
    curve of the same task (or arm) count for `task_kin` (or `arm_kin`) times all that was learnt. `quantiles` (K, R, 7) hold, for `points` known (K,) and `reaches`
    (R,) as multiples of the last size, the standard normal score that the raw forecast must be read at to be right with
    the probabilities `LEVELS`. `wild` (K,) is the posterior share of the largest wiggles that one curve in fifty exceeds.
    """

    log_weights: Array
    sharpness: float
    task_kin: float
    arm_kin: float
    points: Array
    reaches: Array
    quantiles: Array
    wild: Array
    facts: Mapping[str, Any]

    def raw_scores(self, points: Array, reach: Array, normal: Array) -> tuple[Array, Array]:
        """Return the map from nominal to raw normal scores for each pair of `points` and `reach` (both of one shape).

        The map is given by its nodes, (…, 7 + 2) each: nominal ones (the same for all) and raw ones. Between the
        reaches learnt it is interpolated in the logarithm; outside, the nearest holds.
        """
        k = np.clip(np.searchsorted(self.points, points, side="right") - 1, 0, len(self.points) - 1)
        place = np.interp(np.log(np.maximum(reach, 1.0)), np.log(self.reaches), np.arange(len(self.reaches)))
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, len(self.reaches) - 1)
        part = (place - below)[..., None]
        raw = (1 - part) * self.quantiles[k, below] + part * self.quantiles[k, above]
        low = raw[..., :1] + (-_RANGE - normal[0]) * np.maximum(raw[..., :1] / normal[0], 1.0)
        high = raw[..., -1:] + (_RANGE - normal[-1]) * np.maximum(raw[..., -1:] / normal[-1], 1.0)
        return np.concatenate([[-_RANGE], normal, [_RANGE]]), np.concatenate([low, raw, high], axis=-1)


def plain_calibration(components: Components) -> Calibration:
    """Return the calibration before anything was learnt: equal weights, widths as they come."""
    from scipy.special import ndtri

    shape = (len(WIGGLES), len(components))
    quantiles = np.broadcast_to(ndtri(LEVELS), (1, 1, len(LEVELS)))
    one = np.ones(1)
    return Calibration(np.full(shape, -np.log(np.prod(shape))), 1.0, 0.0, 0.0, one, one * 2, quantiles, one, {})


@cache
def shipped() -> tuple[Components, Calibration]:
    """Return the components with any weight and the calibration, as the package carries them."""
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
        np.array(raw["wild"], float),
        raw["facts"],
    )
