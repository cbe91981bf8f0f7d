"""Runs the measurements of `collections.py` and compares their results."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _collection_sides import DRAWS
from _generated import generate
from _table import Cell, argument_parser, parse, report

_GOALS = {"warm open s": 1.0, "peak MB": 600.0}
# Each implementation's operations, in the order of measuring. The second fingerprint is of an unchanged collection.
_WORKS = {
    "first open and index": ("first", ("tuition", "json.load", "datasets")),
    "warm open": ("warm", ("tuition", "json.load", "datasets")),
    "draw": ("draw", ("tuition", "tuition, no index", "json.load", "datasets")),
    "fingerprint": ("fingerprint", ("tuition", "SHA-256 of every file")),
}
Measured = dict[str, list[dict[str, float | str]]]


def main(description: str) -> int:
    """Generate, measure, print, and return the exit status."""
    parser = argument_parser(description)
    parser.add_argument("--tasks", type=int, default=1616, help="how many tasks to generate")
    parser.add_argument("--rows", type=int, default=3106, help="instances a task")
    parser.add_argument("--drawn", type=int, default=757, help="how many tasks to draw from")
    parser.add_argument("--repeats", type=int, default=3, help="processes a side and work")
    parser.add_argument("--folder", type=Path, help="where to put what is generated (by default a temporary folder)")
    options = parse(parser, quick={"tasks": 4, "rows": 60, "drawn": 2, "repeats": 1})
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="tuition-collections-") as holder:
        folder = Path(holder) / "collection"
        start = time.perf_counter()
        source = generate(folder, options.tasks, options.rows)
        _say(f"generated in {time.perf_counter() - start:.0f} s")
        time.sleep(2.1)  # files changed a moment ago are not indexed
        files = sorted((folder / "tasks").iterdir())
        environment = {
            **os.environ,
            "ROWS": json.dumps({file.stem: options.rows for file in files}),
            "TUITION_CACHE": str(Path(holder) / "tuition"),
            "HF_HOME": str(Path(holder) / "hf"),
            "HF_HUB_OFFLINE": "1",
            # A small collection has no index otherwise.
            **({"ALWAYS_INDEX": "1"} if options.quick else {}),
        }
        measured = {
            work: _measure(work, folder, options.drawn, options.repeats, environment, Path(holder)) for work in _WORKS
        }
        facts: dict[str, Cell] = {
            "tasks": options.tasks,
            "instances": options.tasks * options.rows,
            "rows drawn": min(options.drawn, options.tasks) * min(DRAWS, options.rows),
            "GB of JSON": sum(file.stat().st_size for file in files) / 1e9,
            "GB of index": _size(Path(holder) / "tuition") / 1e9,
            "GB of datasets' cache": _size(Path(holder) / "hf") / 1e9,
            "repeats": options.repeats,
            "collection from": source,
        }
    rows, alike = _rows(measured)
    warm = next(row for row in rows if row["work"] == "warm open")
    peak = max(float(str(row["peak MB"])) for row in rows if row["side"] == "tuition")
    facts["warm open within 1 s"] = float(str(warm["median s"])) <= _GOALS["warm open s"]
    facts["Tuition's peak within 600 MB"] = peak <= _GOALS["peak MB"]
    checks = {"all sides give the same names, sizes, definitions, rows and fingerprints": alike}
    return report("A collection of Super-NaturalInstructions' size", rows, facts, checks, as_json=options.json)


def _measure(work: str, folder: Path, drawn: int, repeats: int, environment: dict[str, str], holder: Path) -> Measured:
    kind, sides = _WORKS[work]
    measured: Measured = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            if kind == "first":
                shutil.rmtree(holder / {"tuition": "tuition", "datasets": "hf"}.get(side, "none"), ignore_errors=True)
            command = [sys.executable, str(Path(__file__).with_name("_collection_sides.py")), side, kind]
            done = subprocess.run(
                [*command, str(folder), str(drawn)], check=True, stdout=subprocess.PIPE, text=True, env=environment
            )
            measured[side].append(json.loads(done.stdout.splitlines()[-1]))
            _say(f"{work}, {side}: {measured[side][-1]['seconds']:.2f} s")
    return measured


def _rows(measured: dict[str, Measured]) -> tuple[list[dict[str, Cell]], bool]:
    rows: list[dict[str, Cell]] = []
    alike = True
    for work, sides in measured.items():
        ours = statistics.median(float(run["seconds"]) for run in sides["tuition"])
        ours_cpu = statistics.median(float(run["processor"]) for run in sides["tuition"])
        for side, runs in sides.items():
            seconds = [float(run["seconds"]) for run in runs]
            processor = [float(run["processor"]) for run in runs]
            same = {run["result"] for run in runs} == {sides["tuition"][0]["result"]}
            if "definitions" in runs[0] and side != "datasets":  # which does not keep them
                same = same and {run["definitions"] for run in runs} == {sides["tuition"][0]["definitions"]}
            alike = alike and same
            rows.append(
                {
                    "work": work,
                    "side": side,
                    "median s": statistics.median(seconds),
                    "min s": min(seconds),
                    "max s": max(seconds),
                    "of ours": statistics.median(seconds) / ours,
                    "CPU s": statistics.median(processor),
                    "of ours, CPU": statistics.median(processor) / ours_cpu,
                    "peak MB": max(float(run["peak"]) for run in runs),
                    "same": "yes" if same else "NO",
                }
            )
    return rows, alike


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
