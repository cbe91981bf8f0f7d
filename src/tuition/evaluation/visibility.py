"""What metrics cannot see: references of which nothing, or too little, is left once a metric has cut them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tuition.evaluation.metrics import METRICS, Metric

_MOSTLY = 0.5


def unseen_rows(metric: Metric, references: Iterable[Sequence[str]]) -> int:
    """Return how many rows have references that the metric cannot see, all of the row's."""
    spot = metric.blind_spot
    return 0 if spot is None else sum(bool(own) and all(map(spot.hides, own)) for own in references)


def unseen_counts(metrics: Iterable[str | Metric], references: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return how many rows each metric cannot see, by its name; those that see all rows are left out."""
    chosen = [METRICS[metric] if isinstance(metric, str) else metric for metric in metrics]
    counts = {metric.name: unseen_rows(metric, references) for metric in chosen}
    return {name: count for name, count in counts.items() if count}


def cannot_be_seen(metric: str, references: Sequence[Sequence[str]]) -> bool:
    """Whether a metric cannot see the references of more than half of some rows, so that another should lead."""
    rows = [own for own in references if any(text.strip() for text in own)]
    return bool(rows) and unseen_rows(METRICS[metric], rows) > _MOSTLY * len(rows)


def unseen_sentence(metric: str, unseen: int, rows: int, where: str = "") -> str:
    """Return a sentence on the rows that a metric cannot see, and which metrics can.

    Args:
        metric: the metric's name.
        unseen: how many rows it cannot see.
        rows: how many rows there are.
        where: of what, such as the name of a task.
    """
    known = METRICS[metric]
    spot = known.blind_spot
    reason = spot.reason if spot else ""
    instead = " or ".join(spot.instead) if spot else ""
    of = f" of {where}" if where else ""
    return (
        f"{metric} cannot see the accepted outputs of {unseen:,} of {rows:,} rows{of} ({reason}), so its score there "
        f"says nothing of the answer; use {instead}"
    )
