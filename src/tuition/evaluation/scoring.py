"""Score stored predictions: match each with its references and score it with every chosen metric."""

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
"""The value of `by` for the score of each instance."""


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """What to score, and how.

    `predictions` is a file or folder, `format` its format if that is not recognised. `references` is a collection or a
    list of references; without it, the predictions' own file has them. `profiles` are metrics or their names, empty for
    the default metrics; `by` adds scores by task, category, dataset, language track or instance. `embedder` is the
    folder of a local model, for metrics that compare token vectors.
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
    """The answers of one model or arm, with their scores: by metric one per answer, and those of groups.

    A score is None if there is none: an answer without ranked options has no rank accuracy.
    """

    name: str
    answers: tuple[Answer, ...]
    scores: dict[str, Sequence[float | None]]
    figures: tuple[GroupScore, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of a file of predictions, with notices for their readers."""

    format: str
    metrics: tuple[Metric, ...]
    systems: tuple[System, ...]
    coverage: tuple[Coverage, ...]
    notices: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def score_predictions(choice: ScoreChoice, *, levels: Sequence[Level] | None = None) -> Scored:
    """Read predictions, find their references, and score each system's by every metric.

    Args:
        choice: what to score, and how.
        levels: the groups to score (tasks, categories and so on); by default all together, and those of `choice.by`.

    Raises:
        UserError: a profile, grouping or format is unknown.
        ProblemsError: predictions cannot be read or matched with references; all problems are listed.
    """
    if choice.by is not None and choice.by not in (*LEVELS, INSTANCE):
        raise UserError(f"--by {choice.by}: give one of {', '.join((*LEVELS[1:], INSTANCE))}")
    named = [_metric(one, choice.embedder) for one in dict.fromkeys(choice.profiles)]  # fail before reading a long file
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
            f"{choice.predictions}: no answer has ranked options, which rank accuracies need; a study or "
            "`tuition evaluate` with `rank` stores them"
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
    """Return a study's answers with the definitions of its tasks, for metrics that use them."""
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
    """Return the metrics of Super-NaturalInstructions, and accuracy if every task's answers are a closed set.

    If ROUGE-L cannot read the references of a task, cross-lingual ROUGE-L is included.
    """
    by_task: dict[str, list[Answer]] = {}
    for answer in answers:
        by_task.setdefault(answer.place.task, []).append(answer)
    closed = all(own[0].options or closed_options(answer.references for answer in own) for own in by_task.values())
    # Tasks whose references ROUGE-L cannot read add cross-lingual ROUGE-L.
    wanted = dict.fromkeys(
        m for own in by_task.values() for m in visible_metrics([answer.references for answer in own])
    )
    leading = [XLINGUAL, *ALWAYS] if ALWAYS[0] not in wanted else [*ALWAYS, XLINGUAL]
    chosen = tuple(name for name in leading if name in wanted)
    return (*chosen, "accuracy") if closed else chosen


def _ranked(answers: Sequence[Answer]) -> list[Metric]:
    """Return the rank metrics whose normalisation some answer's ranking has."""
    known = {name for answer in answers if answer.ranking for name in answer.ranking.scores}
    return [metric for name, metric in RANK_METRICS.items() if normalisation_of(name) in known]


def _scored(name: str, answers: Sequence[Answer], metrics: Sequence[Metric], levels: Sequence[Level]) -> System:
    by_task: dict[str, dict[str, None]] = {}
    for answer in answers:
        by_task.setdefault(answer.place.task, {}).update(dict.fromkeys(answer.references))
    # Without known options, a task's options are all its references.
    found = {task: tuple(references) for task, references in by_task.items()}
    scores: dict[str, Sequence[float | None]] = {}
    figures: list[GroupScore] = []
    for metric in metrics:
        at, texts = _scored_texts(answers, metric)
        own = [answers[position] for position in at]
        if not own:
            scores[metric.name] = [None] * len(answers)
            continue
        by_metric = score_instances(
            texts,
            [answer.references for answer in own],
            [metric],
            options=[answer.options or found[answer.place.task] for answer in own],
            questions=[answer.question for answer in own],
        )
        figures += aggregate(by_metric, [answer.place for answer in own], levels=levels)
        by_position = dict(zip(at, by_metric[metric.name], strict=True))
        scores[metric.name] = [by_position.get(position) for position in range(len(answers))]
    return System(name, tuple(answers), scores, tuple(figures))


def _scored_texts(answers: Sequence[Answer], metric: Metric) -> tuple[list[int], list[str]]:
    """Return the positions of the answers that a metric scores, and their texts: as generated, or the chosen option."""
    if metric.name not in RANK_METRICS:
        return list(range(len(answers))), [answer.text for answer in answers]
    rule = normalisation_of(metric.name)
    at = [position for position, answer in enumerate(answers) if answer.ranking and rule in answer.ranking.scores]
    return at, [ranking.chosen(rule) for position in at if (ranking := answers[position].ranking)]


def _notices(systems: Sequence[System], coverage: Sequence[Coverage]) -> list[str]:
    """Return notices for readers of the scores, as sentences."""
    notices = []
    if coverage:
        least = min(coverage, key=lambda one: one.answered / one.instances)
        notices.append(
            f"{len({one.task for one in coverage})} tasks are only partly answered, such as {least.task} with "
            f"{least.answered:,} of {least.instances:,} instances; --complete refuses that"
        )
    answers = [answer for system in systems for answer in system.answers]
    names = [name for name in dict.fromkeys(name for system in systems for name in system.scores) if name in METRICS]
    for metric, unseen in unseen_counts(names, [answer.references for answer in answers]).items():
        notices.append(unseen_sentence(metric, unseen, len(answers)))
    unranked = sum(answer.ranking is None for system in systems for answer in system.answers)
    if any(name in RANK_METRICS for system in systems for name in system.scores) and unranked:
        total = sum(len(system.answers) for system in systems)
        notices.append(f"{unranked:,} of {total:,} predictions have no ranked options; rank accuracies leave them out")
    empty = sum(not answer.text.strip() for system in systems for answer in system.answers)
    if empty:
        total = sum(len(system.answers) for system in systems)
        notices.append(f"{empty:,} of {total:,} predictions are empty")
    if len({frozenset((a.place.task, a.instance) for a in system.answers) for system in systems}) > 1:
        notices.append("the systems answered different instances, so their scores are not comparable")
    return notices
