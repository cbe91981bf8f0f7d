"""The same forecaster on out-of-domain curves (published ones, or language models'), and printing the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tuition.reports.forecasting.measured import Measured
from tuition.reports.forecasting.predict import forecast_points, measured_points
from tuition.reports.forecasting.source import Points, Run, read_points

# H. Gupta, "Instruction Tuned Models Are Quick Learners with Instruction Equipped Data on Downstream Tasks" (Master's
# thesis, Arizona State University, 2023), Figures 1.1, 5.1 and 5.3: mean ROUGE-L over 119 tasks of an instruction-tuned
# 3B model. The sizes are the mean numbers of training instances a task behind the budgets 0, 100, 200, 1000 and all.
THESIS_SIZES = (0, 97, 186, 798, 3149)
THESIS = {
    "single-task": (54.30, 65.93, 68.34, 71.71, 72.04),
    "multi-task": (54.30, 66.78, 70.40, 73.14, 74.68),
}
THESIS_INSTANCES = 11_810


def thesis() -> list[dict[str, Any]]:
    """Return, for the thesis's two full curves, each later point as predicted from the first three and four."""
    rows = []
    for name, scores in THESIS.items():
        runs = {n: [Run(v, THESIS_INSTANCES)] for n, v in zip(THESIS_SIZES, scores, strict=True)}
        rows += _prefixes(Points("119 tasks", name, "rouge_l", 100.0, runs))
    return rows


def language_models(path: Path) -> dict[str, Any]:
    """Return how well the calibration transfers to language models' curves: each later point from those before it."""
    rows: list[dict[str, Any]] = []
    metrics = _metrics(path)
    for metric in metrics:
        for curve in read_points(path, metric=metric):
            rows += _prefixes(curve)
    if not rows:
        return {"forecasts": 0, "note": "no curve has four sizes or more"}
    summary: dict[str, Any] = {"curves": len({(r["task"], r["curve"], r["metric"]) for r in rows})}
    summary["by points known"] = [
        _summary(f"{k}", [r for r in rows if r["points"] == k]) for k in sorted({r["points"] for r in rows})
    ]
    return summary | {"all": _summary("all", rows)}


def _metrics(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    names = lines[0].split(",")
    if "metric" not in names:
        return [""]
    return list(dict.fromkeys(line.split(",")[names.index("metric")] for line in lines[1:] if line.strip()))


def _summary(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    inside = {side: round(100 * float(np.mean([r[side] for r in rows])), 1) for side in ("in 80", "in 95")}
    return {
        "points": name,
        "forecasts": len(rows),
        **inside,
        "median error": round(float(np.median([abs(r["score"] - r["came"]) for r in rows])), 2),
        "median error of last value": round(float(np.median([abs(r["last"] - r["came"]) for r in rows])), 2),
    }


def _prefixes(curve: Points) -> list[dict[str, Any]]:
    sizes = sorted(curve.runs)
    whole = measured_points(curve)
    rows = []
    for known in range(3, len(sizes)):
        part = Points(curve.task, curve.arm, curve.metric, curve.top, {n: curve.runs[n] for n in sizes[:known]})
        [made] = forecast_points([part], at=sizes[known:])
        for place, expected in enumerate(made.at, start=known):
            # The observed score is a measurement, so the interval must include its noise. The part of the test
            # set's noise that all points share is already in the forecast.
            own = float(whole.noise[place, place]) - _shared_variance(whole, place)
            room = curve.top * max(own, 0.0) ** 0.5
            came = float(whole.values[place]) * curve.top
            rows.append(
                {
                    "task": curve.task,
                    "curve": curve.arm,
                    "metric": curve.metric,
                    "points": known,
                    "labels": expected.labels,
                    "score": round(expected.score, 2),
                    "low80": round(expected.low80, 2),
                    "high80": round(expected.high80, 2),
                    "came": round(came, 2),
                    "last": round(made.scores[-1], 2),
                    "in 80": _inside(expected.score, expected.low80, expected.high80, came, 1.2816 * room),
                    "in 95": _inside(expected.score, expected.low95, expected.high95, came, 1.96 * room),
                }
            )
    return rows


def _shared_variance(whole: Measured, place: int) -> float:
    """Return the part of a point's noise that all points share, from the covariances, which are products of these."""
    one, two = [i for i in range(len(whole.sizes)) if i != place][:2]
    return float(whole.noise[place, one] * whole.noise[place, two] / whole.noise[one, two])


def _inside(middle: float, low: float, high: float, came: float, room: float) -> bool:
    return middle - float(np.hypot(middle - low, room)) <= came <= middle + float(np.hypot(high - middle, room))


def show(found: dict[str, Any]) -> None:
    """Print everything that was measured."""
    console = Console(width=150)
    console.print(
        f"{found['held-out curves']:,} held-out curves of {found['held-out data sets']} data sets, "
        f"{found['trials']:,} trials; {found['speed']['curves a second']:g} forecasts a second on one core\n"
    )
    names = list(found["cells"][0]["CRPS"])
    cells = Table(title="By points known and reach")
    for head in ("points", "reach", "trials", "data sets", "coverage 80", "coverage 95", "width 80"):
        cells.add_column(head, justify="right")
    for row in found["cells"]:
        cells.add_row(*(str(row[c.header]) for c in cells.columns))
    console.print(cells)
    for measure in ("median error", "CRPS"):
        table = Table("points", "reach", *names, title=measure)
        for row in found["cells"]:
            table.add_row(str(row["points"]), f"{row['reach']}n", *(f"{row[measure][n]:.2f}" for n in names))
        console.print(table)
    for claim, verdict in found["verdicts"].items():
        missing = verdict["cells that miss"]
        console.print(f"{claim}: {verdict['of'] - len(missing)} of {verdict['of']} cells; misses: {missing or 'none'}")
    _lists(console, found)
    for name, holds in found["facts"].items():
        console.print(f"{name}: {holds}", markup=False, highlight=False)


def _lists(console: Console, found: dict[str, Any]) -> None:
    within = found["target within reach"]
    lists = {
        "By how the points were measured (2n to 8n)": found["conditions"],
        "Does the target come within reach?": within["by reach"],
        f"Reliability (expected calibration error {within['expected calibration error']})": within["reliability"],
        "Kin": found["kin"],
        "The thesis's curves": found["thesis curves"],
        "Worth of as many labels again": [found["worth of as many labels again"]],
    }
    if "language model curves" in found:
        models = found["language model curves"]
        lists["Language models"] = [*models.get("by points known", []), models.get("all", models)]
    for title, rows in lists.items():
        table = Table(*rows[0], title=title)
        for row in rows:
            table.add_row(*(str(v) for v in row.values()))
        console.print(table)
