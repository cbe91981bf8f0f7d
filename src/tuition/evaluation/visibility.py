"""References that a metric cannot read: too little of them is left once the metric has normalised the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tuition.evaluation.metrics import METRICS, Metric

_MOSTLY = 0.5


def unseen_rows(metric: Metric, references: Iterable[Sequence[str]]) -> int:
    """Return how many rows the metric cannot score, since it can read none of their references."""
    spot = metric.blind_spot
    return 0 if spot is None else sum(bool(own) and all(map(spot.hides, own)) for own in references)


def unseen_counts(metrics: Iterable[str | Metric], references: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return, by metric name, how many rows each metric cannot score; metrics that can score all are left out."""
    chosen = [METRICS[metric] if isinstance(metric, str) else metric for metric in metrics]
    counts = {metric.name: unseen_rows(metric, references) for metric in chosen}
    return {name: count for name, count in counts.items() if count}


def cannot_be_seen(metric: str, references: Sequence[Sequence[str]]) -> bool:
    """Whether a metric cannot score more than half of these rows, so that another should be the main metric."""
    rows = [own for own in references if any(text.strip() for text in own)]
    return bool(rows) and unseen_rows(METRICS[metric], rows) > _MOSTLY * len(rows)


def unseen_sentence(metric: str, unseen: int, rows: int, where: str = "") -> str:
    """Return a sentence on the rows that a metric cannot score, with the metrics that can.

    Args:
        metric: the metric's name.
        unseen: how many rows it cannot score.
        rows: how many rows there are.
        where: what the rows belong to, such as the name of a task.
    """
    known = METRICS[metric]
    spot = known.blind_spot
    reason = spot.reason if spot else ""
    instead = " or ".join(spot.instead) if spot else ""
    of = f" of {where}" if where else ""
    return (
        f"{metric} cannot read the accepted outputs of {unseen:,} of {rows:,} rows{of} ({reason}), so its score there "
        f"says nothing about the answer; use {instead}"
    )
