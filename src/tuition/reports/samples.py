"""Which answers a report shows beside their references, and whether each is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuition.base.seeds import derive_seed
from tuition.studies.results import PredictionRow

_JUDGE = "exact_match"


@dataclass(frozen=True, slots=True)
class Samples:
    """Some answers of one point (task, arm, labels), of `total` that are stored.

    `right` counts the right ones among all of them; None if they were not judged.
    """

    task: str
    arm: str
    labels: int
    shown: tuple[PredictionRow, ...]
    total: int
    right: int | None


def is_right(row: PredictionRow) -> bool | None:
    """Return whether an answer is right: its exact match is 1, or its first metric where it has no exact match.

    None if the answer has no scores.
    """
    score = row.scores.get(_JUDGE, next(iter(row.scores.values()), None))
    return None if score is None else score >= 1


def choose_samples(rows: Iterable[PredictionRow], limit: int = 8) -> tuple[Samples, ...]:
    """Return for each point at most `limit` answers, half wrong and half right where there are as many of both.

    Instances are taken in an order that their task and id alone decide, so that the points of a task show the same
    instances wherever their answers allow it. Points stand in the order in which their task first appears, then by
    labels, then by arm as it first appears; answers stand wrong ones first.
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
    judged = any(is_right(row) is not None for row in rows)
    first = rows[0]
    return Samples(first.task, first.arm, first.labels, shown, len(rows), len(right) if judged else None)
