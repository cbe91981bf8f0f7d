"""The predictions of a whole study: a folder that run, learn or demo made, each arm, budget and seed apart."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tuition.evaluation.predictions.parquet import read_parquet
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.findings import Findings

_DATABASE = "store.sqlite"
_FOLDER = "predictions"


def _recognises(path: Path) -> bool:
    return (path / _DATABASE).is_file()


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    try:
        with closing(sqlite3.connect(f"{(path / _DATABASE).resolve().as_uri()}?mode=ro", uri=True)) as database:
            judged = database.execute(
                "SELECT key, arm, labels, seed FROM steps WHERE kind = 'evaluate' ORDER BY arm, labels, seed, task"
            ).fetchall()
    except sqlite3.Error as error:
        found.error("unreadable-store", f"{_DATABASE} cannot be read ({error})", "name a folder that a study made")
        return []
    rows = []
    for key, arm, labels, seed in judged:
        place = Findings(path / _FOLDER / f"{key}.parquet")
        rows += read_parquet(place.file, place, system=f"{arm}, {labels} labels, seed {seed}")
        found.include(place)
    return rows


READER = PredictionReader("study", "a study's folder, with store.sqlite and predictions/", _recognises, _read)
