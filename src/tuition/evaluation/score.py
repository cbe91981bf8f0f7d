"""Scores: each instance under each metric, and their mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuition.base.seeds import derive_seed
from tuition.evaluation.intervals import bootstrap_interval
from tuition.evaluation.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's mean over `n` instances in 0-100, with its 95% bootstrap interval."""

    metric: str
    value: float
    low: float
    high: float
    n: int


def score_instances(
    predictions: Sequence[str], references: Sequence[Sequence[str]], metrics: Sequence[str]
) -> dict[str, list[float]]:
    """Return each metric's score (0-1) of every prediction against its accepted outputs.

    Raises:
        UserError: a metric is not known, or a prediction has no reference.
        ValueError: there are more of one than of the other.
    """
    return {name: METRICS[name].score_many(predictions, references) for name in metrics}


def summarise(scores: Mapping[str, Sequence[float]], *, seed: int) -> list[Score]:
    """Return each metric's mean and interval over instances; resampling is decided by `seed` and the metric's name."""
    summary = []
    for metric, values in scores.items():
        interval = bootstrap_interval(values, seed=derive_seed("bootstrap", metric, seed))
        summary.append(Score(metric, 100 * interval.mean, 100 * interval.low, 100 * interval.high, interval.n))
    return summary
