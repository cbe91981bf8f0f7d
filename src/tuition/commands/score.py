"""`tuition score`: stored predictions scored by several metrics, in a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from tuition.commands.console import console, notes, print_json
from tuition.commands.judge import JudgeChoice, with_judge
from tuition.evaluation.metrics import Metric
from tuition.evaluation.scoring import INSTANCE, ScoreChoice, Scored, System, score_predictions
from tuition.evaluation.stats.aggregate import LEVELS, GroupScore

_UNKNOWN = "(not known)"
# The most profiles in one table, and the most with scores and intervals on one line.
_MOST_PER_TABLE, _MOST_ON_ONE_LINE = 5, 3


def score_and_print(choice: ScoreChoice, judge: JudgeChoice | None = None, *, as_json: bool) -> None:
    """Score predictions and print a table of scores with their intervals, or one JSON object with all of them.

    Raises:
        UserError: a profile, grouping or format is unknown, or the judge cannot be used.
        ProblemsError: predictions cannot be read or matched with references; all problems are listed.
    """
    choice = with_judge(choice, judge)
    scored = score_predictions(choice, levels=LEVELS if as_json else None)
    if as_json:
        print_json(_as_json(choice, scored))
        return
    out = console()
    for at in range(0, len(scored.metrics), _MOST_PER_TABLE):
        metrics = scored.metrics[at : at + _MOST_PER_TABLE]
        out.print(_instances(scored, metrics) if choice.by == INSTANCE else _figures(scored, choice.by, metrics))
    for notice in scored.notices:
        notes().print(escape(notice), style="yellow")


def _figures(scored: Scored, by: str | None, metrics: Sequence[Metric]) -> Table:
    """Return a table with a row per system, group and average, and a column per metric."""
    rows: dict[tuple[str, str, str, str], dict[str, GroupScore]] = {}
    for own in scored.systems:
        for one in own.figures:
            if one.level not in ("overall", by):
                continue
            rows.setdefault((own.name, one.level, one.group, one.average), {})[one.metric] = one
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
        name = "all" if level == "overall" else escape(group or _UNKNOWN)
        weight = "over instances" if average == "micro" else f"over {some.tasks} tasks"
        cells = [_cell(figures.get(metric.name), some, narrow=len(metrics) > _MOST_ON_ONE_LINE) for metric in metrics]
        first = (escape(system or _UNKNOWN),) if several else ()
        table.add_row(*first, name, weight, f"{some.n:,}", *cells)
    return table


def _cell(one: GroupScore | None, some: GroupScore, *, narrow: bool) -> str:
    """Return a score with its interval; if `narrow`, the interval is on a second line.

    If it has fewer instances than the others of its line, as rank accuracies may, their number is added.
    """
    if one is None:
        return "–"
    gap = chr(10) if narrow else " "
    fewer = f"{gap}n = {one.n:,}" if one.n != some.n else ""
    return f"{one.value:.2f}{gap}({one.low:.1f}-{one.high:.1f}){fewer}"


def _order(rows: dict[tuple[str, str, str, str], dict[str, GroupScore]]) -> Any:
    """Return the sort key that keeps groups in their order and puts the overall scores last."""
    position = {key: at for at, key in enumerate(rows)}
    return lambda item: (item[0][1] == "overall", position[item[0]])


def _instances(scored: Scored, metrics: Sequence[Metric]) -> Table:
    several = len(scored.systems) > 1
    table = Table(box=None, pad_edge=False)
    for heading in ("system",) * several + ("task", INSTANCE):
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
                **({"instances": _instances_json(system)} if choice.by == INSTANCE else {}),
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
        "summary": "mean over instances" if metric.corpus is None else "computed from all instances together",
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
