"""The answers of an evaluated step as a Parquet file: a row for each test instance, with scores and rankings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuition.base.boundary import reason_of
from tuition.base.errors import UserError
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.studies.results import PredictionRow


def write_predictions(path: Path, rows: Sequence[PredictionRow]) -> None:
    """Write answers with checksums of their pages, which every reader of Parquet can verify."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metrics = sorted({metric for row in rows for metric in row.scores})
    table = pa.table(
        {
            "task": pa.array([row.task for row in rows], pa.string()),
            "instance": pa.array([row.instance for row in rows], pa.string()),
            "input": pa.array([row.input for row in rows], pa.string()),
            "prediction": pa.array([row.prediction for row in rows], pa.string()),
            "references": pa.array([list(row.references) for row in rows], pa.list_(pa.string())),
            **_ranked_columns(rows),
            **{f"score:{m}": pa.array([row.scores.get(m) for row in rows], pa.float64()) for m in metrics},
        }
    )
    pq.write_table(table, path, write_page_checksum=True)


def read_predictions(path: Path, remedy: str) -> list[dict[str, Any]]:
    """Return answers, one mapping per test instance.

    Scores are under `scores` by metric, and the options' log-probabilities under `ranking` (None where there are none).

    Args:
        path: the file.
        remedy: what a user should do where it cannot be read.

    Raises:
        UserError: the file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(path, page_checksum_verification=True).to_pylist()
        for row in rows:
            row["ranking"] = _ranking(row)
            row["scores"] = {name[6:]: row.pop(name) for name in list(row) if name.startswith("score:")}
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); {remedy}") from error
    return rows


def _ranked_columns(rows: Sequence[PredictionRow]) -> dict[str, Any]:
    """Return the columns of the options and their log-probabilities, from which every rank accuracy follows."""
    import pyarrow as pa

    if not any(row.ranking for row in rows):
        return {}
    kinds = {
        "options": pa.string(),
        "option_log_probabilities": pa.float64(),
        "option_tokens": pa.int32(),
        "option_pmi": pa.float64(),
    }
    cells: dict[str, list[Any]] = {name: [] for name in kinds}
    for row in rows:
        ranking = row.ranking
        values: Sequence[Sequence[Any] | None] = (None,) * 4
        if ranking is not None:
            values = (ranking.options, ranking.scores["sum"], ranking.tokens, ranking.scores.get("pmi"))
        for name, value in zip(kinds, values, strict=True):
            cells[name].append(None if value is None else list(value))
    return {name: pa.array(cells[name], pa.list_(kind)) for name, kind in kinds.items()}


def _ranking(row: dict[str, Any]) -> Ranking | None:
    options, sums, tokens, pmi = (
        row.pop(name, None) for name in ("options", "option_log_probabilities", "option_tokens", "option_pmi")
    )
    return None if options is None else ranking_of(options, sums, tokens, pmi)
