"""Each instance's score under each metric, and the metric's value over all of them with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tuition.base.seeds import derive_seed
from tuition.evaluation.metrics import METRICS, Corpus, Metric
from tuition.evaluation.metrics.metric import Options, Question
from tuition.evaluation.stats.intervals import Statistic, corpus_of, interval_of, mean_of


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's score over `n` instances in 0-100, with its 95% bootstrap interval.

    It is the mean over instances, or for a corpus metric (macro-F1, BLEU, chrF) the corpus score.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int


class CorpusScores(list[float]):
    """Instances' scores under a corpus metric, with the statistics from which the corpus score is computed."""

    __slots__ = ("corpus", "statistics")

    def __init__(self, scores: Iterable[float], corpus: Corpus, statistics: npt.NDArray[Any]) -> None:
        """Store one score and one row of statistics per instance."""
        super().__init__(scores)
        self.corpus = corpus
        self.statistics = statistics


def score_instances(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str | Metric],
    *,
    options: Options | None = None,
    questions: Sequence[Question] | None = None,
) -> dict[str, list[float]]:
    """Return each metric's score (in its profile's range) of every prediction against its accepted outputs.

    Args:
        predictions: one text per instance.
        references: each instance's accepted outputs.
        metrics: names in `METRICS`, or metrics themselves.
        options: each instance's answer options, for metrics that use them; unknown by default.
        questions: what each prediction answers, for metrics that use it; unknown by default.

    Raises:
        UserError: a metric is unknown, or a prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    chosen = [METRICS[metric] if isinstance(metric, str) else metric for metric in metrics]
    return {metric.name: _scored(metric, predictions, references, options, questions) for metric in chosen}


def _scored(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    options: Options | None,
    questions: Sequence[Question] | None,
) -> list[float]:
    if metric.over_questions is not None and questions is not None:
        return metric.over_questions(predictions, references, questions)
    if metric.corpus is not None:
        rows = metric.corpus.statistics(predictions, references, options)
        return CorpusScores(metric.corpus.instances(rows), metric.corpus, rows)
    if metric.over_options is not None and options is not None:
        return metric.over_options(predictions, references, options)
    return metric.score_many(predictions, references)


def statistic_of(metric: str, scores: Sequence[float], at: Sequence[int] | None = None) -> Statistic:
    """Return a metric's score over the instances at those positions, or over all, as a statistic to resample.

    Raises:
        UserError: there is no instance.
        ValueError: the metric is a corpus metric and `scores` are not what `score_instances` returned for it.
    """
    if isinstance(scores, CorpusScores):
        rows = scores.statistics if at is None else scores.statistics[list(at)]
        return corpus_of(rows, scores.corpus.value)
    if metric in METRICS and METRICS[metric].corpus is not None:
        raise ValueError(f"{metric} is not the mean over instances; give the scores that score_instances returned")
    return mean_of(scores if at is None else [scores[position] for position in at], bounds_of(metric))


def bounds_of(metric: str) -> tuple[float, float]:
    """Return the lowest and highest possible score of an instance: 0 and 1, or the range in the metric's profile."""
    return METRICS[metric].profile.range if metric in METRICS else (0.0, 1.0)


def summarise(scores: Mapping[str, Sequence[float]], *, seed: int) -> list[Score]:
    """Return each metric's score and interval; the seed of the resampling is derived from `seed` and the metric's name.

    Raises:
        UserError: there is no instance.
        ValueError: the scores of a corpus metric are not what `score_instances` returned.
    """
    summary = []
    for metric, values in scores.items():
        interval = interval_of(
            statistic_of(metric, values), seed=derive_seed("bootstrap", metric, seed), bounds=bounds_of(metric)
        )
        summary.append(Score(metric, 100 * interval.mean, 100 * interval.low, 100 * interval.high, interval.n))
    return summary
