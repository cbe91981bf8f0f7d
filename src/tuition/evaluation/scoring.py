"""Scoring stored predictions: each is matched with its references and scored by every metric that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuition.base.errors import UserError
from tuition.evaluation.defaults import ALWAYS, XLINGUAL, visible_metrics
from tuition.evaluation.metric_scores import score_instances
from tuition.evaluation.metrics import EMBEDDER_METRICS, METRICS, Metric
from tuition.evaluation.options.closed_set import closed_options
from tuition.evaluation.options.rankings import RANK_METRICS, normalisation_of
from tuition.evaluation.predictions import find_prediction_reader, read_predictions
from tuition.evaluation.predictions.references import Answer, Coverage, found_references, own_references
from tuition.evaluation.predictions.study import study_definitions, study_places
from tuition.evaluation.stats.aggregate import LEVELS, GroupScore, Level, aggregate
from tuition.evaluation.verdicts import Verdict, stored_verdicts
from tuition.evaluation.visibility import unseen_counts, unseen_sentence

INSTANCE = "instance"
"""The value of `by` that asks for each instance's score."""


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """What is scored, and how.

    `predictions` is a file or folder, `format` its format where that is not recognised. `references` is a collection
    or a list of references; without, the predictions' own file has them. `profiles` are metrics or names of them, none
    for the usual ones; `by` adds scores of tasks, categories, datasets, language tracks or single instances. `embedder`
    is the folder of a local model, for metrics that compare token vectors.
    """

    predictions: Path
    references: Path | None = None
    format: str | None = None
    references_format: str | None = None
    profiles: tuple[str | Metric, ...] = ()
    by: str | None = None
    complete: bool = False
    embedder: Path | None = None


