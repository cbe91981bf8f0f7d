"""Training against TRL's SFTTrainer and transformers' Trainer: same rows, batches, order, initialisation and optimiser.

    python benchmarks/training.py [--json] [--only SETTING …] [--categories NAME …] [--peers NAME …] [--batch 8]
        [--steps 4] [--repeats 2] [--models 20] [--alone 3] [--keep FILE] [--table] [--no-apart] [--quick]

Each measurement is a separate process, with the implementations alternating; the first optimiser step of each is its
warm-up. Weights and computation are in bfloat16 for all of them, if the processor supports it; only Tuition keeps fp32
master weights. None has dropout, gradient checkpointing or data-loading workers, and peers log and save nothing. Losses
are compared in a second run in fp32, and the input tokens by their hash. `--keep FILE` caches every process, so that a
long run can be split; `--table` only prints the cached results. The exit status is 1 where losses or tokens differ.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from _table import Cell, argument_parser, parse, report
from _tiny import TINY, local_model
from _training_runs import (
    CATEGORIES,
    PEERS,
    SETTINGS,
    Kept,
    Setting,
    Sizes,
    base_of,
    cases,
    make_t5,
    others,
    rows_of,
    steps_of,
    tasks,
)
from tuition.models.load import resolve_precision

MANY = "many models"
_GOALS = {"shared prefix": 2.5, "no shared prefix": 1.0, MANY: 3.0}
_NAMES = tuple(setting.name for setting in SETTINGS)
Runs = dict[str, list[dict[str, Any]]]


def setting_rows(setting: Setting, given: Any, kept: Kept, model: str, precision: str) -> list[dict[str, Cell]]:
    """Measure one setting and return its rows of the table, one for each implementation and case."""
    sizes = Sizes(given.batch, given.steps, 4 if setting.pooled else 2, 3)
    chosen, _ = tasks(given.categories, quick=given.quick)
    sides = ("tuition", *(peer for peer in setting.peers if peer in given.peers))
    made: list[dict[str, Cell]] = []
    for name, rows in itertools.islice(cases(setting, model, chosen, sizes), 1 if given.quick else None):
        title = f"{setting.name}, {name}"
        spec = {"model": model, "tuner": setting.tuner, "precision": precision, **rows}
        runs: Runs = {side: [] for side in sides}
        for repeat in range(given.repeats):
            for side in sides:
                found = kept(title, repeat, side=side, **spec)
                if found is not None:
                    runs[side].append(found)
        made += compared(title, {side: found for side, found in runs.items() if found}, given.batch, setting.bound)
    return made


def compared(title: str, runs: Runs, batch: int, bound: float) -> Iterator[dict[str, Cell]]:
    """Yield a row for each implementation: rate with spread, ratio to ours, and equality of input and losses."""
    if "tuition" not in runs:
        return
    mine = runs["tuition"]
    wall, busy = sum(_middles(mine, "wall")), sum(_middles(mine, "busy"))
    for side, found in runs.items():
        rates = [batch * len(run["wall"]) / sum(run["wall"]) for run in found]
        losses = zip(mine[0]["losses"], found[0]["losses"], strict=True)
        apart = max(abs(a - b) / abs(b) for a, b in losses)
        steps = _middles(found, "wall")
        yield {
            "what": title,
            "side": side,
            "samples/s": batch * len(steps) / sum(steps),
            "min": min(rates),
            "max": max(rates),
            "ratio": None if side == "tuition" else sum(steps) / wall,
            "ratio, CPU": None if side == "tuition" else sum(_middles(found, "busy")) / busy,
            "peak MB": max(run["peak"] for run in found),
            "fp32 loss, max rel. diff": None if side == "tuition" else apart,
            "equal": apart <= bound and {run["fed"] for run in found} == {mine[0]["fed"]},
        }


def _middles(runs: Sequence[Mapping[str, Any]], what: str) -> list[float]:
    """Return the median over processes of each step, since the steps' rows have different lengths."""
    return [statistics.median(taken) for taken in zip(*(run[what] for run in runs), strict=True)]


def many_rows(given: Any, kept: Kept, model: str, precision: str) -> list[dict[str, Cell]]:
    """Measure many single-task models trained in one process, and some of them trained in separate processes."""
    setting = SETTINGS[0]
    courses = []
    for task in others(given.models, quick=given.quick):
        rows = rows_of(model, task, setting, 16)
        courses.append(steps_of(rows, 8, given.course))
    spec = {"model": model, "tuner": "lora", "precision": precision}
    title = f"{len(courses)} models"
    warm = kept(title, 0, side="tuition", courses=courses, **spec)
    if warm is None:
        return []
    made: list[dict[str, Cell]] = [_process(title, "tuition, one process", [warm], 1.0, warm, fed=True)]
    for side in ("tuition", *(peer for peer in setting.peers if peer in given.peers)):
        # Evenly spaced over the tasks, which are sorted by length.
        places = [round((at + 0.5) * len(courses) / given.alone - 0.5) for at in range(given.alone)]
        tried = [(at, kept(f"model {at}", 0, side=side, courses=[courses[at]], **spec)) for at in places]
        found = [(at, run) for at, run in tried if run is not None]
        if found:
            same = all(run["fed"] == [warm["fed"][at]] for at, run in found)
            runs = [run for _, run in found]
            made.append(_process(title, f"{side}, a process each", runs, len(courses) / len(runs), warm, fed=same))
    return made


