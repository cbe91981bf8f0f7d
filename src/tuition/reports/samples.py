"""Choose the answers that a report shows with their references, and decide whether each is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuition.base.seeds import derive_seed
from tuition.studies.results import PredictionRow

_METRIC = "exact_match"


@dataclass(frozen=True, slots=True)
class Samples:
    """Some answers of one point (task, arm, labels), out of `total` stored ones.

    `right` counts the right ones among all of them; None if they have no scores.
    """

    task: str
    arm: str
    labels: int
    shown: tuple[PredictionRow, ...]
    total: int
    right: int | None


def is_right(row: PredictionRow) -> bool | None:
    """Return whether an answer is right: its exact match is 1, or its first metric if it has no exact match.

    None if the answer has no scores.
    """
    score = row.scores.get(_METRIC, next(iter(row.scores.values()), None))
    return None if score is None else score >= 1


def choose_samples(rows: Iterable[PredictionRow], limit: int = 8) -> tuple[Samples, ...]:
    """Return for each point at most `limit` answers, half wrong and half right if there are enough of both.

    Instances are taken in an order that depends only on their task and id, so that the points of a task show the same
    instances as far as possible. Points are sorted by the first appearance of their task, then by labels, then by the
    first appearance of their arm; wrong answers come first.
    """
    points: dict[tuple[str, str, int], list[PredictionRow]] = {}
    tasks: dict[str, int] = {}
    arms: dict[str, int] = {}
    for row in rows:
        tasks.setdefault(row.task, len(tasks))
        arms.setdefault(row.arm, len(arms))
        points.setdefault((row.task, row.arm, row.labels), []).append(row)
    keys = sorted(points, key=lambda key: (tasks[key[0]], key[2], arms[key[1]]))
    return tuple(_samples(points[key], limit) for key in keys)


def _samples(rows: Sequence[PredictionRow], limit: int) -> Samples:
    order = sorted(rows, key=lambda row: (derive_seed("report samples", row.task, row.instance), row.seed))
    right = [row for row in order if is_right(row)]
    wrong = [row for row in order if not is_right(row)]
    take_wrong = min(len(wrong), max(limit - len(right), (limit + 1) // 2))
    shown = (*wrong[:take_wrong], *right[: limit - take_wrong])
    scored = any(is_right(row) is not None for row in rows)
    first = rows[0]
    return Samples(first.task, first.arm, first.labels, shown, len(rows), len(right) if scored else None)
