"""The end of a judging step, whoever answered: answers and rankings are scored, and kept with their scores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tuition.evaluation.metric_scores import score_instances, summarise
from tuition.evaluation.options.rankings import (
    RANK_METRICS,
    Ranking,
    normalisation_of,
    option_accuracy,
    summarise_rankings,
)
from tuition.evaluation.visibility import unseen_counts
from tuition.prompts.encode import answers
from tuition.studies.planning.steps import EvaluateStep, Step
from tuition.studies.results import PredictionRow
from tuition.studies.storage.store import StepOutcome, Store


def keep_scored(
    store: Store,
    step: EvaluateStep,
    texts: Sequence[str],
    rankings: Sequence[Ranking],
    details: Mapping[str, Any],
    started: float,
) -> str:
    """Score answers and rankings, keep them with their scores, and return a few words on these.

    Args:
        store: where they are kept.
        step: what was evaluated.
        texts: an answer to each test row.
        rankings: the ranking of each row's options; empty where no model ranked any.
        details: what else the record of the step holds.
        started: when the step began, by `time.perf_counter`.
    """
    right = [answers(step.task, row, step.encoding, seed=step.seed)[0] for row in step.instances]
    scores = score_instances(texts, right, step.metrics) | _rank_scores(step, texts, rankings, right)
    summary = summarise(scores, seed=0)
    record = dict(details)
    if unseen := unseen_counts(step.metrics, right):
        record["unseen"] = unseen
    if rankings:
        ranked = summarise_rankings(rankings, right)
        record["rank"] = record.get("rank", {}) | {
            "absent": ranked.absent,
            "tied": ranked.tied,
            "chance": ranked.chance,
        }
    store.write_predictions(step.key, _rows(step, texts, rankings, right, scores))
    seconds = time.perf_counter() - started
    outcome = StepOutcome(kind=step.kind, **labelled(step), seconds=seconds, details=record, scores=summary)
    store.finish(step.key, outcome)
    # Of the scoring rules of options the summary has one; the tables have all.
    return ", ".join(f"{score.metric} {score.value:.1f}" for score in summary[: len(step.metrics) + 1])


def labelled(step: Step) -> dict[str, Any]:
    """Return the place of a step in its study and what it has in common with others, as the store keeps them."""
    return {"task": step.title, "arm": step.arm, "labels": step.labels, "seed": step.seed, "same": step.same}


def _rank_scores(
    step: EvaluateStep, texts: Sequence[str], rankings: Sequence[Ranking], right: Sequence[tuple[str, ...]]
) -> dict[str, list[float]]:
    """Return each rank metric's scores; a baseline ranks nothing, so its answer is the option it chose."""
    if step.option_scoring is None:
        return {}
    if not rankings:
        own = [option_accuracy(text, accepted) for text, accepted in zip(texts, right, strict=True)]
        return dict.fromkeys(step.option_scoring.metrics, own)
    return {
        name: RANK_METRICS[name].score_many([ranking.chosen(normalisation_of(name)) for ranking in rankings], right)
        for name in step.option_scoring.metrics
        if all(normalisation_of(name) in ranking.scores for ranking in rankings)
    }


def _rows(
    step: EvaluateStep,
    texts: Sequence[str],
    rankings: Sequence[Ranking],
    right: Sequence[tuple[str, ...]],
    scores: Mapping[str, Sequence[float]],
) -> list[PredictionRow]:
    return [
        PredictionRow(
            task=step.task.name,
            arm=step.arm,
            labels=step.labels,
            seed=step.seed,
            instance=row.id,
            input=row.input,
            prediction=text,
            references=references,
            scores={metric: values[at] for metric, values in scores.items()},
            ranking=rankings[at] if rankings else None,
        )
        for at, (row, text, references) in enumerate(zip(step.instances, texts, right, strict=True))
    ]
