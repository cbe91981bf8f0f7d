"""Independent recomputation of what `forecast.py` measures; and synthetic curves, for `--quick`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from scipy.optimize import lsq_linear

import _forecast_peers
from _forecast_figure import place, reliability_svg
from _lcdb import lcdb_curves
from tuition.reports.forecasting.families import FAMILIES, Family

Array = npt.NDArray[np.float64]
Trial, Curve = lcdb_curves.Trial, lcdb_curves.Curve
_CLOSE = 1e-6
_SHAPES = 6
_FITTED = 8
_SVG = "{http://www.w3.org/2000/svg}"


def checks(
    trials: Sequence[Trial],
    ours: dict[str, Array],
    foreseen: Callable[[Sequence[Trial], Array], dict[str, Array]],
    crps: Callable[[Array, Array], Array],
    levels: Array,
    diagram: list[dict[str, Any]],
) -> dict[str, bool]:
    """Return whether an independent computation gives the same results.

    Args:
        trials: the first of the trials that `ours` covers.
        ours: what `foreseen` returned for all trials together.
        foreseen: the forecaster.
        crps: the score of quantiles at `levels`.
        levels: the probabilities of the quantiles.
        diagram: the data of the figure.
    """
    alone = [foreseen([trial], np.zeros(1))["quantiles"][:, 0] for trial in trials]
    together = np.moveaxis(ours["quantiles"][:, : len(trials)], 1, 0)
    truth = np.array([trial.truths for trial in trials])
    scored = crps(ours["quantiles"][:, : len(trials)], truth)
    return {
        "forecasts are the same one by one": bool(np.allclose(alone, together, rtol=0, atol=_CLOSE)),
        "fits of the peers are scipy's lsq_linear's": _fits_agree(trials[:_FITTED]),
        "CRPS is that of scikit-learn's pinball losses": _scores_agree(together, truth, scored, levels),
        "the figure shows the diagram": _read_back(reliability_svg(diagram)) == [place(dot) for dot in diagram],
    }


def _fits_agree(trials: Sequence[Trial]) -> bool:
    return all(_fit_agrees(trial, family) for trial in trials for family in FAMILIES[:-1])


def _fit_agrees(trial: Trial, family: Family) -> bool:
    """Return whether our level and gain fit as well as scipy's, within the same bounds, for some shapes of a family."""
    sizes = np.where(trial.seen.sizes == 0, 0.5, trial.seen.sizes)
    y = np.asarray(trial.seen.values, dtype=np.float64)
    for row in family.grid[:_SHAPES]:
        shape = family.shape(sizes, *row)
        level, gain = _forecast_peers.least_squares(shape[None, None], y[None, None], family)
        error = float(((y - level[0, 0] + gain[0, 0] * shape) ** 2).sum())
        # Scaled, since shapes may be as small as 1e-25; a gain's bounds, 0 and infinity, do not change by scaling.
        fall = -shape / np.linalg.norm(shape)
        columns, target = np.stack([np.ones_like(fall), fall], axis=1), y
        bounds = ([-np.inf, 0], [1 if family.plateau else np.inf, np.inf])
        if family.freedom == "level above the range's floor":
            columns, bounds = (1 - shape)[:, None], ([0], [1])
        elif family.freedom == "gain below the range's top":
            columns, target, bounds = fall[:, None], y - 1, ([0], [np.inf])
        best = 2 * lsq_linear(columns, target, bounds, tol=1e-12).cost
        if abs(error - best) > _CLOSE:
            return False
    return True


def _scores_agree(quantiles: Array, truth: Array, scored: Array, levels: Array) -> bool:
    from sklearn.metrics import mean_pinball_loss

    for trial, reach in np.argwhere(~np.isnan(truth)):
        own = [
            mean_pinball_loss([truth[trial, reach]], [value], alpha=level)
            for value, level in zip(quantiles[trial, :, reach], levels, strict=True)
        ]
        if abs(2 * np.mean(own) - scored[trial, reach]) > _CLOSE:
            return False
    return True


def _read_back(svg: str) -> list[tuple[str, str]]:
    circles = ElementTree.fromstring(svg).iter(f"{_SVG}circle")
    return [(circle.attrib["cx"], circle.attrib["cy"]) for circle in circles]


def made_curves(datasets: int = 12, learners: int = 4, sizes: int = 40) -> list[Curve]:
    """Return synthetic curves in the database's format: power laws with a plateau, and noise."""
    rng = np.random.default_rng(5)
    ladder = np.round(16 * 2 ** (np.arange(sizes) / 2)).astype(np.int64)
    made = []
    for dataset in range(datasets):
        for learner in range(learners):
            plateau, gain, exponent = rng.uniform(0.7, 0.98), rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.8)
            mean = plateau - gain * (ladder / 16) ** -exponent
            noise = rng.normal(0, 0.02, (sizes, 5, 25)) * (ladder[:, None, None] / 16) ** -0.3
            scores = np.clip(mean[:, None, None] + noise, 0, 1).astype(np.float32)
            made.append(Curve(dataset, f"made {dataset}", f"learner {learner}", ladder, scores, 1000, 0.4))
    return made
