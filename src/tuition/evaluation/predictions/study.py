"""The predictions of a whole study, from a folder that run, learn or demo created: each arm, budget and seed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from tuition.base.errors import UserError
from tuition.evaluation.predictions.parquet import read_parquet
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.evaluation.stats.aggregate import Place, place_of
from tuition.tasks import Task
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.starter import STARTER_PATH

_DATABASE, _STUDY = "store.sqlite", "study.json"
_FOLDER = "predictions"


def _recognises(path: Path) -> bool:
    return (path / _DATABASE).is_file()


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    try:
        with closing(sqlite3.connect(f"{(path / _DATABASE).resolve().as_uri()}?mode=ro", uri=True)) as database:
            steps = database.execute(
                "SELECT key, arm, labels, seed FROM steps WHERE kind = 'evaluate' ORDER BY arm, labels, seed, task"
            ).fetchall()
    except sqlite3.Error as error:
        found.error("unreadable-store", f"{_DATABASE} cannot be read ({error})", "give a study's folder")
        return []
    rows = []
    for key, arm, labels, seed in steps:
        findings = Findings(path / _FOLDER / f"{key}.parquet")
        rows += read_parquet(findings.file, findings, system=f"{arm}, {labels} labels, seed {seed}")
        found.include(findings)
    return rows


def study_places(path: Path, tasks: Iterable[str]) -> dict[str, Place]:
    """Return the groups of a study's tasks (category, datasets, language track), from the study's collection.

    Tasks that are not found are left out: all of them if `path` is not a study or its collection no longer exists.
    """
    return {name: place_of(task) for name, task in _tasks(path, tasks)}


def study_definitions(path: Path, tasks: Iterable[str]) -> dict[str, str]:
    """Return the definitions of a study's tasks; tasks that are not found are left out."""
    return {name: task.definition for name, task in _tasks(path, tasks)}


def _tasks(path: Path, names: Iterable[str]) -> list[tuple[str, Task]]:
    try:
        name = json.loads((path / _STUDY).read_text(encoding="utf-8"))["tasks"]["collection"]
        collection = open_collection(STARTER_PATH if name == "starter" else Path(name))
        known = set(collection.names)
        return [(name, collection[name]) for name in names if name in known]
    except (OSError, ValueError, LookupError, TypeError, UserError):
        return []


READER = PredictionReader("study", "a study's folder, with store.sqlite and predictions/", _recognises, _read)
