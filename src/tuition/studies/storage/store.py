"""A study's finished steps: records in SQLite, predictions as Parquet, adapters as folders, each under its step's key.

A step is finished when its row is in the database, and that row is written last, in one transaction, after the
files that it speaks of are whole on disk. So whatever moment a process is killed at, a step is done or is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tuition.base.boundary import reason_of
from tuition.base.errors import UserError, clip
from tuition.base.files import atomic_path, sweep, write_atomically
from tuition.evaluation.metric_scores import Score
from tuition.studies.results import PredictionRow
from tuition.studies.storage.predictions import read_predictions, write_predictions
from tuition.studies.storage.records import PointRecord, SameRecord, ScoreRecord, StepRecord, connect
from tuition.studies.storage.store_check import (
    FILES,
    RECORD,
    RUN_AGAIN,
    damaged_file,
    damaged_steps,
    discard_damaged,
    file_checksums,
    record_checksum,
    record_fault,
)

_DATABASE, _STUDY = "store.sqlite", "study.json"
_FOLDERS = ("adapters", "checkpoints", "predictions")


@dataclass(frozen=True, slots=True)
class Finished:
    """What the store has of a finished step; `files` are the checksums of its files, where they were recorded."""

    key: str
    kind: str
    seconds: float
    details: dict[str, Any]
    scores: tuple[Score, ...]
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What a finished step was, and what came of it.

    Attributes:
        kind: `train` or `evaluate`.
        task: the name of its task, or a title for several.
        arm: the name of its arm.
        labels: the number of labelled instances.
        seed: the seed of the run.
        seconds: how long it took.
        details: what else is to be kept, as JSON.
        scores: the scores of an evaluation step.
        same: a hash that steps have in common whose results cannot differ; empty where it is not known.
    """

    kind: str
    task: str
    arm: str
    labels: int
    seed: int
    seconds: float
    details: dict[str, Any]
    scores: Sequence[Score] = ()
    same: str = ""


