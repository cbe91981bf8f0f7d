"""Whether a store's records and their files are intact: a damaged step counts as unfinished."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.base.fingerprints import file_sha256, fingerprint

VERSION = 1
"""The version of a store's layout; 0 is that of old stores without a version, with the same tables."""

RUN_AGAIN = "run the same command again to redo the step"

FILES, RECORD = "files", "record"
"""The keys in a record's details of the checksums of the step's files, and of the record itself."""


def require_version(version: int, path: Path) -> int:
    """Return the version of a store's layout (`PRAGMA user_version` of its database).

    Raises:
        UserError: it is newer than this program knows.
    """
    if version > VERSION:
        raise UserError(
            f"{path}: was written by a newer version of Tuition (its layout is {version}, this one knows {VERSION}); "
            "update Tuition, or choose another folder"
        )
    return version


def file_checksums(place: Path, root: Path) -> dict[str, str]:
    """Return the SHA-256 of a file, or of every file in a folder, by its path below `root`."""
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    return {file.relative_to(root).as_posix(): file_sha256(file) for file in files}


def record_checksum(place: Mapping[str, Any], details: Mapping[str, Any], scores: Sequence[Sequence[Any]]) -> str:
    """Return the checksum of a record: its point in the study, its details and its scores."""
    own = {name: value for name, value in details.items() if name != RECORD}
    return fingerprint([dict(place), json.loads(json.dumps(own)), sorted([list(score) for score in scores])])


def damaged_file(root: Path, checksums: Mapping[str, str]) -> str:
    """Return what is wrong with a step's files; an empty text where they are as they were written."""
    for name, expected in checksums.items():
        file = root / name
        try:
            if file_sha256(file) != expected:
                return f"{file} is damaged (its checksum differs)"
        except OSError as error:
            return f"{file} cannot be read ({error.strerror})"
    return ""


def damaged_steps(database: Path) -> dict[str, str]:
    """Return a message about each step whose record or answers are damaged, by the step's key.

    Trained weights are checked when they are used: reading hundreds of adapters would take long.

    Raises:
        UserError: the database itself cannot be used.
    """
    damaged: dict[str, str] = {}
    with _opened(database) as connection:
        scores: dict[str, list[tuple[Any, ...]]] = {}
        for step, *score in connection.execute("SELECT step, metric, value, low, high, n FROM scores"):
            scores.setdefault(step, []).append(tuple(score))
        columns = "key, kind, task, arm, labels, seed, seconds, details"
        rows = connection.execute(f"SELECT {columns} FROM steps").fetchall()  # noqa: S608 - our own words
    for key, kind, task, arm, labels, seed, seconds, details in rows:
        place = {"kind": kind, "task": task, "arm": arm, "labels": labels, "seed": seed}
        fault = _fault(database.parent, key, place, seconds, details, scores.get(key, []))
        if fault:
            damaged[key] = f"{database}: {clip(str(task), 60)}, {clip(str(arm), 60)}, {labels} labels: {fault}"
    return damaged


def discard_damaged(database: Path) -> list[str]:
    """Remove the records of damaged steps, and scores without a step; return a message about each of the steps.

    Raises:
        UserError: the database itself cannot be used.
    """
    damaged = damaged_steps(database)
    with _opened(database) as connection:
        for key in damaged:
            forget(connection, key)
        connection.execute("DELETE FROM scores WHERE step NOT IN (SELECT key FROM steps)")
        connection.commit()
    return list(damaged.values())


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(database)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise UserError(
            f"{database}: the database cannot be used ({error}); restore a copy of it, or remove it to start again"
        ) from error


def forget(connection: Any, key: str) -> None:
    """Remove a step's record, so that it counts as unfinished."""
    connection.execute("DELETE FROM scores WHERE step = ?", (key,))
    connection.execute("DELETE FROM same_steps WHERE key = ?", (key,))
    connection.execute("DELETE FROM steps WHERE key = ?", (key,))


def _fault(
    root: Path, key: str, place: Mapping[str, Any], seconds: object, text: object, scores: Sequence[Sequence[Any]]
) -> str:
    """Return what is wrong with a step's record and files; an empty text where they are intact."""
    try:
        details = json.loads(str(text))
    except ValueError:
        return "its details are not valid JSON"
    if fault := record_fault(place, seconds, details, scores):
        return fault
    if place["kind"] != "evaluate":
        return ""
    answers = f"predictions/{key}.parquet"
    if not (root / answers).is_file():
        return f"{root / answers} is missing"
    files = details.get(FILES)
    return damaged_file(root, files) if isinstance(files, dict) else ""


def record_fault(place: Mapping[str, Any], seconds: object, details: object, scores: Sequence[Sequence[Any]]) -> str:
    """Return what is wrong with a record's content; an empty text where it is intact.

    Args:
        place: the step's kind, task, arm, labels and seed.
        seconds: the time it took.
        details: its details.
        scores: metric, value, low, high and n of each of its scores.
    """
    if not isinstance(details, dict) or not all(isinstance(details.get(n), dict) for n in _needed(place, details)):
        return "its details are not those of such a step"
    if not _is_number(seconds) or not all(isinstance(place[name], int) for name in ("labels", "seed")):
        return "one of its numbers is not a number"
    if not all(_is_number(number) for _, *numbers in scores for number in numbers):
        return "a score is not a number"
    if RECORD in details and details[RECORD] != record_checksum(place, details, scores):
        return "its checksum differs"
    return ""


def _needed(place: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parts of its details that every report of a step needs."""
    if place["kind"] == "evaluate":
        return () if "heuristic" in details else ("fit",)
    return ("log", "fit", "recipe") if place["kind"] == "train" else ()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
