"""Readers of stored predictions, one file per format: Tuition's own and other tools'."""

from __future__ import annotations

from pathlib import Path

from tuition.base.errors import Problem, ProblemsError
from tuition.base.registry import Registry
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.common.findings import Finding, Findings
from tuition.tasks.readers.common.sniff import description

PREDICTION_READERS: Registry[PredictionReader] = Registry("format of predictions", plugins="tuition.prediction_readers")
PREDICTION_READERS.add("study", "tuition.evaluation.predictions.study:READER")
PREDICTION_READERS.add("parquet", "tuition.evaluation.predictions.parquet:READER")
PREDICTION_READERS.add("tk_instruct", "tuition.evaluation.predictions.tk_instruct:READER")
PREDICTION_READERS.add("lm_eval", "tuition.evaluation.predictions.lm_eval:READER")
PREDICTION_READERS.add("ni_v1", "tuition.evaluation.predictions.ni_v1:READER")
PREDICTION_READERS.add("jsonl", "tuition.evaluation.predictions.jsonl:READER")
PREDICTION_READERS.add("csv", "tuition.evaluation.predictions.csv_table:READER")

__all__ = ["PREDICTION_READERS", "PredictionReader", "StoredPrediction", "find_prediction_reader", "read_predictions"]


def find_prediction_reader(path: Path, format: str | None = None) -> PredictionReader:  # noqa: A002
    """Return the reader of that format, or the first one that recognises `path`.

    Raises:
        ProblemsError: there is nothing at `path`, or no reader recognises it.
        UserError: no format has that name.
    """
    if not path.exists():
        raise ProblemsError(
            [Problem("no-such-path", "there is no such file or folder", "give one with predictions", path)]
        )
    if format is not None:
        return PREDICTION_READERS[format]
    try:
        for name in PREDICTION_READERS:
            if PREDICTION_READERS[name].recognises(path):
                return PREDICTION_READERS[name]
    except OSError as error:
        why = error.strerror or str(error)
        raise ProblemsError(
            [Problem("unreadable-path", f"it cannot be read ({why})", "check its permissions", path)]
        ) from error
    found = (
        "no known format of predictions was found in it"
        if path.is_dir()
        else f"it is in no known format of predictions: it is {description(path)}"
    )
    expected = "; ".join(f"{PREDICTION_READERS[name].expects} ({name})" for name in PREDICTION_READERS)
    raise ProblemsError([Problem("no-predictions", found, f"expected {expected}; --format sets the format", path)])


def read_predictions(path: Path, format: str | None = None) -> list[StoredPrediction]:  # noqa: A002
    """Return all predictions of a file or folder.

    Raises:
        ProblemsError: there is nothing to read at `path`, or some rows are invalid; all of them are listed.
        UserError: no format has that name.
    """
    found = Findings(path)
    rows = find_prediction_reader(path, format).read(path, found)
    if found.failed:
        raise ProblemsError(found.errors())
    if not rows:
        raise ProblemsError([Finding("no-predictions", "there is no prediction in it", "give at least one", path)])
    return rows