class Store:
    """A folder of finished steps."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`; `open_store` creates and locks the folder."""
        self.folder = folder
        self._engine = connect(folder / _DATABASE)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def finished(self, key: str) -> Finished | None:
        """Return the finished step with that key, or None where it is not finished.

        Raises:
            UserError: its record is damaged.
        """
        with self._session() as session:
            row = session.get(StepRecord, key)
            if row is None:
                return None
            place = {"kind": row.kind, "task": row.task, "arm": row.arm, "labels": row.labels, "seed": row.seed}
            numbers = [(s.metric, s.value, s.low, s.high, s.n) for s in row.scores]
            if fault := record_fault(place, row.seconds, row.details, numbers):
                where = f"{clip(str(row.task), 60)}, {clip(str(row.arm), 60)}, {row.labels} labels"
                raise UserError(f"{self.folder / _DATABASE}: the record of {where} is damaged: {fault}; {RUN_AGAIN}")
            details = {name: value for name, value in row.details.items() if name not in (RECORD, FILES)}
            scores = tuple(Score(*score) for score in numbers)
            return Finished(row.key, row.kind, row.seconds, details, scores, row.details.get(FILES, {}))

    def finished_keys(self) -> frozenset[str]:
        """Return the keys of all finished steps."""
        with self._session() as session:
            return frozenset(session.scalars(select(StepRecord.key)))

    def finished_same(self) -> dict[str, str]:
        """Return the keys of finished steps by the key that they share with all steps that cannot differ from them."""
        with self._session() as session:
            return {row.same: row.key for row in session.scalars(select(SameRecord))}

    def finish(self, key: str, outcome: StepOutcome) -> None:
        """Mark a step as finished, with its details and scores, after its files are written.

        The record contains the checksums of the step's files and of itself.
        """
        place = {name: getattr(outcome, name) for name in ("kind", "task", "arm", "labels", "seed")}
        scores = outcome.scores
        files = file_checksums(self.adapter(key) if outcome.kind == "train" else self._predictions(key), self.folder)
        details = {**outcome.details, FILES: files}
        details[RECORD] = record_checksum(
            place, details, [(s.metric, *map(float, (s.value, s.low, s.high)), s.n) for s in scores]
        )
        row = StepRecord(
            key=key,
            **place,
            seconds=outcome.seconds,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            details=details,
            scores=[ScoreRecord(metric=s.metric, value=s.value, low=s.low, high=s.high, n=s.n) for s in scores],
        )
        with self._session() as session:
            # A record that was damaged or removed by hand may have left its scores behind.
            session.execute(delete(ScoreRecord).where(ScoreRecord.step == key))
            session.merge(row)
            if outcome.same:
                session.merge(SameRecord(same=outcome.same, key=key))
            session.commit()

    def damaged_keys(self) -> frozenset[str]:
        """Return the keys of steps whose records or answers are damaged: the next run repeats them."""
        return frozenset(damaged_steps(self.folder / _DATABASE))

    def discard_damaged(self) -> list[str]:
        """Remove the records of steps whose record or answers are damaged, so that they are run again.

        Returns:
            A message about each of them.
        """
        return discard_damaged(self.folder / _DATABASE)

    def require_whole(self, key: str) -> None:
        """Check that the files of a finished step are as they were written.

        Raises:
            UserError: one is damaged or missing; the step's record is removed, so that the next run repeats the step.
        """
        kept = self.finished(key)
        fault = damaged_file(self.folder, kept.files) if kept is not None else ""
        if not fault:
            return
        with self._session() as session:
            session.execute(delete(SameRecord).where(SameRecord.key == key))
            session.execute(delete(ScoreRecord).where(ScoreRecord.step == key))
            session.execute(delete(StepRecord).where(StepRecord.key == key))
            session.commit()
        raise UserError(f"{fault}; {RUN_AGAIN}")

    def write_points(self, points: Mapping[tuple[str, str, int, int], str]) -> None:
        """Store the key of the step of each point (task, arm, labels, seed); other points stay."""
        names = ("task", "arm", "labels", "seed")
        with self._session() as session:
            for place, key in points.items():
                session.merge(PointRecord(**dict(zip(names, place, strict=True)), key=key))
            session.commit()

    def write_study(self, text: str) -> None:
        """Store the study that is run here, as JSON, so that its results can be found by their settings."""
        write_atomically(self.folder / _STUDY, text.encode())

    def kept_study(self) -> str | None:
        """Return the study that was run here, None where none was."""
        return self.read_study() if (self.folder / _STUDY).is_file() else None

    def read_study(self) -> str:
        """Return the study that was run here.

        Raises:
            UserError: none was, or its file cannot be read.
        """
        try:
            return (self.folder / _STUDY).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.folder / _STUDY}: cannot be read ({error}); "
                "name a folder that `tuition run`, `learn` or `demo` made"
            ) from error

    def adapter(self, key: str) -> Path:
        """Return the folder of the weights that a training step trained."""
        return self.folder / "adapters" / key

    def checkpoint(self, key: str) -> Path:
        """Return the folder of the checkpoint from which a training step resumes if it was interrupted."""
        return self.folder / "checkpoints" / key

    def write_predictions(self, key: str, rows: Sequence[PredictionRow]) -> None:
        """Store an evaluation step's answers, completely or not at all."""
        with atomic_path(self._predictions(key)) as made:
            write_predictions(made, rows)

    def read_predictions(self, key: str) -> list[dict[str, Any]]:
        """Return an evaluation step's answers, one mapping per test instance.

        Scores are under `scores` by metric, and the options' log-probabilities under `ranking` (None where there are
        none).

        Raises:
            UserError: the file is missing or damaged.
        """
        return read_predictions(self._predictions(key), RUN_AGAIN)

    def _predictions(self, key: str) -> Path:
        return self.folder / "predictions" / f"{key}.parquet"

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session:
                yield session
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise UserError(
                f"{self.folder / _DATABASE}: the database cannot be used ({cause}); free disk space or correct its "
                "permissions; if it is damaged, restore a copy, or remove it to start again"
            ) from error
        except (ValueError, TypeError) as error:  # a record's JSON or number that cannot be read
            raise UserError(
                f"{self.folder / _DATABASE}: a record is damaged ({reason_of(error)}); {RUN_AGAIN}"
            ) from error


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the store in `folder`, creating it where it does not exist, and lock it against other runs.

    Raises:
        UserError: another run is using it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        with suppress(NotImplementedError):  # a file system without locks: users must not start two runs at once
            lock.acquire()
        for written in (folder, *(folder / name for name in _FOLDERS)):
            sweep(written)
    except filelock.Timeout as error:
        raise UserError(f"{folder}: another run is using it; wait for it, or choose another folder") from error
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        store = Store(folder)
        try:
            yield store
        finally:
            store.close()
    finally:
        lock.release()
