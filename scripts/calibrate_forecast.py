"""Estimate the forecaster's weights and widths from the training half of the Learning Curve Database.

    python scripts/calibrate_forecast.py --cache FOLDER [--out src/tuition/reports/forecasting/calibration.json]

1. Simulate users' measurements of each curve (few sizes, few runs, few test instances).
2. Weight the components so that they predict the rest of the curves best (stacking on the logarithmic score).
3. Cross-fit over groups of data sets, and store for each number of points and each reach the normal scores at which the
   raw forecast has its nominal coverage (similar to conformal prediction: empirical quantiles of the errors).
4. Choose the weight of other curves of the same task, or of the same arm: short curves together with up to ten long
   ones of the same data set, or of the same learner.

The held-out half is used only for the split. On one core it takes about five minutes and 3 GB of memory.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from scipy.optimize import minimize
from scipy.special import logsumexp, ndtr, ndtri

import lcdb_curves
from lcdb_curves import REACHES, Curve, Trial
from tuition.reports.forecasting.calibration import LEVELS, Calibration, plain_calibration
from tuition.reports.forecasting.components import WIGGLES, Components, all_components
from tuition.reports.forecasting.ensemble import ensembles
from tuition.reports.forecasting.fit import batch, fit, foresee

Array = npt.NDArray[np.float64]
POINTS = (1, 2, 3, 4, 5, 6, 8)
FOLDS = 4
SMOOTHING = 100.0
KINSHIPS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
DRAWS = 2
_LEARNT_AT = (0, 1, 2, 4)
_FLOOR = -12.0
_OUT = Path(__file__).resolve().parents[1] / "src/tuition/reports/forecasting/calibration.json"


def tables(trials: list[Trial], components: Components) -> tuple[Array, Array]:
    """Return log likelihoods (N, T*J) of the measured points and log densities (N, 4, T*J) of the later ones."""
    count = len(WIGGLES) * len(components)
    likelihood = np.empty((len(trials), count), np.float32)
    density = np.empty((len(trials), len(_LEARNT_AT), count), np.float32)
    order = np.argsort([len(t.seen.sizes) for t in trials], kind="stable")
    for start in range(0, len(order), 64):
        places = order[start : start + 64]
        drawn = [trials[i] for i in places]
        fitted = fit(batch([t.seen for t in drawn]), components)
        flat = fitted.log_likelihood.reshape(len(drawn), -1)
        likelihood[places] = flat - flat.max(1, keepdims=True)
        at, truth, noise = (
            np.array([getattr(t, name)[list(_LEARNT_AT)] for t in drawn]) for name in ("goals", "truths", "variances")
        )
        everything = np.broadcast_to(np.arange(count), (len(drawn), count))
        mean, variance = foresee(fitted, components, everything, at)
        variance = variance + noise[:, None] + 1e-6
        logs = -0.5 * ((truth[:, None] - mean) ** 2 / variance + np.log(2 * np.pi * variance))
        density[places] = np.maximum(np.swapaxes(logs, 1, 2), _FLOOR)
    return likelihood, density


def stack(likelihood: Array, density: Array, iterations: int = 60) -> tuple[Array, float]:
    """Return the log weights (T*J,) and sharpness that maximise the mean logarithmic score, shrunk to equal weights."""
    known = np.isfinite(density[:, :, 0])
    number, count = known.sum(), likelihood.shape[1]
    dense = np.exp(np.where(known[:, :, None], density, 0.0))

    def loss(theta: Array) -> tuple[float, Array]:
        weights, sharpness = np.exp(theta[:count] - theta[:count].max()), np.exp(theta[count])
        share = np.exp(np.float32(sharpness) * likelihood) * weights.astype(np.float32)
        total = share.sum(1)
        mixed = np.einsum("nc,nmc->nm", share, dense)
        score = np.where(known, np.log(mixed) - np.log(total)[:, None], 0).sum()
        pull = np.einsum("nm,nmc->nc", np.where(known, 1 / mixed, 0).astype(np.float32), dense)
        pull -= (known.sum(1) / total).astype(np.float32)[:, None]
        pull *= share
        slope = -pull.sum(0, dtype=float) + 2 * SMOOTHING * theta[:count] / count
        sharper = -sharpness * float((pull * likelihood).sum(dtype=float))
        value = -score + SMOOTHING * np.mean(theta[:count] ** 2)
        return value / number, np.append(slope, sharper) / number

    best = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return best.x[:count] - logsumexp(best.x[:count]), float(np.exp(best.x[count]))


def with_weights(plain: Calibration, weights: Array, sharpness: float) -> Calibration:
    """Return `plain` with the given weights and sharpness."""
    return dataclasses.replace(plain, log_weights=weights.reshape(len(WIGGLES), -1), sharpness=sharpness)


def errors(trials: list[Trial], components: Components, calibration: Calibration) -> tuple[Array, Array]:
    """Return the normal scores (N, R + 1) of the later points in the raw forecasts, and the wildness (N,).

    The last column is that of the gain from the last size to twice that.
    """
    normal, wild = np.full((len(trials), len(REACHES) + 1), np.nan), np.empty(len(trials))
    for places, ensemble in ensembles([t.seen for t in trials], components, calibration):
        truth = np.array([trials[i].truths for i in places])
        gain = truth[:, :1] - np.array([[trials[i].now] for i in places])
        at = np.array([trials[i].goals for i in places])
        above = ensemble.scores(at).above(np.nan_to_num(truth))
        more = ensemble.gains(at[:, :1], at[:, :1] / 2).above(np.nan_to_num(gain))
        came, chance = np.concatenate([truth, gain], axis=1), np.concatenate([above, more], axis=1)
        normal[places] = np.where(np.isnan(came), np.nan, -ndtri(np.clip(chance, 1e-7, 1 - 1e-7)))
        wild[places] = ensemble.wild
    return normal, wild


def widths(points: npt.NDArray[np.int64], sets: npt.NDArray[np.int64], normal: Array) -> Array:
    """Return the quantiles (K, R + 1, 7) of the errors by number of points and reach.

    They are conformal: with D data sets in a cell, the quantile at (D + 1) / D times the level covers a new one.
    """
    made = np.empty((len(POINTS), normal.shape[1], len(LEVELS)))
    for i, k in enumerate(POINTS):
        for j in range(normal.shape[1]):
            # Few curves are both long and known at many sizes: long reaches also use neighbouring numbers of points.
            near = points == k if j < 4 or j == len(REACHES) else np.abs(points - k) <= 2
            rows = near & ~np.isnan(normal[:, j])
            away = np.abs(np.array(LEVELS) - 0.5) * (1 + 1 / len(set(sets[rows])))
            made[i, j] = np.quantile(normal[rows, j], 0.5 + np.sign(np.array(LEVELS) - 0.5) * np.minimum(away, 0.4995))
    return made


def choose_kinship(
    curves: list[Curve], components: Components, calibration: Calibration
) -> dict[str, dict[str, float]]:
    """Return the mean absolute errors of short curves, in points, by kind of related curve and its weight."""
    found: dict[str, dict[str, float]] = {}
    for side in ("task_kin", "arm_kin"):
        families = list(lcdb_curves.families(curves, by_data=side == "task_kin", points=(2, 3), seed=3))
        seen = [s for f in families for s in (f.short.seen, *f.kin)]
        names = [(i, i) for i, f in enumerate(families) for _ in range(1 + len(f.kin))]
        first = np.cumsum([0] + [1 + len(f.kin) for f in families[:-1]])
        found[side] = {}
        for worth in KINSHIPS:
            only = dataclasses.replace(calibration, task_kin=0.0, arm_kin=0.0)
            made = ensembles(seen, components, dataclasses.replace(only, **{side: worth}), names)
            medians = np.empty((len(seen), len(REACHES)))
            goals = np.repeat([f.short.goals for f in families], [1 + len(f.kin) for f in families], axis=0)
            for places, ensemble in made:
                medians[places] = ensemble.scores(goals[places]).quantile(0.5)
            gaps = np.abs(medians[first] - np.array([f.short.truths for f in families]))
            found[side][str(worth)] = round(100 * float(np.nanmean(gaps)), 4)
    return found


def least_worth(error: dict[str, float]) -> float:
    """Return the smallest weight of related curves whose error is within one percent of the best."""
    return min(float(worth) for worth, gap in error.items() if gap <= 1.01 * min(error.values()))


def learn(curves: list[Curve]) -> dict[str, Any]:
    """Return the content of `calibration.json`, estimated from `curves`."""
    components = all_components()
    plain = plain_calibration(components)
    trials = [t for _, t in lcdb_curves.trials(curves, POINTS, DRAWS, seed=1)]
    groups = {name: i % FOLDS for i, name in enumerate(sorted({c.group for c in curves}))}
    fold = np.array([groups[curves[t.curve].group] for t in trials])
    points = np.array([len(t.seen.sizes) for t in trials])
    print(f"{len(curves)} curves, {len(trials)} trials")
    likelihood, density = tables(trials, components)
    normal, wild = np.empty((len(trials), len(REACHES) + 1)), np.empty(len(trials))
    for f in range(FOLDS):
        weighted = with_weights(plain, *stack(likelihood[fold != f], density[fold != f]))
        inside = np.flatnonzero(fold == f)
        normal[inside], wild[inside] = errors([trials[i] for i in inside], components, weighted)
        print(f"fold {f + 1} of {FOLDS}: sharpness {weighted.sharpness:.2f}")
    weights, sharpness = stack(likelihood, density)
    by_kin = choose_kinship(curves, components, with_weights(plain, weights, sharpness))
    print(f"sharpness {sharpness:.2f}; mean absolute error by kin {by_kin}")
    raw = ndtr(normal)
    estimated_widths = np.round(widths(points, np.array([curves[t.curve].dataset for t in trials]), normal), 3)
    return {
        "log_weights": [round(float(w), 2) for w in weights],
        "sharpness": round(sharpness, 3),
        **{side: least_worth(error) for side, error in by_kin.items()},
        "points": POINTS,
        "reaches": REACHES,
        "quantiles": estimated_widths[:, :-1].tolist(),
        "gains": estimated_widths[:, -1].tolist(),
        "wild": [round(float(np.quantile(wild[points == k], 0.98)), 3) for k in POINTS],
        "facts": {
            "database": f"LCDB {lcdb_curves.VERSION} (Mohr et al., 2022), test accuracy",
            "split": "half of the data sets, kin together, by the SHA-256 of the kin's name",
            "data sets": sorted({c.dataset for c in curves}),
            "curves": len(curves),
            "trials": len(trials),
            "folds": FOLDS,
            "mean absolute error by kin and its worth": by_kin,
            "raw coverage of the 80% interval by reach": {
                str(r): round(float(np.mean(np.abs(raw[~np.isnan(raw[:, j]), j] - 0.5) < 0.4)), 3)
                for j, r in enumerate(REACHES)
            },
        },
    }


def main() -> None:
    """Estimate the calibration and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cache", type=Path, required=True, help="where the database is, or is fetched to")
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    learning, _ = lcdb_curves.halves(lcdb_curves.load(given.cache))
    made = learn(learning)
    given.out.write_bytes(orjson.dumps(made, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    print(f"wrote {given.out} ({given.out.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
