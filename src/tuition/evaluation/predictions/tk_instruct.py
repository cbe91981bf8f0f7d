"""Tk-Instruct's `predicted_examples.jsonl` (Wang et al. 2022): one line per instance, with its task and the answer."""

from __future__ import annotations

from pathlib import Path

from tuition.evaluation.predictions.fields import (
    first,
    given_text,
    listed_text,
    name_text,
    prediction_text,
    reference_texts,
    require,
)
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.evaluation.stats.aggregate import CROSS_LINGUAL, ENGLISH
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.sniff import beginning, first_keys


def _recognises(path: Path) -> bool:
    if path.suffix not in (".jsonl", ".json") or not path.is_file():
        return False
    # A line begins with its whole task, so the answer may come after the part of the file that is read here.
    return {"Task", "Definition"} <= first_keys(beginning(path)) or path.name == "predicted_examples.jsonl"


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    rows = []
    for number, row in read_json_lines(path, path, found):
        found.line = number
        if not require(row, ("Task", "Instance"), found) or not isinstance(row, dict):
            continue
        key = first(row, "Prediction", "prediction")
        if key is None:
            found.error("missing-key", "there is no 'Prediction' or 'prediction'", "give the model's answer")
            continue
        if not require(row["Instance"], ("output",), found):
            continue
        text = prediction_text(row[key], found)
        references = reference_texts(row["Instance"]["output"], found)
        if text is None or references is None:
            continue
        rows.append(
            StoredPrediction(
                text,
                references,
                task=name_text(row["Task"]),
                instance=name_text(row["Instance"].get("id", row.get("id", ""))),
                category=listed_text(row.get("Categories", "")),
                dataset=", ".join(_texts(row.get("Source"))),
                language=_track(row),
                input=given_text(row["Instance"].get("input")),
                line=number,
            )
        )
    found.line = None
    return rows


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [one for one in value or () if isinstance(one, str)]  # type: ignore[attr-defined]


def _track(row: dict[str, object]) -> str:
    languages = {one for key in ("Input_language", "Output_language") for one in _texts(row.get(key))}
    return "" if not languages else ENGLISH if languages == {"English"} else CROSS_LINGUAL


READER = PredictionReader(
    "tk_instruct", "Tk-Instruct's predicted_examples.jsonl, with Task, Instance and Prediction", _recognises, _read
)
