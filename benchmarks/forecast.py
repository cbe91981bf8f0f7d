"""Calibration and sharpness of the forecasts of learning curves, on held-out data sets.

    python benchmarks/forecast.py --cache FOLDER [--json] [--figure docs/figures/reliability.svg]
                                  [--lm-curves scores.csv] [--draws 4] [--quick]

The curves are those of the held-out half of the Learning Curve Database, as users would have measured them (see
`scripts/lcdb_curves.py`): few sizes, one to 25 runs, 50 test instances to a whole test set. The truth is the mean of
all runs on whole test sets. CRPS is taken over 39 quantiles. Everything is in points of accuracy, 0-100. The exit
status is 1 if a forecast, a peer's fit, a CRPS or the figure differs from an independent computation
(`_forecast_checks.py`); it does not depend on how good the forecasts are. With `--quick` the curves are synthetic.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

import _forecast_checks
import _forecast_outside
import _forecast_peers
from _forecast_answers import SHOWN, gains, reachability, within
from _forecast_figure import reliability_svg
from _lcdb import lcdb_curves
from _table import argument_parser, parse, verdict
from tuition.reports.forecasting.calibration import shipped
from tuition.reports.forecasting.ensemble import Kin, ensembles
from tuition.reports.forecasting.predict import forecast_points
from tuition.reports.forecasting.source import Points, Run

Array = npt.NDArray[np.float64]
Curve, Trial, REACHES = lcdb_curves.Curve, lcdb_curves.Trial, lcdb_curves.REACHES
POINTS = (3, 4, 6, 8)
LEVELS = np.arange(1, 40) / 40
STEPS = (0.01, 0.02, 0.05, 0.1)
OURS = "tuition"
CHECKED = 40
"""The number of trials whose forecasts are also computed independently."""


def crps(quantiles: Array, truth: Array) -> Array:
    """Return the continuous ranked probability score (N, R) of `quantiles` (L, N, R): twice the mean pinball loss."""
    gap = truth - quantiles
    level = LEVELS[:, None, None]
    return np.asarray(2 * np.maximum(level * gap, (level - 1) * gap).mean(0))


def foreseen(trials: Sequence[Trial], targets: Array, kin: Sequence[Kin] | None = None) -> dict[str, Array]:
    """Return our quantiles (39, N, R), interval ends (4, N, R), probabilities of the targets (N, R), gains (3, N)."""
    components, calibration = shipped()
    count, reaches = len(trials), len(REACHES)
    made = {"quantiles": np.empty((len(LEVELS), count, reaches)), "ends": np.empty((4, count, reaches))}
    made |= {"chances": np.empty((count, reaches)), "gains": np.empty((3, count))}
    for places, ensemble in ensembles([t.seen for t in trials], components, calibration, kin):
        at = np.array([trials[i].goals for i in places])
        scores = ensemble.scores(at)
        made["quantiles"][:, places] = [scores.quantile(p) for p in LEVELS]
        made["ends"][:, places] = [scores.quantile(p) for p in (0.1, 0.9, 0.025, 0.975)]
        chances = scores.above(np.broadcast_to(targets[places, None], at.shape))
        made["chances"][places] = np.maximum.accumulate(chances, axis=1)
        gains = ensemble.gains(at[:, :1], at[:, :1] / 2)
        made["gains"][:, places] = [gains.quantile(p)[:, 0] for p in (0.1, 0.5, 0.9)]
    return made


def cells(
    trials: list[Trial], curves: list[Curve], learning: list[Trial], ours: dict[str, Array]
) -> list[dict[str, Any]]:
    """Return one row for each number of points and reach: coverage, errors and CRPS of ours and all peers."""
    truth = np.array([t.truths for t in trials])
    counts = np.array([len(t.seen.sizes) for t in trials])
    sets = np.array([curves[t.curve].dataset for t in trials])
    errors = {OURS: np.abs(ours["quantiles"][len(LEVELS) // 2] - truth)}
    ranked = {OURS: crps(ours["quantiles"], truth)}
    for name in _forecast_peers.peers():
        guess = _forecast_peers.point_forecasts(trials, name)
        spread = _forecast_peers.residual_quantiles(learning, name, LEVELS)
        errors[name] = np.abs(guess - truth)
        around = np.stack(
            [[spread.get((int(k), r), np.zeros(len(LEVELS))) for r in range(len(REACHES))] for k in counts], axis=0
        )
        ranked[name] = crps(np.clip(guess[None] + np.moveaxis(around, 2, 0), 0, 1), truth)
    rows = []
    for k in POINTS:
        for r in SHOWN:
            inside = (counts == k) & ~np.isnan(truth[:, r])
            ends = ours["ends"][:, inside, r]
            rows.append(
                {
                    "points": k,
                    "reach": REACHES[r],
                    "trials": int(inside.sum()),
                    "data sets": len(set(sets[inside])),
                    "coverage 80": within(ends[0], ends[1], truth[inside, r]),
                    "coverage 95": within(ends[2], ends[3], truth[inside, r]),
                    "width 80": round(100 * float(np.median(ends[1] - ends[0])), 2),
                    "median error": {n: round(100 * float(np.median(e[inside, r])), 3) for n, e in errors.items()},
                    "CRPS": {n: round(100 * float(np.mean(e[inside, r])), 3) for n, e in ranked.items()},
                }
            )
    return rows


def verdicts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return in how many cells each claim holds, and the cells in which one fails."""
    single = [n for n in _forecast_peers.peers() if n not in (_forecast_peers.LAST, "power law with plateau")]
    found: dict[str, Any] = {}
    for claim, low, high in (("coverage 80", 75, 90), ("coverage 95", 92, 98)):
        found[f"{claim} within {low}-{high}%"] = [_cell(r) for r in rows if not low <= r[claim] <= high]
    for measure in ("median error", "CRPS"):
        best = min(single, key=lambda n: float(np.mean([r[measure][n] for r in rows])))
        names = [_forecast_peers.LAST, "power law with plateau", best]
        for name in names:
            found[f"{measure} below {name}"] = [_cell(r) for r in rows if r[measure][OURS] >= r[measure][name]]
        found[f"{measure} below the best single family of each cell"] = [
            _cell(r) for r in rows if r[measure][OURS] >= min(r[measure][n] for n in [*single, names[1]])
        ]
    return {claim: {"cells that miss": missing, "of": len(rows)} for claim, missing in found.items()}


