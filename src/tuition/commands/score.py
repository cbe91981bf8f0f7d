"""`tuition score`: stored predictions judged anew, by several profiles side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from tuition.base.errors import UserError
from tuition.commands.console import console, notes, print_json
from tuition.commands.judge import JUDGE, JudgeChoice, chosen_judge
from tuition.evaluation.defaults import ALWAYS, XLINGUAL, visible_metrics
from tuition.evaluation.metrics import EMBEDDER_METRICS, METRICS, Metric
from tuition.evaluation.options.closed_set import closed_options
from tuition.evaluation.options.rankings import RANK_METRICS, way_of
from tuition.evaluation.predictions import find_prediction_reader, read_predictions
from tuition.evaluation.predictions.references import Answer, Coverage, found_references, own_references
from tuition.evaluation.predictions.study import study_definitions, study_places
from tuition.evaluation.score import score_instances
from tuition.evaluation.stats.aggregate import LEVELS, GroupScore, Level, aggregate
from tuition.evaluation.verdicts import Verdict, stored_verdicts
from tuition.evaluation.visibility import unseen_counts, unseen_sentence

_INSTANCE = "instance"
_UNKNOWN = "(not known)"
# So many profiles stand in one table, and so many with their intervals on the same line.
_MOST, _WIDE = 5, 3


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """What is judged, and how.

    `predictions` is a file or folder, `format` its format where its look does not tell it. `references` is a collection
    or a list of references; without, the predictions' own file has them. `profiles` are names of metrics, none for the
    usual ones; `by` adds figures of tasks, categories, datasets, language tracks or single instances. `embedder` is the
    folder of a local model, for profiles that compare token vectors; `judge` the model of the profile `judge`.
    """

    predictions: Path
    references: Path | None = None
    format: str | None = None
    references_format: str | None = None
    profiles: tuple[str, ...] = ()
    by: str | None = None
    complete: bool = False
    embedder: Path | None = None
    judge: JudgeChoice | None = None


@dataclass(frozen=True, slots=True)
class System:
    """What one model or arm answered, with its scores: by metric one per answer, and the figures of groups.

    A score is None where there is none: an answer without ranked options has no rank accuracy.
    """

    name: str
    answers: tuple[Answer, ...]
    scores: dict[str, Sequence[float | None]]
    figures: tuple[GroupScore, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """Everything that `tuition score` has to tell."""

    format: str
    metrics: tuple[Metric, ...]
    systems: tuple[System, ...]
    coverage: tuple[Coverage, ...]
    notices: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()


def score_and_print(choice: ScoreChoice, *, as_json: bool) -> None:
    """Judge predictions and print a table of figures with their intervals, or one JSON object with all of them.

    Raises:
        UserError: a profile, grouping or format is not known.
        ProblemsError: predictions cannot be read or matched with references; everything that is wrong.
    """
    scored = score_predictions(choice, levels=LEVELS if as_json else None)
    if as_json:
        print_json(_as_json(choice, scored))
        return
    out = console()
    for at in range(0, len(scored.metrics), _MOST):
        beside = scored.metrics[at : at + _MOST]
        out.print(_instances(scored, beside) if choice.by == _INSTANCE else _figures(scored, choice.by, beside))
    for notice in scored.notices:
        notes().print(escape(notice), style="yellow")


def score_predictions(choice: ScoreChoice, *, levels: Sequence[Level] | None = None) -> Scored:
    """Read predictions, find their references, and judge each system's by every profile.

    Args:
        choice: what is judged, and how.
        levels: what figures are put together by; by default of all, and by what is chosen.

    Raises:
        UserError: a profile, grouping or format is not known.
        ProblemsError: predictions cannot be read or matched with references; everything that is wrong.
    """
    if choice.by is not None and choice.by not in (*LEVELS, _INSTANCE):
        raise UserError(f"--by {choice.by}: give one of {', '.join((*LEVELS[1:], _INSTANCE))}")
    if choice.judge is not None and JUDGE not in choice.profiles:
        raise UserError(f"a judge model is for --profile {JUDGE}; name that too")
    named = [_metric(name, choice) for name in dict.fromkeys(choice.profiles)]  # before a long file is read
    wanted = (
        tuple(levels) if levels is not None else tuple(level for level in LEVELS if level in ("overall", choice.by))
    )
    rows = read_predictions(choice.predictions, choice.format)
    coverage: list[Coverage] = []
    if choice.references is None:
        answers = own_references(rows, choice.predictions)
        if {"category", "dataset", "language"} & set(wanted):
            answers = _placed(answers, choice.predictions)
        if JUDGE in choice.profiles:
            answers = _asked(answers, choice.predictions)
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
    systems = tuple(_judge(name, own, metrics, wanted) for name, own in by_system.items())
    verdicts = tuple(one for system in systems for one in stored_verdicts(system.name, system.answers, system.scores))
    return Scored(
        find_prediction_reader(choice.predictions, choice.format).name,
        tuple(metrics),
        systems,
        tuple(coverage),
        (*_notices(systems, coverage), *(f"{one.system}: {one}" if len(systems) > 1 else str(one) for one in verdicts)),
        verdicts,
    )


def _placed(answers: Sequence[Answer], path: Path) -> list[Answer]:
    """Return a study's answers with the categories, datasets and languages that its collection has."""
    places = study_places(path, dict.fromkeys(answer.place.task for answer in answers))
    return [replace(answer, place=places.get(answer.place.task, answer.place)) for answer in answers]


