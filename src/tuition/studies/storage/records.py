"""The tables of a store's database, and the connection to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Engine, ForeignKey, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tuition.base.errors import UserError
from tuition.studies.storage.store_check import VERSION, require_version


class _Base(DeclarativeBase):
    pass


class StepRecord(_Base):
    """A finished step: its key, its point in the study, the time it took, and its details."""

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
    """One metric's score of one evaluation step."""

    __tablename__ = "scores"
    step: Mapped[str] = mapped_column(ForeignKey("steps.key"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    n: Mapped[int]


class SameRecord(_Base):
    """The finished step that serves for all steps that cannot differ from it."""

    __tablename__ = "same_steps"
    same: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]


class PointRecord(_Base):
    """The step of a point of the study; several points have the same step where they cannot differ."""

    __tablename__ = "points"
    task: Mapped[str] = mapped_column(primary_key=True)
    arm: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[int] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]


def connect(path: Path) -> Engine:
    """Open the database, with its tables made where they are missing, so that a commit survives a power failure.

    Raises:
        UserError: it is no database, or one of a newer version.
    """
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    try:
        with engine.begin() as connection:
            version = require_version(int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()), path)
        _Base.metadata.create_all(engine)
        if version < VERSION:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise UserError(f"{path}: is not a usable store ({cause}); remove the file to start again") from error
    return engine
