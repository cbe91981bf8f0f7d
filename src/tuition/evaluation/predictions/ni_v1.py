"""Predictions in the format of Natural Instructions v1: one JSON file per task, answers by instance index."""

from __future__ import annotations

from pathlib import Path

from tuition.evaluation.predictions.fields import first, kind_of, prediction_text, require
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_text import Cursor, note_fault, note_oddities
from tuition.tasks.readers.common.sniff import beginning, first_keys
from tuition.tasks.readers.common.text_file import read_text


def _recognises(path: Path) -> bool:
    return path.suffix == ".json" and path.is_file() and "predictions" in first_keys(beginning(path))


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    r"""Read `{"predictions": [{"index": …, "output": …}, …]}`; the task's name is the file's name up to an `@`."""
    text = read_text(path, path, found)
    if text is None:
        return []
    cursor = Cursor(text)
    try:
        document = cursor.value()
        cursor.end()
    except (ValueError, RecursionError) as fault:
        note_fault(cursor, fault, found)  # type: ignore[arg-type]  # json's own error is the one ValueError here
        return []
    note_oddities(cursor.oddities, found)
    if not require(document, ("predictions",), found):
        return []
    if not isinstance(document["predictions"], list):
        what = kind_of(document["predictions"])
        found.error("wrong-type", f"`predictions` is {what}", "it is a list of objects with `index` and `output`")
        return []
    task = path.stem.partition("@")[0]
    rows = []
    for position, row in enumerate(document["predictions"]):
        found.index = position
        if not require(row, ("index",), found):
            continue
        index = row["index"]
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            found.error("wrong-type", f"the index is {kind_of(index)}", "it is the instance's position, from 0")
            continue
        key = first(row, "output", "prediction")
        if key is None:
            found.error("missing-key", "there is no 'output'", "give the model's answer")
            continue
        answer = prediction_text(row[key], found)
        if answer is not None:
            rows.append(StoredPrediction(answer, task=task, index=index))
    found.index = None
    return rows


READER = PredictionReader(
    "ni_v1", 'Natural Instructions\' predictions, {"predictions": [{"index", "output"}]}', _recognises, _read
)