@dataclass(frozen=True, slots=True)
class System:
    """What one model or arm answered, with its scores: by metric one per answer, and those of groups.

    A score is None where there is none: an answer without ranked options has no rank accuracy.
    """

    name: str
    answers: tuple[Answer, ...]
    scores: dict[str, Sequence[float | None]]
    figures: tuple[GroupScore, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of a file of predictions, and what a reader of them must know."""

    format: str
    metrics: tuple[Metric, ...]
    systems: tuple[System, ...]
    coverage: tuple[Coverage, ...]
    notices: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def score_predictions(choice: ScoreChoice, *, levels: Sequence[Level] | None = None) -> Scored:
    """Read predictions, find their references, and score each system's by every metric.

    Args:
        choice: what is scored, and how.
        levels: the groups that get a score: tasks, categories and so on; by default all together, and what is chosen.

    Raises:
        UserError: a profile, grouping or format is not known.
        ProblemsError: predictions cannot be read or matched with references; everything that is wrong.
    """
    if choice.by is not None and choice.by not in (*LEVELS, INSTANCE):
        raise UserError(f"--by {choice.by}: give one of {', '.join((*LEVELS[1:], INSTANCE))}")
    named = [_metric(one, choice.embedder) for one in dict.fromkeys(choice.profiles)]  # before a long file is read
    wanted = (
        tuple(levels) if levels is not None else tuple(level for level in LEVELS if level in ("overall", choice.by))
    )
    rows = read_predictions(choice.predictions, choice.format)
    coverage: list[Coverage] = []
    if choice.references is None:
        answers = own_references(rows, choice.predictions)
        if {"category", "dataset", "language"} & set(wanted):
            answers = _with_places(answers, choice.predictions)
        if any(metric.over_questions for metric in named):
            answers = _with_definitions(answers, choice.predictions)
    else:
        answers, coverage = found_references(
            rows,
            choice.predictions,
            choice.references,
            format=choice.references_format,
            complete=choice.complete,
        )
    if any(metric.name in RANK_METRICS for metric in named) and not any(answer.ranking for answer in answers):
        raise UserError(
            f"{choice.predictions}: no answer has ranked options, which rank accuracies are worked out from; "
            "a study or `tuition evaluate` with `rank` keeps them"
        )
    metrics = named or [*(METRICS[name] for name in _usual(answers)), *_ranked(answers)]
    by_system: dict[str, list[Answer]] = {}
    for answer in answers:
        by_system.setdefault(answer.system, []).append(answer)
    systems = tuple(_scored(name, own, metrics, wanted) for name, own in by_system.items())
    verdicts = tuple(one for system in systems for one in stored_verdicts(system.name, system.answers, system.scores))
    return Scored(
        find_prediction_reader(choice.predictions, choice.format).name,
        tuple(metrics),
        systems,
        tuple(coverage),
        (*_notices(systems, coverage), *(f"{one.system}: {one}" if len(systems) > 1 else str(one) for one in verdicts)),
        verdicts,
    )


def _with_places(answers: Sequence[Answer], path: Path) -> list[Answer]:
    """Return a study's answers with the categories, datasets and languages that its collection has."""
    places = study_places(path, dict.fromkeys(answer.place.task for answer in answers))
    return [replace(answer, place=places.get(answer.place.task, answer.place)) for answer in answers]


def _with_definitions(answers: Sequence[Answer], path: Path) -> list[Answer]:
    """Return a study's answers with the definitions of its tasks, for a metric that reads them; others as they are."""
    known = study_definitions(path, dict.fromkeys(answer.place.task for answer in answers))
    return [
        replace(answer, question=replace(answer.question, definition=known.get(answer.place.task, "")))
        for answer in answers
    ]


def _metric(chosen: str | Metric, embedder: Path | None) -> Metric:
    if isinstance(chosen, Metric):
        return chosen
    if chosen in RANK_METRICS:
        return RANK_METRICS[chosen]
    if chosen not in EMBEDDER_METRICS:
        return METRICS[chosen]
    if embedder is None:
        raise UserError(f"--profile {chosen} compares token vectors; give --embedder, the folder of a local model")
    from tuition.evaluation.metrics.similarity import local_embedder

    return EMBEDDER_METRICS[chosen](local_embedder(embedder))


def _usual(answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return the metrics of Super-NaturalInstructions, and accuracy where every task's answers are a closed set.

    Where ROUGE-L cannot see the answers of a task, cross-lingual ROUGE-L is among them.
    """
    by_task: dict[str, list[Answer]] = {}
    for answer in answers:
        by_task.setdefault(answer.place.task, []).append(answer)
    closed = all(own[0].options or closed_options(answer.references for answer in own) for own in by_task.values())
    # Tasks of which ROUGE-L cannot see the answers bring the metric that can.
    wanted = dict.fromkeys(
        m for own in by_task.values() for m in visible_metrics([answer.references for answer in own])
    )
    leading = [XLINGUAL, *ALWAYS] if ALWAYS[0] not in wanted else [*ALWAYS, XLINGUAL]
    chosen = tuple(name for name in leading if name in wanted)
    return (*chosen, "accuracy") if closed else chosen


def _ranked(answers: Sequence[Answer]) -> list[Metric]:
    """Return the rank metrics that some answer's options have."""
    ways = {way for answer in answers if answer.ranking for way in answer.ranking.scores}
    return [metric for name, metric in RANK_METRICS.items() if normalisation_of(name) in ways]


def _scored(name: str, answers: Sequence[Answer], metrics: Sequence[Metric], levels: Sequence[Level]) -> System:
    by_task: dict[str, dict[str, None]] = {}
    for answer in answers:
        by_task.setdefault(answer.place.task, {}).update(dict.fromkeys(answer.references))
    # Where nobody tells a task's options, they are all references that its answers have.
    found = {task: tuple(references) for task, references in by_task.items()}
    scores: dict[str, Sequence[float | None]] = {}
    figures: list[GroupScore] = []
    for metric in metrics:
        at, texts = _scored_texts(answers, metric)
        own = [answers[place] for place in at]
        if not own:
            scores[metric.name] = [None] * len(answers)
            continue
        made = score_instances(
            texts,
            [answer.references for answer in own],
            [metric],
            options=[answer.options or found[answer.place.task] for answer in own],
            questions=[answer.question for answer in own],
        )
        figures += aggregate(made, [answer.place for answer in own], levels=levels)
        by_place = dict(zip(at, made[metric.name], strict=True))
        scores[metric.name] = [by_place.get(place) for place in range(len(answers))]
    return System(name, tuple(answers), scores, tuple(figures))


def _scored_texts(answers: Sequence[Answer], metric: Metric) -> tuple[list[int], list[str]]:
    """Return which answers a metric scores and by which text: what was written, or the most likely option."""
    if metric.name not in RANK_METRICS:
        return list(range(len(answers))), [answer.text for answer in answers]
    way = normalisation_of(metric.name)
    at = [place for place, answer in enumerate(answers) if answer.ranking and way in answer.ranking.scores]
    return at, [ranking.chosen(way) for place in at if (ranking := answers[place].ranking)]


def _notices(systems: Sequence[System], coverage: Sequence[Coverage]) -> list[str]:
    """Return what a reader of the scores must know besides, in sentences."""
    told = []
    if coverage:
        least = min(coverage, key=lambda one: one.answered / one.instances)
        told.append(
            f"{len({one.task for one in coverage})} tasks were answered in part, such as {least.task} with "
            f"{least.answered:,} of {least.instances:,} instances; --complete refuses that"
        )
    answers = [answer for system in systems for answer in system.answers]
    names = [name for name in dict.fromkeys(name for system in systems for name in system.scores) if name in METRICS]
    for metric, unseen in unseen_counts(names, [answer.references for answer in answers]).items():
        told.append(unseen_sentence(metric, unseen, len(answers)))
    unranked = sum(answer.ranking is None for system in systems for answer in system.answers)
    if any(name in RANK_METRICS for system in systems for name in system.scores) and unranked:
        total = sum(len(system.answers) for system in systems)
        told.append(f"{unranked:,} of {total:,} predictions have no ranked options; rank accuracies leave them out")
    empty = sum(not answer.text.strip() for system in systems for answer in system.answers)
    if empty:
        total = sum(len(system.answers) for system in systems)
        told.append(f"{empty:,} of {total:,} predictions are empty")
    if len({frozenset((a.place.task, a.instance) for a in system.answers) for system in systems}) > 1:
        told.append("the systems answered different instances; their figures do not compare like with like")
    return told
