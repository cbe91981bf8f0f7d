"""Fit every component to every curve at once, in closed form: its likelihood, and its prediction at other sizes.

A component's model: the score is `level - gain * shape(n)`, plus wiggles that are correlated between nearby sizes (an
Ornstein-Uhlenbeck process in log n), plus measurement noise of known size. Level and gain have a Gaussian prior, so
likelihood and posterior are those of Bayesian linear regression (Bishop, "Pattern Recognition and Machine Learning",
3.3-3.5). Constraints (a rising curve rises, a plateau is within the range) truncate the Gaussian; they are applied by
moment matching, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from tuition.reports.forecasting.components import WIGGLES, Components
from tuition.reports.forecasting.families import Array, shapes
from tuition.reports.forecasting.measured import Measured, spread

WIGGLE_LENGTH = 1.0
"""Correlation length of the wiggles in log n."""

ZERO_SHIFT = 8.0
"""Added to sizes before taking the logarithm, so that 0 labels have a finite distance from 16."""

ZERO_NOISE = 0.2
"""Extra standard deviation of a score without labels, since zero-shot answers differ from training on few labels."""

_HALF = float(np.log(0.5))
_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True)
class Batch:
    """B curves, padded to the same number of points; `known` (B, k) marks the real ones."""

    sizes: Array
    values: Array
    noise: Array
    known: npt.NDArray[np.bool_]
    last: Array

    def __len__(self) -> int:
        """The number of curves, B."""
        return len(self.sizes)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The components fitted to a batch: log likelihoods (B, T, J), and means and covariances of level and gain.

    `solve` (B, T, k, k) is the inverse of the covariance of wiggles and noise.
    """

    batch: Batch
    log_likelihood: Array
    level: Array
    gain: Array
    level_var: Array
    cross: Array
    gain_var: Array
    solve: Array


def batch(curves: Sequence[Measured]) -> Batch:
    """Pad `curves` to one shape; a padded point has no influence."""
    k = max(len(curve.sizes) for curve in curves)
    count = len(curves)
    sizes, values = np.full((count, k), 16.0), np.zeros((count, k))
    noise, known = np.zeros((count, k, k)), np.zeros((count, k), bool)
    for row, curve in enumerate(curves):
        m = len(curve.sizes)
        sizes[row, :m], values[row, :m], noise[row, :m, :m], known[row, :m] = (
            curve.sizes,
            curve.values,
            curve.noise,
            True,
        )
    last = np.array([curve.values[-1] for curve in curves])
    noise[:, np.arange(k), np.arange(k)] += np.where((sizes == 0) & known, ZERO_NOISE**2, 0.0)
    return Batch(sizes, values, noise, known, last)


def _affinity(a: Array, b: Array) -> Array:
    distance = np.abs(np.log(a + ZERO_SHIFT)[..., :, None] - np.log(b + ZERO_SHIFT)[..., None, :])
    return np.asarray(np.exp(-distance / WIGGLE_LENGTH))


def fit(curves: Batch, components: Components) -> Fitted:
    """Fit all components to all curves."""
    known = curves.known
    scale = np.where(known, spread(curves.values), 0.0)
    wiggle = _affinity(curves.sizes, curves.sizes) * scale[:, :, None] * scale[:, None, :]
    tau2 = np.square(WIGGLES)[None, :, None, None]
    eye = np.eye(known.shape[1]) * ~known[:, None, :]
    cov = curves.noise[:, None] + tau2 * wiggle[:, None] + eye[:, None] + 1e-10 * np.eye(known.shape[1])
    root = np.linalg.inv(np.linalg.cholesky(cov))
    log_det = -np.log(np.diagonal(root, axis1=2, axis2=3)).sum(-1)
    basis = np.where(known[..., None], shapes(curves.sizes), 0.0)
    ones, y = root @ known[:, None, :, None].astype(float), root @ curves.values[:, None, :, None]
    white = root @ basis[:, None]
    s11, s1y, syy = (np.sum(a * b, axis=2) for a, b in ((ones, ones), (ones, y), (y, y)))
    s1h, shh, shy = (np.sum(a * white, axis=2)[..., components.shape] for a in (ones, white, y))
    solve = np.swapaxes(root, 2, 3) @ root
    base = -log_det - known.sum(1)[:, None] * _ROOT_2PI
    return _posterior(curves, components, (s11, -s1h, shh, s1y, -shy, syy), base, solve)


