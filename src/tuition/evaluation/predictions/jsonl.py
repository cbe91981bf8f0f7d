"""JSON lines with one answer each, as `tuition predict --json` prints and NI's leaderboard accepts them."""

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
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.sniff import beginning, first_keys

_REFERENCES = ("references", "reference", "output", "outputs", "target")


def _recognises(path: Path) -> bool:
    if path.suffix not in (".jsonl", ".ndjson") or not path.is_file():
        return False
    keys = first_keys(beginning(path))
    return "prediction" in keys and not {"Instance", "filtered_resps"} & keys


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    rows = []
    for number, row in read_json_lines(path, path, found):
        found.line = number
        if not require(row, ("prediction",), found) or not isinstance(row, dict):
            continue
        text = prediction_text(row["prediction"], found)
        key = first(row, *_REFERENCES)
        references = () if key is None else reference_texts(row[key], found)
        if text is None or references is None:
            continue
        rows.append(
            StoredPrediction(
                text,
                references,
                task=name_text(row.get("task", row.get("task_id", ""))),
                instance=name_text(row.get("id", row.get("instance", ""))),
                system=name_text(row.get("system", row.get("model", ""))),
                category=listed_text(row.get("category", row.get("task_category", ""))),
                dataset=listed_text(row.get("dataset", "")),
                language=listed_text(row.get("language", row.get("track", ""))),
                input=given_text(row.get("input")),
                line=number,
            )
        )
    found.line = None
    return rows


READER = PredictionReader(
    "jsonl", "JSON lines with `prediction` and optionally `references`, `id`, `task`", _recognises, _read
)