def _cell(row: dict[str, Any]) -> str:
    return f"{row['points']} points, {row['reach']}n"


def conditions(trials: list[Trial], ours: dict[str, Array]) -> list[dict[str, Any]]:
    """Return the coverage at 2n, 4n and 8n by how the points were measured."""
    truth = np.array([t.truths for t in trials])[:, : len(SHOWN)]
    kinds = {
        "one run, at most 100 test instances": lambda t: t.runs == 1 and 0 < t.instances <= 100,
        "one run, more or all instances": lambda t: t.runs == 1 and not 0 < t.instances <= 100,
        "two to five runs": lambda t: 1 < t.runs < 25,
        "25 runs, all instances": lambda t: t.runs == 25 and t.instances == 0,
        "with a score without labels": lambda t: t.seen.sizes[0] == 0,
    }
    rows = []
    for name, fits in kinds.items():
        inside = np.array([fits(t) for t in trials])
        ends = ours["ends"][:, inside, : len(SHOWN)]
        known = truth[inside]
        rows.append(
            {
                "measured with": name,
                "trials": int(inside.sum()),
                "coverage 80": within(ends[0], ends[1], known),
                "coverage 95": within(ends[2], ends[3], known),
            }
        )
    return rows


def kinship(curves: list[Curve]) -> list[dict[str, Any]]:
    """Return how much long curves of the same task or arm improve forecasts from two and three points."""
    rows = []
    for by_data, name in ((True, "same task, other arms"), (False, "same arm, other tasks")):
        made = list(lcdb_curves.families(curves, by_data, (2, 3), seed=4))
        for pooled in (False, True):
            trials = [f.short for f in made]
            if pooled:
                ends, middle = _with_kin(made, by_data)
            else:
                alone = foreseen(trials, np.zeros(len(trials)))
                ends, middle = alone["ends"][:2], alone["quantiles"][len(LEVELS) // 2]
            truth = np.array([t.truths for t in trials])[:, : len(SHOWN)]
            shown = slice(None, len(SHOWN))
            rows.append(
                {
                    "kin": name if pooled else f"{name}: left out",
                    "curves": len(trials),
                    "mean error": round(100 * float(np.nanmean(np.abs(middle[:, shown] - truth))), 3),
                    "coverage 80": within(ends[0][:, shown], ends[1][:, shown], truth),
                }
            )
    return rows


def _with_kin(made: list[lcdb_curves.Family], by_data: bool) -> tuple[Array, Array]:
    components, calibration = shipped()
    seen = [s for f in made for s in (f.short.seen, *f.kin)]
    owner = np.repeat(np.arange(len(made)), [1 + len(f.kin) for f in made])
    # Names are chosen so that only the intended curves are related.
    kin: list[Kin] = [(int(o), -1 - i) if by_data else (-1 - i, int(o)) for i, o in enumerate(owner)]
    quantiles = np.empty((3, len(seen), len(REACHES)))
    for places, ensemble in ensembles(seen, components, calibration, kin):
        scores = ensemble.scores(np.array([made[owner[i]].short.goals for i in places]))
        quantiles[:, places] = [scores.quantile(p) for p in (0.1, 0.9, 0.5)]
    first = np.searchsorted(owner, np.arange(len(made)))
    return quantiles[:2, first], quantiles[2, first]


def speed(trials: list[Trial]) -> dict[str, float]:
    """Return the number of complete forecasts (all answers, with a target) per second on one core."""
    curves = []
    for t in trials[:2000]:
        runs = {int(n): [Run(float(v), 100)] for n, v in zip(t.seen.sizes, t.seen.values, strict=True)}
        curves.append(Points(top=1.0, runs=runs))
    start = time.process_time()
    forecast_points(curves, target=0.8, at=[200, 500, 1000], pooled=False)
    return {"curves": len(curves), "curves a second": round(len(curves) / (time.process_time() - start), 1)}


def run(curves: list[Curve], draws: int, lm_curves: Path | None) -> dict[str, Any]:
    """Return all measurements, as plain data; `facts` contain the results of the equality checks."""
    learning, held = lcdb_curves.halves(curves)
    trials = [t for _, t in lcdb_curves.trials(held, POINTS, draws, seed=2)]
    training_trials = [t for _, t in lcdb_curves.trials(learning, POINTS, max(draws // 2, 1), seed=2)]
    rng = np.random.default_rng(7)
    last = np.array([t.seen.values[-1] for t in trials])
    targets = np.minimum(last + rng.choice(STEPS, len(trials)), 0.999)
    ours = foreseen(trials, targets)
    rows = cells(trials, held, training_trials, ours)
    found = {
        "held-out curves": len(held),
        "held-out data sets": len({c.dataset for c in held}),
        "trials": len(trials),
        "cells": rows,
        "verdicts": verdicts(rows),
        "conditions": conditions(trials, ours),
        "target within reach": reachability(trials, targets, ours),
        "worth of as many labels again": gains(trials, ours),
        "kin": kinship(held),
        "thesis curves": _forecast_outside.thesis(),
        "speed": speed(trials),
    }
    if lm_curves is not None:
        found["language model curves"] = _forecast_outside.language_models(lm_curves)
    diagram = found["target within reach"]["reliability"]
    checks = _forecast_checks.checks(trials[:CHECKED], ours, foreseen, crps, LEVELS, diagram)
    return found | {"facts": verdict(checks)}


def main() -> int:
    """Measure, print, draw the figure if requested, and return the exit status."""
    parser = argument_parser(str(__doc__).splitlines()[0])
    parser.add_argument("--cache", type=Path, help="where the database is, or is fetched to")
    parser.add_argument("--draws", type=int, default=4, help="ways to measure each curve, for each number of points")
    parser.add_argument(
        "--lm-curves",
        type=Path,
        default=Path(__file__).with_name("language_models.csv"),
        help="a scores.csv of language models to judge the forecaster on; the one beside this file by default",
    )
    parser.add_argument("--figure", type=Path, help="where to draw the reliability diagram (SVG)")
    given = parse(parser, quick={"draws": 1})
    if not given.quick and given.cache is None:
        parser.error("--cache names the folder of the database; --quick does without")
    curves = _forecast_checks.made_curves() if given.quick else lcdb_curves.load(given.cache)
    found = run(curves, given.draws, given.lm_curves)
    if given.figure:
        given.figure.parent.mkdir(parents=True, exist_ok=True)
        given.figure.write_text(reliability_svg(found["target within reach"]["reliability"]), encoding="utf-8")
    if given.json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _forecast_outside.show(found)
    return 0 if found["facts"]["equal"] == "yes" else 1


if __name__ == "__main__":
    sys.exit(main())
