"""The weighted ensemble: each curve's posterior over components, informed by related curves, and its predictions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr, ndtri

from tuition.reports.forecasting.calibration import Calibration, with_tails
from tuition.reports.forecasting.components import Components
from tuition.reports.forecasting.families import Array
from tuition.reports.forecasting.fit import Fitted, batch, fit, foresee
from tuition.reports.forecasting.measured import Measured

KEPT = 96
"""The number of components kept for each curve, those with the largest weights."""

_NODES = np.sinh(np.linspace(-3.2, 3.2, 41)) / np.sinh(3.2) * 9
_CHUNK = 64

Kin = tuple[Hashable, Hashable]
"""The task and the arm of a curve: curves of one task share the data, curves of one arm the learner."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Calibrated distributions of B x M scores (or gains), each as normal scores `z` (B, M, G) at `nodes` (B, M, G).

    `nominal` (9,) and `raw` (B, M, 9) are the nodes of the map between nominal and raw normal scores. `wider` widens
    the distributions around their medians, for kinds of curves on which the calibration is too narrow.
    """

    nodes: Array
    z: Array
    nominal: Array
    raw: Array
    low: float
    high: float
    wider: float = 1.0

    def quantile(self, probability: float) -> Array:
        """Return the score (B, M) that the truth is below with `probability`, within the metric's range."""
        raw = _interpolate(
            np.broadcast_to(self.nominal, self.raw.shape), self.raw, float(ndtri(probability)) * self.wider
        )
        return np.clip(_interpolate(self.z, self.nodes, raw), self.low, self.high)

    def above(self, score: float | Array) -> Array:
        """Return the probability (B, M) that the truth is at least `score` (a number, or an array of B x M)."""
        z = _interpolate(self.nodes, self.z, score)
        nominal = _interpolate(self.raw, np.broadcast_to(self.nominal, self.raw.shape), z)
        return np.asarray(1 - ndtr(nominal / self.wider))


