"""Tables of predictions as CSV or TSV; every cell is read as text."""

from __future__ import annotations

from pathlib import Path

import orjson

from tuition.base.errors import clip
from tuition.evaluation.predictions.fields import reference_texts
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.delimited import csv_columns, csv_rows

_COLUMNS = {
    "prediction",
    "reference",
    "references",
    "task",
    "id",
    "instance",
    "system",
    "category",
    "dataset",
    "language",
    "input",
}


def _recognises(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv") and path.is_file()


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    columns = csv_columns(path, path, Findings(path))
    if columns is not None and "prediction" not in columns:
        seen = ", ".join(clip(name, 30) for name in columns[:8])
        found.error("missing-column", f"no column is named `prediction` (columns: {seen})", _HELP, line=1)
        return []
    rows = []
    for line, cells in csv_rows(path, path, found):
        row = {name: str(cell) for name, cell in cells.items() if name in _COLUMNS}
        references = _references(row, found)
        if references is None:
            continue
        rows.append(
            StoredPrediction(
                row["prediction"],
                references,
                task=row.get("task", ""),
                instance=row.get("id", row.get("instance", "")),
                system=row.get("system", ""),
                category=row.get("category", ""),
                dataset=row.get("dataset", ""),
                language=row.get("language", ""),
                input=row.get("input", ""),
                line=line,
            )
        )
    return rows


def _references(row: dict[str, str], found: Findings) -> tuple[str, ...] | None:
    if "references" in row:
        try:
            listed = orjson.loads(row["references"])
        except orjson.JSONDecodeError:
            found.error("broken-references", f"`references` is {clip(row['references'], 40)!r}", _LIST)
            return None
        if not isinstance(listed, list):
            found.error("broken-references", f"`references` is {clip(row['references'], 40)!r}", _LIST)
            return None
        return reference_texts(listed, found)
    return (row["reference"],) if "reference" in row else ()


_LIST = 'it is a JSON list of texts, such as ["yes", "Yes."]; put a single reference in a column `reference`'
_HELP = "a table has the column `prediction` and optionally `reference` or `references`, `id` and `task`"

READER = PredictionReader(
    "csv", "CSV or TSV with a column `prediction` and `reference` or `references`", _recognises, _read
)