def _posterior(curves: Batch, components: Components, sums: tuple[Array, ...], base: Array, solve: Array) -> Fitted:
    f11, f12, f22, b1, b2, yy = sums
    mc, mg = components.mean[:, 0], components.mean[:, 1]
    p, q, r = components.root[:, 0, 0], components.root[:, 1, 0], components.root[:, 1, 1]
    r1, r2 = b1 - f11 * mc - f12 * mg, b2 - f12 * mc - f22 * mg
    rest = yy - mc * (b1 + r1) - mg * (b2 + r2)
    z1, z2 = p * r1 + q * r2, r * r2
    m11 = 1 + p * p * f11 + 2 * p * q * f12 + q * q * f22
    m12, m22 = r * (p * f12 + q * f22), 1 + r * r * f22
    det = m11 * m22 - m12 * m12
    i11, i12, i22 = m22 / det, -m12 / det, m11 / det
    t1, t2 = i11 * z1 + i12 * z2, i12 * z1 + i22 * z2
    log_likelihood = base[..., None] - 0.5 * (rest - t1 * z1 - t2 * z2 + np.log(det))
    level, gain = mc + p * t1, mg + q * t1 + r * t2
    vc, vx = p * p * i11, p * (q * i11 + r * i12)
    vg = q * q * i11 + 2 * q * r * i12 + r * r * i22
    state = (log_likelihood, level, gain, vc, vx, vg)
    state = _limit_gain(state, components.sign)
    state = _limit_level(state, components)
    return Fitted(curves, *state, solve)


State = tuple[Array, Array, Array, Array, Array, Array]


def _truncate(standard: Array) -> tuple[Array, Array, Array]:
    """Return the log mass of a unit Gaussian above -`standard`, and the shift and shrinkage of its moments."""
    log_mass = log_ndtr(standard)
    ratio = np.exp(-0.5 * standard * standard - _ROOT_2PI - log_mass)
    return log_mass, ratio, np.clip(ratio * (ratio + standard), 0.0, 1.0)


def _limit_gain(state: State, sign: Array) -> State:
    loglik, level, gain, vc, vx, vg = state
    deviation = np.sqrt(np.maximum(vg, 1e-18))
    log_mass, ratio, shrink = _truncate(np.clip(sign * gain / deviation, -30, 30))
    free = sign != 0
    shift = np.where(free, sign * ratio / deviation, 0.0)
    less = np.where(free, shrink / (deviation * deviation), 0.0)
    loglik = loglik + np.where(free, log_mass - _HALF, 0.0)
    return loglik, level + vx * shift, gain + vg * shift, vc - vx * vx * less, vx - vx * vg * less, vg - vg * vg * less


def _limit_level(state: State, components: Components) -> State:
    loglik, level, gain, vc, vx, vg = state
    deviation = np.sqrt(np.maximum(vc, 1e-18))
    log_mass, ratio, shrink = _truncate(np.clip((1 - level) / deviation, -30, 30))
    before = log_ndtr((1 - components.mean[:, 0]) / np.maximum(components.root[:, 0, 0], 1e-9))
    capped = components.capped
    shift = np.where(capped, -ratio / deviation, 0.0)
    less = np.where(capped, shrink / (deviation * deviation), 0.0)
    loglik = loglik + np.where(capped, log_mass - before, 0.0)
    return loglik, level + vc * shift, gain + vx * shift, vc - vc * vc * less, vx - vx * vc * less, vg - vx * vx * less


def foresee(
    fitted: Fitted, components: Components, index: npt.NDArray[np.int64], at: Array, since: Array | None = None
) -> tuple[Array, Array]:
    """Return mean and variance of the score at sizes `at` (B, M) under the components `index` (B, C): both (B, C, M).

    `index` is flat over (T, J). With `since` (B, 1), the gain from that size on is predicted, not the score.
    """
    curves = fitted.batch
    goal = spread(curves.last)[:, None, None]
    scale = np.where(curves.known, spread(curves.values), 0.0)[:, None, :]
    near, slope = _affinity(at, curves.sizes), shapes(at)
    one, own = np.ones(at.shape), np.ones(at.shape)
    if since is not None:
        near, slope = near - _affinity(since, curves.sizes), slope - shapes(since)
        one, own = np.zeros(at.shape), 2 * (1 - _affinity(at, since)[..., 0])
    tau2 = np.square(WIGGLES)[None, :, None, None]
    cov = tau2 * (near * goal * scale)[:, None]
    pull = cov @ fitted.solve
    left = tau2[..., 0] * (own * goal[..., 0] ** 2)[:, None] - np.sum(pull * cov, axis=3)
    lifted = (pull @ curves.values[:, None, :, None])[..., 0]
    ones = one[:, None] - (pull @ curves.known[:, None, :, None].astype(float))[..., 0]
    basis = np.where(curves.known[..., None], shapes(curves.sizes), 0.0)
    slopes = slope[:, None] - pull @ basis[:, None]
    rows, j, t = np.arange(len(curves))[:, None], index % len(components), index // len(components)
    parts = (fitted.level, fitted.gain, fitted.level_var, fitted.cross, fitted.gain_var)
    level, gain, vc, vx, vg = (part.reshape(len(curves), -1)[rows, index][..., None] for part in parts)
    lean, fall = ones[rows, t], slopes[rows, t, :, components.shape[j]]
    mean = lifted[rows, t] + level * lean - gain * fall
    variance = left[rows, t] + vc * lean * lean - 2 * vx * lean * fall + vg * fall * fall
    return mean, np.maximum(variance, 1e-12)