def _interpolate(x: Array, y: Array, at: float | Array) -> Array:
    """Return `y` at `at` by linear interpolation along the last axis of the ascending `x`, clamped at its ends."""
    goal = np.broadcast_to(np.asarray(at, float), x.shape[:-1])[..., None]
    right = np.clip((x < goal).sum(-1, keepdims=True), 1, x.shape[-1] - 1)
    x0, x1 = np.take_along_axis(x, right - 1, -1), np.take_along_axis(x, right, -1)
    y0, y1 = np.take_along_axis(y, right - 1, -1), np.take_along_axis(y, right, -1)
    part = np.clip((goal - x0) / np.maximum(x1 - x0, 1e-12), 0, 1)
    return np.asarray((y0 + part * (y1 - y0))[..., 0])


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The curves of one chunk with their kept components: `index` and `weight`, both (B, C).

    `wild` (B,) is each curve's posterior share of the largest wiggles.
    """

    fitted: Fitted
    index: npt.NDArray[np.int64]
    weight: Array
    wild: Array
    components: Components
    calibration: Calibration

    def scores(self, at: Array) -> Distribution:
        """Return the distributions of the expected scores at sizes `at` (B, M)."""
        mean, variance = foresee(self.fitted, self.components, self.index, at)
        curves = self.fitted.batch
        known = np.broadcast_to(curves.known.sum(1)[:, None], at.shape)
        reach = at / np.maximum(curves.sizes.max(1, where=curves.known, initial=0.0), 1.0)[:, None]
        return self._mixture(mean, variance, self.calibration.score_map(known, reach), 0.0)

    def gains(self, at: Array, since: Array) -> Distribution:
        """Return the distributions of the gains from sizes `since` (B, 1) to `at` (B, M)."""
        mean, variance = foresee(self.fitted, self.components, self.index, at, since)
        known = np.broadcast_to(self.fitted.batch.known.sum(1)[:, None], at.shape)
        return self._mixture(mean, variance, self.calibration.gain_map(known), -1.0)

    def _mixture(self, mean: Array, variance: Array, calibrated: Array, low: float) -> Distribution:
        weight = self.weight[:, :, None]
        middle = (weight * mean).sum(1)
        deviation = np.sqrt((weight * (variance + (mean - middle[:, None]) ** 2)).sum(1))
        nodes = middle[..., None] + deviation[..., None] * _NODES
        standard = (nodes[:, None] - mean[..., None]) / np.sqrt(variance)[..., None]
        below = (weight[..., None] * ndtr(standard)).sum(1)
        z = np.maximum.accumulate(ndtri(np.clip(below, 1e-12, 1 - 1e-12)), axis=-1)
        return Distribution(nodes, z, *with_tails(calibrated), low, 1.0)


def ensembles(
    curves: Sequence[Measured],
    components: Components,
    calibration: Calibration,
    kin: Sequence[Kin] | None = None,
) -> list[tuple[npt.NDArray[np.int64], Ensemble]]:
    """Return the ensembles of all curves, in chunks, each with the indices of its curves in `curves`.

    With `kin`, a curve's prior weights are the calibrated ones plus the posterior shares of the other curves of its
    task and of its arm, each multiplied by the calibrated factor.
    """
    order = np.argsort([len(curve.sizes) for curve in curves], kind="stable")
    chunks = [order[i : i + _CHUNK] for i in range(0, len(order), _CHUNK)]
    found = []
    shared = None if kin is None else _shared(curves, chunks, components, calibration, kin)
    for chunk in chunks:
        fitted = fit(batch([curves[i] for i in chunk]), components)
        likelihood = calibration.sharpness * fitted.log_likelihood.reshape(len(chunk), -1)
        prior = calibration.log_weights.reshape(1, -1)
        if shared is not None:
            prior = shared.weights(chunk, _shares(likelihood + prior), prior)
        found.append((chunk, _keep(fitted, _shares(likelihood + prior), components, calibration)))
    return found


def _shares(log_posterior: Array) -> Array:
    return np.asarray(np.exp(log_posterior - logsumexp(log_posterior, axis=1, keepdims=True)))


def _keep(fitted: Fitted, share: Array, components: Components, calibration: Calibration) -> Ensemble:
    wild = share[:, -len(components) :].sum(1)
    index = np.argpartition(-share, KEPT, axis=1)[:, :KEPT]
    weight = np.take_along_axis(share, index, axis=1)
    return Ensemble(fitted, index, weight / weight.sum(1, keepdims=True), wild, components, calibration)


@dataclass(frozen=True, slots=True)
class _Shared:
    """For tasks and for arms: summed posterior shares of each group (G, T*J), each curve's group, and the factor."""

    sides: tuple[tuple[Array, npt.NDArray[np.int64], float], ...]

    def weights(self, chunk: npt.NDArray[np.int64], own: Array, prior: Array) -> Array:
        """Return log weights (B, T*J): the calibrated ones and those of related curves, without the curve's own."""
        mass = np.broadcast_to(np.exp(prior), own.shape).copy()
        for total, group, factor in self.sides:
            mass += factor * np.maximum(total[group[chunk]] - own, 0.0)
        return np.asarray(np.log(mass / mass.sum(1, keepdims=True)))


def _shared(
    curves: Sequence[Measured],
    chunks: Sequence[npt.NDArray[np.int64]],
    components: Components,
    calibration: Calibration,
    kin: Sequence[Kin],
) -> _Shared:
    prior = calibration.log_weights.reshape(1, -1)
    sides = []
    for side, factor in enumerate((calibration.task_kin, calibration.arm_kin)):
        names = {name: i for i, name in enumerate(dict.fromkeys(one[side] for one in kin))}
        group = np.array([names[one[side]] for one in kin])
        if factor == 0 or len(names) == len(kin):
            continue
        sides.append((np.zeros((len(names), prior.shape[1])), group, factor))
    for chunk in chunks:
        fitted = fit(batch([curves[i] for i in chunk]), components)
        own = _shares(calibration.sharpness * fitted.log_likelihood.reshape(len(chunk), -1) + prior)
        for total, group, _ in sides:
            np.add.at(total, group[chunk], own)
    return _Shared(tuple(sides))
