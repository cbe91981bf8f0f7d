"""The components of the ensemble: a shape, a prior for its level and gain, and a size of the curve's wiggles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuition.reports.forecasting.families import FAMILIES, Array, family_of_shape

GAINS = (0.04, 0.15, 0.5)
"""Scales of the half-normal priors for the gain, as shares of the metric's range."""

FALL = 0.06
"""Scale of the prior for the loss of a falling curve."""

WIGGLES = (0.003, 0.01, 0.03, 0.09)
"""Standard deviations of a curve's deviation from its family, at a score in the middle of the range."""

_LEVEL_MEAN, _LEVEL_SD = 0.6, 0.5
_FIXED = 1e-6


@dataclass(frozen=True, slots=True)
class Components:
    """Arrays over the J pairs of (shape, prior); every pair is combined with each of the T sizes of wiggles.

    `mean` (J, 2) and `root` (J, 2, 2) are the Gaussian prior of (level, gain): the mean, and the lower Cholesky factor
    of the covariance; `sign` is +1 where the gain must be positive, -1 where negative, 0 where it is not free; `capped`
    says whether the level must be within the range.
    """

    shape: npt.NDArray[np.int64]
    family: npt.NDArray[np.int64]
    mean: Array
    root: Array
    sign: Array
    capped: npt.NDArray[np.bool_]
    plateau: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """The number of pairs, J."""
        return len(self.shape)


def _priors(freedom: str, plateau: bool) -> list[tuple[tuple[float, float], tuple[float, float, float], float, bool]]:
    """Return (mean, root as (ll, gl, gg), sign, capped) for each prior of a kind of freedom."""
    middle = _LEVEL_MEAN
    if freedom == "level":
        return [((middle, 0.0), (_LEVEL_SD, 0.0, 0.0), 0.0, True)]
    if freedom == "level above the range's floor":
        return [((middle, middle), (_LEVEL_SD, _LEVEL_SD, 0.0), 0.0, True)]
    if freedom == "gain below the range's top":
        return [((1.0, 0.0), (_FIXED, 0.0, GAINS[-1]), 1.0, False)]
    rising = [((middle, 0.0), (_LEVEL_SD, 0.0, gain), 1.0, plateau) for gain in GAINS]
    return [*rising, ((middle, 0.0), (_LEVEL_SD, 0.0, FALL), -1.0, plateau)]


def all_components() -> Components:
    """Return all components, in the order of `families.shapes` and, within a shape, of the priors."""
    rows = []
    for shape, family in enumerate(family_of_shape()):
        kind = FAMILIES[family]
        for mean, (ll, gl, gg), sign, capped in _priors(kind.freedom, kind.plateau):
            rows.append((shape, family, mean, ((ll, 0.0), (gl, gg)), sign, capped, kind.plateau))
    columns = list(zip(*rows, strict=True))
    return Components(
        np.array(columns[0]),
        np.array(columns[1]),
        np.array(columns[2], float),
        np.array(columns[3], float),
        np.array(columns[4], float),
        np.array(columns[5], bool),
        np.array(columns[6], bool),
    )
