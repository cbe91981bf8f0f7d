"""Predictions as Parquet: those that a study stores, and any with the same column names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.evaluation.predictions.fields import given_text, name_text, prediction_text, reference_texts
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.common.findings import Findings

_RANKED = ("options", "option_log_probabilities", "option_tokens", "option_pmi")
_READ = (
    *(
        "prediction",
        "references",
        "reference",
        "task",
        "instance",
        "id",
        "category",
        "dataset",
        "language",
        "system",
        "input",
    ),
    *_RANKED,
)


def _recognises(path: Path) -> bool:
    return path.suffix == ".parquet" and path.is_file()


def read_parquet(path: Path, found: Findings, *, system: str = "") -> list[StoredPrediction]:
    """Return the answers in one file; `system` is the system of those that name none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "prediction" not in names:
                seen = ", ".join(names[:8])
                found.error(
                    "missing-column",
                    f"no column is named `prediction` (columns: {seen})",
                    "rename the column with the answers",
                )
                return []
            table = file.read(columns=[name for name in _READ if name in names])
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        found.error("unreadable-file", f"it cannot be read ({why})", "is it a whole Parquet file?")
        return []
    rows = []
    for number, row in enumerate(table.to_pylist()):
        found.index, found.id = number, row.get("instance", row.get("id"))
        prediction = _prediction(row, found, system)
        if prediction is not None:
            rows.append(prediction)
    found.index = found.id = None
    return rows


def _prediction(row: dict[str, Any], found: Findings, system: str) -> StoredPrediction | None:
    text = prediction_text(row["prediction"], found)
    given = row.get("references", row.get("reference"))
    references = () if given is None else reference_texts(given, found)
    if text is None or references is None:
        return None
    return StoredPrediction(
        text,
        references,
        task=name_text(row.get("task")),
        instance=name_text(row.get("instance", row.get("id"))),
        system=name_text(row.get("system")) or system,
        category=name_text(row.get("category")),
        dataset=name_text(row.get("dataset")),
        language=name_text(row.get("language")),
        ranking=_ranking(row, found),
        input=given_text(row.get("input")),
    )


def _ranking(row: dict[str, Any], found: Findings) -> Ranking | None:
    """Return the ranking of the options, if there is one; report columns that do not match each other."""
    options, sums, tokens, pmi = (row.get(name) for name in _RANKED)
    if sums is None:
        return None
    try:
        numbers = [float(value) for value in (*sums, *(pmi or ()))]
        counts = [int(count) for count in tokens or ()]
        if not options or not all(map(math.isfinite, numbers)) or min(counts) < 1 or not all(map(str.strip, options)):
            raise ValueError
        return ranking_of(options, sums, counts, pmi)
    except (TypeError, ValueError):
        found.error(
            "unreadable-ranking",
            "the options, their log-probabilities and their tokens do not match each other",
            f"each of {', '.join(_RANKED)} has one value per option",
        )
        return None


READER = PredictionReader(
    "parquet", "Parquet with a column `prediction`, as a study writes it", _recognises, read_parquet
)
