"""What a study has finished: records in SQLite, predictions as Parquet, adapters as folders, each under its step's key.

A step is finished when its row stands in the database, and that row is written last, in one transaction, after the
files that it speaks of are whole on disk. So whatever moment a process is killed at, a step is done or is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import JSON, Engine, ForeignKey, create_engine, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tuition.base.errors import UserError
from tuition.base.files import atomic_path, sweep, write_atomically
from tuition.evaluation.rankings import Ranking, ranking_of
from tuition.evaluation.score import Score
from tuition.studies.results import PredictionRow

_DATABASE, _STUDY = "store.sqlite", "study.json"
_FOLDERS = ("adapters", "checkpoints", "predictions")


class _Base(DeclarativeBase):
    pass


class StepRecord(_Base):
    """A finished step: its key, what it was, what it took, and what it has to tell."""

    __tablename__ = "steps"
    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    task: Mapped[str]
    arm: Mapped[str]
    labels: Mapped[int]
    seed: Mapped[int]
    seconds: Mapped[float]
    finished: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    scores: Mapped[list[ScoreRecord]] = relationship(cascade="all, delete-orphan", lazy="selectin")


class ScoreRecord(_Base):
    """One metric's score of one judging step."""

    __tablename__ = "scores"
    step: Mapped[str] = mapped_column(ForeignKey("steps.key"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    n: Mapped[int]


class SameRecord(_Base):
    """Which finished step stands for all that cannot differ from it."""

    __tablename__ = "same_steps"
    same: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """What the store tells of a finished step."""

    key: str
    kind: str
    seconds: float
    details: dict[str, Any]
    scores: tuple[Score, ...]


class Store:
    """A folder of finished steps."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`; `open_store` makes the folder and keeps others out."""
        self.folder = folder
        self._engine = _connect(folder / _DATABASE)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def finished(self, key: str) -> Finished | None:
        """Return what the step of that key left, or None where it is not finished."""
        with self._session() as session:
            row = session.get(StepRecord, key)
            if row is None:
                return None
            scores = tuple(Score(s.metric, s.value, s.low, s.high, s.n) for s in row.scores)
            return Finished(row.key, row.kind, row.seconds, dict(row.details), scores)

    def finished_keys(self) -> frozenset[str]:
        """Return the keys of all finished steps."""
        with self._session() as session:
            return frozenset(session.scalars(select(StepRecord.key)))

    def finished_same(self) -> dict[str, str]:
        """Return the keys of finished steps by what these have in common with steps that cannot differ from them."""
        with self._session() as session:
            return {row.same: row.key for row in session.scalars(select(SameRecord))}

    def finish(
        self,
        key: str,
        *,
        same: str = "",
        kind: str,
        task: str,
        arm: str,
        labels: int,
        seed: int,
        seconds: float,
        details: dict[str, Any],
        scores: Sequence[Score] = (),
    ) -> None:
        """Mark a step finished, with its details and scores: the last thing that is done for it."""
        row = StepRecord(
            key=key,
            kind=kind,
            task=task,
            arm=arm,
            labels=labels,
            seed=seed,
            seconds=seconds,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            details=details,
            scores=[ScoreRecord(metric=s.metric, value=s.value, low=s.low, high=s.high, n=s.n) for s in scores],
        )
        with self._session() as session:
            session.merge(row)
            if same:
                session.merge(SameRecord(same=same, key=key))
            session.commit()

    def write_study(self, text: str) -> None:
        """Keep the study that is run here, as JSON, so that its results can be found again by what they are."""
        write_atomically(self.folder / _STUDY, text.encode())

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
        """Return the folder of what a training step learnt."""
        return self.folder / "adapters" / key

    def checkpoint(self, key: str) -> Path:
        """Return the folder of the state that a training step goes on from if it was stopped."""
        return self.folder / "checkpoints" / key

    def write_predictions(self, key: str, rows: Sequence[PredictionRow]) -> None:
        """Keep a judging step's answers, whole or not at all."""
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
        with atomic_path(self._predictions(key)) as made:
            pq.write_table(table, made)

    def read_predictions(self, key: str) -> list[dict[str, Any]]:
        """Return a judging step's answers, one mapping a test instance.

        Scores stand under `scores` by metric, and what was said of the options under `ranking` (None without).

        Raises:
            UserError: the file is gone or damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._predictions(key)
        try:
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); remove {self.folder} and run the study again"
            ) from error
        for row in rows:
            row["ranking"] = _ranking(row)
            row["scores"] = {name[6:]: row.pop(name) for name in list(row) if name.startswith("score:")}
        return rows

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
                f"{self.folder / _DATABASE}: the database cannot be used ({cause}); "
                "make room or mend its rights, or remove the file to start anew"
            ) from error


def _ranked_columns(rows: Sequence[PredictionRow]) -> dict[str, Any]:
    """Return what options were weighed and what a model said of each, from which every rank accuracy follows."""
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
        made = row.ranking
        told = (None,) * 4 if made is None else (made.options, made.scores["sum"], made.tokens, made.scores.get("pmi"))
        for name, value in zip(kinds, told, strict=True):
            cells[name].append(None if value is None else list(value))
    return {name: pa.array(cells[name], pa.list_(kind)) for name, kind in kinds.items()}


def _ranking(row: dict[str, Any]) -> Ranking | None:
    options, sums, tokens, pmi = (
        row.pop(name, None) for name in ("options", "option_log_probabilities", "option_tokens", "option_pmi")
    )
    return None if options is None else ranking_of(options, sums, tokens, pmi)


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the store in `folder`, making it where it is not there, and keep other runs out of it meanwhile.

    Raises:
        UserError: another run is using it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        with suppress(NotImplementedError):  # a file system without locks: two runs at once are the user's own care
            lock.acquire()
        for written in (folder, *(folder / name for name in _FOLDERS)):
            sweep(written)
    except filelock.Timeout as error:
        raise UserError(f"{folder}: another run is at work here; wait for it, or choose another folder") from error
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


def _connect(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    try:
        _Base.metadata.create_all(engine)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise UserError(f"{path}: is no usable store ({cause}); remove the file to start anew") from error
    return engine