def _process(
    title: str, side: str, runs: Sequence[Mapping[str, Any]], times: float, warm: Mapping[str, Any], *, fed: bool
) -> dict[str, Cell]:
    wall, busy = (times * sum(run[f"process {kind}"] for run in runs) for kind in ("wall", "busy"))
    first = runs == [warm]
    return {
        "what": title,
        "side": side,
        "seconds": wall,
        "CPU s": busy,
        "ratio": None if first else wall / warm["process wall"],
        "ratio, CPU": None if first else busy / warm["process busy"],
        "peak MB": max(run["peak"] for run in runs),
        "equal": fed,
    }


def summary(table: Sequence[Mapping[str, Cell]]) -> dict[str, Cell]:
    """Return the geometric means of the ratios against the faster peer of each case, by group of cases."""
    facts: dict[str, Cell] = {}
    kinds = {setting.name: "shared prefix" if setting.shared else "no shared prefix" for setting in SETTINGS}
    for kind, goal in _GOALS.items():
        rows = [row for row in table if kinds.get(str(row["what"]).partition(",")[0], MANY) == kind]
        for whom, own in (("the faster peer", False), ("our own processes", True)):
            for column in ("ratio", "ratio, CPU"):
                best: dict[str, float] = {}
                for row in rows:
                    what, ratio = str(row["what"]), row.get(column)
                    if isinstance(ratio, float) and str(row["side"]).startswith("tuition") is own:
                        best[what] = min(best.get(what, ratio), ratio)
                if best:
                    mean = statistics.geometric_mean(best.values())
                    facts[f"{kind}: {column} to {whom}, geometric mean of {len(best)} (goal {goal})"] = mean
    return facts


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argument_parser(str(__doc__).splitlines()[0])
    made.add_argument("--model", default="smollm2-135m")
    made.add_argument("--only", nargs="+", default=[*_NAMES, MANY], choices=[*_NAMES, MANY], metavar="SETTING")
    made.add_argument("--categories", nargs="+", default=[], metavar="NAME", help=f"of {', '.join(CATEGORIES)}")
    made.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS, metavar="NAME")
    made.add_argument("--batch", type=int, default=8)
    made.add_argument("--steps", type=int, default=4, help="optimiser steps a process, the first of them a warm-up")
    made.add_argument("--repeats", type=int, default=2, help="processes a side, in turn")
    made.add_argument("--models", type=int, default=20, help="single-task models that one process makes")
    made.add_argument("--course", type=int, default=8, help="optimiser steps of each of these")
    made.add_argument("--alone", type=int, default=3, help="how many of them are made in processes of their own")
    made.add_argument("--keep", type=Path, help="remember what was measured in this file, and do not measure it again")
    made.add_argument("--table", action="store_true", help="measure nothing; print what is remembered")
    made.add_argument(
        "--apart", action=argparse.BooleanOptionalAction, default=True, help="a process for each measurement"
    )
    return made


def main() -> int:
    """Measure, print, and return the exit status: 1 where losses or tokens differ."""
    sizes = {"batch": 2, "steps": 2, "repeats": 1, "models": 2, "alone": 1, "course": 1}
    given = parse(parser(), quick={"model": TINY, "apart": False, **sizes})
    if not given.apart:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
    precision = resolve_precision("auto")
    with local_model(given.model) as model:
        table = measure(given, base_of(model), precision)
    facts: dict[str, Cell] = {
        **summary(table),
        "batch": given.batch,
        "steps counted a side and case": f"{given.steps - 1} in each of at most {given.repeats} processes",
        "precision": precision,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "rows from": tasks(given.categories, quick=given.quick)[1],
        "model": given.model,
    }
    checks = {
        "something was measured": bool(table),
        "the same tokens went in, and fp32 losses differ by no more than rounding explains": all(
            bool(row["equal"]) for row in table
        ),
    }
    return report("Learning", table, facts, checks, as_json=given.json)


def measure(given: argparse.Namespace, model: str, precision: str) -> list[dict[str, Cell]]:
    """Return the rows of the table, for all selected settings."""
    table: list[dict[str, Cell]] = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(given.keep or Path(folder) / "runs.jsonl", run=not given.table, apart=given.apart)
        for setting in (setting for setting in SETTINGS if setting.name in given.only):
            name = model
            if setting.encoder_decoder:
                name = make_t5(model, Path(folder) / "t5-small-random", quick=given.quick)
            table += setting_rows(setting, given, kept, name, precision)
        if MANY in given.only:
            table += many_rows(given, kept, model, precision)
    return table


if __name__ == "__main__":
    sys.exit(main())
