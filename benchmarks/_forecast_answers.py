"""Accuracy of two forecasts: whether a target is reached, and the gain from doubling the number of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import _forecast_peers
from _lcdb import lcdb_curves

Array = npt.NDArray[np.float64]
Trial, REACHES = lcdb_curves.Trial, lcdb_curves.REACHES
SHOWN = (0, 1, 2)


def within(low: Array, high: Array, truth: Array) -> float:
    """Return the percentage of known truths inside the intervals."""
    known = ~np.isnan(truth)
    return round(100 * float(np.mean((low <= truth)[known] & (truth <= high)[known])), 1)


def reachability(trials: list[Trial], targets: Array, ours: dict[str, Array]) -> dict[str, Any]:
    """Return how often "is the target reached at R times the labels?" is answered correctly, and the calibration."""
    truth = np.array([t.truths for t in trials])
    best = np.fmax.accumulate(truth, axis=1)
    power = np.maximum.accumulate(_forecast_peers.point_forecasts(trials, "power law with plateau"), axis=1)
    rows, stated, came = [], [], []
    for r in SHOWN:
        known = ~np.isnan(truth[:, : r + 1]).any(1)
        yes = (best[:, r] >= targets)[known]
        chance = ours["chances"][known, r]
        rows.append(
            {
                "reach": REACHES[r],
                "trials": int(known.sum()),
                "comes": round(100 * float(yes.mean()), 1),
                "right, tuition": round(100 * float(((chance >= 0.5) == yes).mean()), 1),
                "right, power law with plateau": round(100 * float(((power[:, r] >= targets)[known] == yes).mean()), 1),
                "right, last value": round(100 * float((~yes).mean()), 1),
                "Brier": round(float(((chance - yes) ** 2).mean()), 4),
            }
        )
        stated.append(chance)
        came.append(yes)
    chance, yes = np.concatenate(stated), np.concatenate(came)
    bins = np.minimum((chance * 10).astype(int), 9)
    diagram = [
        {
            "stated": round(float(chance[bins == b].mean()), 3),
            "came": round(float(yes[bins == b].mean()), 3),
            "answers": int((bins == b).sum()),
        }
        for b in range(10)
        if (bins == b).any()
    ]
    gap = float(sum(d["answers"] * abs(d["stated"] - d["came"]) for d in diagram) / len(chance))
    return {"by reach": rows, "reliability": diagram, "expected calibration error": round(gap, 4)}


def gains(trials: list[Trial], ours: dict[str, Array]) -> dict[str, float]:
    """Return how well the gain from doubling the labels is predicted, compared with predicting no gain."""
    truth = np.array([t.truths[0] - t.now for t in trials])
    low, middle, high = ours["gains"]
    known = ~np.isnan(truth)
    return {
        "coverage 80": within(low, high, truth),
        "median error": round(100 * float(np.median(np.abs(middle - truth)[known])), 3),
        "median error of no gain": round(100 * float(np.median(np.abs(truth[known]))), 3),
    }