def _asked(answers: Sequence[Answer], path: Path) -> list[Answer]:
    """Return a study's answers with the definitions of its tasks, which a judge is shown; others as they are."""
    known = study_definitions(path, dict.fromkeys(answer.place.task for answer in answers))
    return [
        replace(answer, question=replace(answer.question, definition=known.get(answer.place.task, "")))
        for answer in answers
    ]


def _metric(name: str, choice: ScoreChoice) -> Metric:
    embedder = choice.embedder
    if name == JUDGE:
        return chosen_judge(choice.judge)
    if name in RANK_METRICS:
        return RANK_METRICS[name]
    if name not in EMBEDDER_METRICS:
        return METRICS[name]
    if embedder is None:
        raise UserError(f"--profile {name} compares token vectors; give --embedder, the folder of a local model")
    from tuition.evaluation.metrics.similarity import local_embedder

    return EMBEDDER_METRICS[name](local_embedder(embedder))


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
    return [metric for name, metric in RANK_METRICS.items() if way_of(name) in ways]


def _judge(name: str, answers: Sequence[Answer], metrics: Sequence[Metric], levels: Sequence[Level]) -> System:
    by_task: dict[str, dict[str, None]] = {}
    for answer in answers:
        by_task.setdefault(answer.place.task, {}).update(dict.fromkeys(answer.references))
    # Where nobody tells a task's options, they are all references that its answers have.
    found = {task: tuple(references) for task, references in by_task.items()}
    scores: dict[str, Sequence[float | None]] = {}
    figures: list[GroupScore] = []
    for metric in metrics:
        at, texts = _judged_texts(answers, metric)
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


def _judged_texts(answers: Sequence[Answer], metric: Metric) -> tuple[list[int], list[str]]:
    """Return which answers a metric judges and by which text: what was written, or the option that was likeliest."""
    if metric.name not in RANK_METRICS:
        return list(range(len(answers))), [answer.text for answer in answers]
    way = way_of(metric.name)
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


