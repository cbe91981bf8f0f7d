"""A study's folder with made scores, as a run leaves it: whole, stopped half way, or with arms that cross factors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuition.evaluation.metric_scores import Score
from tuition.evaluation.stats.intervals import bootstrap_interval
from tuition.reports.scores_csv import write_scores_csv
from tuition.studies.results import PredictionRow, ScoreRow
from tuition.studies.storage.store import StepOutcome, open_store

PLAIN, TOLD = "quick-learners-input-only", "quick-learners"
TASKS = tuple(f"task{number}" for number in range(6))
Effect = Callable[[str, str, int, int], float]
"""A point's true mean: of a task, an arm, a number of labels and a seed."""


def stage(encoding: str, setting: str = "single-task", **more: object) -> dict[str, Any]:
    return {
        "encoding": encoding,
        "chat": False,
        "template": "",
        "on": "unseen",
        "setting": setting,
        "labels": None,
        "start": "auto",
        "recipe": {"name": "small-data", "tuner": "lora", "max_length": 512},
        **more,
    }


def crossed() -> dict[str, list[dict[str, Any]]]:
    """Pre-finetuning {none, without, with} × encoding {plain, instructed} × setting, as arms."""
    seen = {"without": PLAIN, "with": TOLD}
    return {
        f"{before}, {told}, {setting}": [
            *([stage(seen[before], "multi-task", on="seen", labels=30)] if before in seen else []),
            stage(PLAIN if told == "plain" else TOLD, setting),
        ]
        for before in ("none", "without", "with")
        for told in ("plain", "instructed")
        for setting in ("single-task", "multi-task")
    }


def make_study(
    folder: Path,
    arms: dict[str, list[dict[str, Any]]],
    effect: Effect,
    *,
    tasks: Sequence[str] = TASKS,
    labels: Sequence[int] = (0, 16, 64),
    seeds: Sequence[int] = (1,),
    n: int = 20,
    skip: Callable[[str, str, int, int], bool] = lambda *_: False,
    whole: bool = True,
) -> Path:
    """Write a folder; points without labels are judged once for arms of the same beginning and encoding, as runs do."""
    rows: list[ScoreRow] = []
    with open_store(folder) as store:
        store.write_study(
            json.dumps(
                {"study": "made", "arms": arms, "labels": labels, "seeds": seeds, "judge": {"metrics": ["rouge_l"]}}
            )
        )
        kept: dict[str, Score] = {}
        for task in tasks:
            level = np.random.default_rng([tasks.index(task), 7]).uniform(-0.1, 0.1)
            hard = np.random.default_rng([tasks.index(task), 8]).normal(0, 0.1, n)
            for arm, stages in arms.items():
                for size in labels:
                    for seed in seeds:
                        if skip(task, arm, size, seed):
                            continue
                        key = f"{task}-{arm}-{size}-{seed}".replace(" ", "").replace(",", "-")
                        if not size:
                            before = "".join(own["encoding"] for own in stages[:-1]) + (
                                f"-{seed}" if stages[:-1] else ""
                            )
                            key = f"{task}-0-{before}-{stages[-1]['encoding']}"
                        if key not in kept:
                            noise = np.random.default_rng([len(kept), seed]).normal(0, 0.02, n)
                            values = np.clip(effect(task, arm, size, seed) + level + hard + noise, 0, 1)
                            made = bootstrap_interval(values, seed=1, resamples=200)
                            kept[key] = Score("rouge_l", 100 * made.mean, 100 * made.low, 100 * made.high, n)
                            place = {"task": task, "arm": arm, "labels": size, "seed": seed}
                            store.write_predictions(
                                key,
                                [
                                    PredictionRow(**place, instance=f"i{at}", input="", prediction="", references=(),
                                                  scores={"rouge_l": float(value)})
                                    for at, value in enumerate(values)
                                ],
                            )  # fmt: skip
                            outcome = StepOutcome(kind="evaluate", **place, seconds=1.0, details={}, scores=[kept[key]])
                            store.finish(key, outcome)
                        s = kept[key]
                        rows.append(ScoreRow(task, arm, size, seed, s.metric, s.value, s.low, s.high, s.n))
    if whole:
        write_scores_csv(folder / "scores.csv", rows)
        later = (folder / "study.json").stat().st_mtime + 10
        os.utime(folder / "scores.csv", (later, later))
    return folder