def _figures(scored: Scored, by: str | None, metrics: Sequence[Metric]) -> Table:
    """Return a table: a row for each system, group and average, a column for each of these profiles."""
    rows: dict[tuple[str, str, str, str], dict[str, GroupScore]] = {}
    for judged in scored.systems:
        for one in judged.figures:
            if one.level not in ("overall", by):
                continue
            rows.setdefault((judged.name, one.level, one.group, one.average), {})[one.metric] = one
    several = len(scored.systems) > 1
    table = Table(box=None, pad_edge=False)
    for heading in ("system",) * several + (by or "of",):
        table.add_column(heading, overflow="fold")
    table.add_column("average", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for metric in metrics:
        table.add_column(metric.name, justify="right", no_wrap=True)
    for (system, level, group, average), figures in sorted(rows.items(), key=_order(rows)):
        some = max(figures.values(), key=lambda one: one.n)
        told = "all" if level == "overall" else escape(group or _UNKNOWN)
        weight = "over instances" if average == "micro" else f"over {some.tasks} tasks"
        cells = [_cell(figures.get(metric.name), some, narrow=len(metrics) > _WIDE) for metric in metrics]
        first = (escape(system or _UNKNOWN),) if several else ()
        table.add_row(*first, told, weight, f"{some.n:,}", *cells)
    return table


def _cell(one: GroupScore | None, some: GroupScore, *, narrow: bool) -> str:
    """Return a figure with its interval, below it where many profiles stand side by side.

    Where it has fewer instances than others of its line, as rank accuracies may, their number is told.
    """
    if one is None:
        return "–"
    gap = chr(10) if narrow else " "
    fewer = f"{gap}n = {one.n:,}" if one.n != some.n else ""
    return f"{one.value:.2f}{gap}({one.low:.1f}-{one.high:.1f}){fewer}"


def _order(rows: dict[tuple[str, str, str, str], dict[str, GroupScore]]) -> Any:
    """Keep groups in their order and put the figures of all behind them."""
    place = {key: at for at, key in enumerate(rows)}
    return lambda item: (item[0][1] == "overall", place[item[0]])


def _instances(scored: Scored, metrics: Sequence[Metric]) -> Table:
    several = len(scored.systems) > 1
    table = Table(box=None, pad_edge=False)
    for heading in ("system",) * several + ("task", _INSTANCE):
        table.add_column(heading, overflow="fold")
    for metric in metrics:
        table.add_column(metric.name, justify="right", no_wrap=True)
    for system in scored.systems:
        for at, answer in enumerate(system.answers):
            first = (escape(system.name or _UNKNOWN),) if several else ()
            names = (escape(answer.place.task or _UNKNOWN), escape(answer.instance))
            table.add_row(*first, *names, *(_percent(system.scores[m.name][at]) for m in metrics))
    return table


def _percent(score: float | None) -> str:
    return "–" if score is None else f"{100 * score:.2f}"


def _as_json(choice: ScoreChoice, scored: Scored) -> dict[str, Any]:
    return {
        "predictions": str(choice.predictions),
        "format": scored.format,
        "references": None if choice.references is None else str(choice.references),
        "profiles": {metric.name: _profile_json(metric) for metric in scored.metrics},
        "systems": [
            {
                "system": system.name,
                "n": len(system.answers),
                "empty": sum(not answer.text.strip() for answer in system.answers),
                "figures": [asdict(one) for one in system.figures],
                **({"instances": _instances_json(system)} if choice.by == _INSTANCE else {}),
            }
            for system in scored.systems
        ],
        "coverage": [asdict(one) for one in scored.coverage],
        "verdicts": [asdict(one) for one in scored.verdicts],
        "notices": list(scored.notices),
    }


def _profile_json(metric: Metric) -> dict[str, Any]:
    return {
        "title": metric.title,
        "description": metric.description,
        **asdict(metric.profile),
        "lower_is_better": metric.lower_is_better,
        "summary": "mean over instances" if metric.corpus is None else "worked out from all instances together",
    }


def _instances_json(system: System) -> list[dict[str, Any]]:
    return [
        {
            "task": answer.place.task,
            "instance": answer.instance,
            "scores": {
                metric: None if values[at] is None else 100 * float(values[at] or 0.0)
                for metric, values in system.scores.items()
            },
        }
        for at, answer in enumerate(system.answers)
    ]
