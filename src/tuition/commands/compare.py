"""`tuition compare`: which arm is better, on which tasks, by how much, and how many labels it saves.

Differences are printed in tables with sentences, or as one JSON object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tuition.commands.compare_few import few
from tuition.commands.console import console, print_json
from tuition.evaluation.stats.comparisons import ArmComparison, Difference
from tuition.evaluation.stats.label_savings import LabelsNeeded
from tuition.reports.comparison import Answer, Compared, Factorial, Question, compare_source
from tuition.reports.comparison_text import (
    comparison_sentence,
    drawn_sentence,
    effect_name,
    effect_sentence,
    harm_sentence,
    interval_cell,
    limits,
    missing_sentence,
    needed_text,
    p_text,
    saving_sentence,
    transfer_sentence,
)
from tuition.reports.wording import count, metric_title, shown_name


def compare_and_print(question: Question, *, by_task: bool, as_json: bool, every: bool = False) -> None:
    """Compare every arm with the baseline and print tables with sentences, or one JSON object.

    For a study with many arms, only those that differ most are printed, unless `every` is set.

    Raises:
        UserError: the source, baseline, metric or correction is unknown, or the arms cannot be compared.
        ProblemsError: rows of the source are invalid.
    """
    answer = compare_source(question)
    if as_json:
        print_json(_as_json(question, answer))
        return
    shown, cut = (answer, list[str]()) if every else few(answer)
    out, top = console(), answer.source.top
    title = f"{metric_title(answer.source.metric)}, against “{shown_name(answer.baseline)}”"
    out.print(_differences(title, shown.comparisons, top))
    if by_task:
        for one in shown.comparisons:
            out.print(_tasks(one.found, top))
    _say(out, _sentences(shown.comparisons, top))
    if shown.factorial and answer.factorial:
        _print_factorial(out, shown, shown.factorial)
        _say(out, [transfer_sentence([one.found for one in answer.factorial.transfer])])
    found = [one.found for one in answer.comparisons]
    _say(out, [drawn_sentence(found)])
    for note in cut:
        out.print(escape(f"{note}; --all and --json print all of them"), soft_wrap=True)
    for note in (
        *filter(None, [answer.source.unseen]),
        *missing_sentence(answer.source.missing, answer.apart),
        *limits(found),
    ):
        out.print(escape(note), style="yellow", soft_wrap=True)


def _say(out: Console, lines: Sequence[str]) -> None:
    for line in filter(None, lines):
        out.print(escape(line), soft_wrap=True)


def _print_factorial(out: Console, answer: Answer, factorial: Factorial) -> None:
    top = answer.source.top
    out.print(_curves(answer))
    out.print(_effects(factorial, top))
    if factorial.transfer:
        title = "Each arm with pre-finetuning, compared with the same arm without it"
        out.print(_differences(title, factorial.transfer, top))
        found = [one.found for one in factorial.transfer]
        if any(one.harmed for one in found):
            out.print(_harm(found, top))


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def _differences(title: str, compared: Sequence[Compared], top: float) -> Table:
    several = len({one.found.arm for one in compared}) > 1
    over_tasks = any(one.found.like_these for one in compared)  # else there is one task with one difference
    headings = ("labels", "tasks", "better", "worse", *(("mean difference",) if over_tasks else ()), "p")
    these = "these tasks only" if over_tasks else "difference"
    table = _table(title, ("arm",) * several, (*headings, these, "baseline needs"))
    last = ""
    for one in compared:
        found = one.found
        table.add_row(
            *((escape(shown_name(found.arm)) if found.arm != last else "",) if several else ()),
            "most" if found.labels is None else f"{found.labels:,}",
            f"{len(found.tasks)}",
            f"{len(found.having('better'))}",
            f"{len(found.having('worse'))}",
            *((_cell(found.like_these, top) if not found.same else "",) if over_tasks else ()),
            "" if found.same else p_text(found.overall.corrected),
            "the same" if found.same else _cell(found.these, top),
            needed_text(one.need) if one.need else "",
        )
        last = found.arm
    return table


def _cell(difference: Difference | None, top: float) -> str:
    return "" if difference is None else interval_cell(difference.mean, difference.low, difference.high, top)


def _tasks(one: ArmComparison, top: float) -> Table:
    title = f"“{shown_name(one.arm)}” against “{shown_name(one.baseline)}”"
    labels = "the most labels" if one.labels is None else f"{one.labels:,} labels"
    headings = ("n", "arm", "baseline", "difference", "p", "corrected", "")
    table = _table(f"{title}, {labels}", ("task",), headings)
    for task in one.tasks:
        difference = task.difference
        cells = (f"{task.instances:,}", f"{task.arm * top:.1f}", f"{task.baseline * top:.1f}", _cell(difference, top))
        verdict = "the same" if task.same else task.verdict
        ps = p_text(difference.p), p_text(difference.corrected)
        table.add_row(escape(shown_name(task.task)), *cells, *ps, verdict)
    return table


def _curves(answer: Answer) -> Table:
    """Return the mean of each arm at each number of labels; the intervals are about exactly these tasks."""
    sizes = sorted({point.labels for point in answer.curves})
    most = max(point.tasks for point in answer.curves)
    name = metric_title(answer.source.metric)
    title = f"Mean {name} over {count(most, 'task')} (95% intervals of these tasks), by labels"
    table = _table(title, ("arm",), [f"{size:,}" for size in sizes])
    top = answer.source.top
    for arm in dict.fromkeys(point.arm for point in answer.curves):
        own = {point.labels: point for point in answer.curves if point.arm == arm}
        cells = []
        for size in sizes:
            point = own.get(size)
            fewer = f", {count(point.tasks, 'task')}" if point and point.tasks < most else ""
            cell = f"{point.mean * top:.1f} ({point.low * top:.1f} to {point.high * top:.1f}{fewer})" if point else ""
            cells.append(cell)
        table.add_row(escape(shown_name(arm)), *cells)
    return table


def _harm(found: Sequence[ArmComparison], top: float) -> Table:
    """Return the tasks on which an arm is worse than its baseline, with the difference at each number of labels."""
    sizes = list(dict.fromkeys(one.labels for one in found))
    headings = ["most" if size is None else f"{size:,} labels" for size in sizes]
    table = _table("Negative transfer: tasks worse with pre-finetuning, after correction", ("task", "arm"), headings)
    harmed: dict[tuple[str, str], dict[int | None, str]] = {}
    for one in found:
        for task in one.harmed:
            harmed.setdefault((task.task, one.arm), {})[one.labels] = _cell(task.difference, top)
    last = ""
    for (task_name, arm), cells in sorted(harmed.items()):
        shown = "" if task_name == last else escape(shown_name(task_name))
        table.add_row(shown, escape(shown_name(arm)), *(cells.get(size, "") for size in sizes))
        last = task_name
    return table


def _effects(factorial: Factorial, top: float) -> Table:
    table = _table("What each factor changes", ("effect",), ("labels", "adds", "settings", "tasks"))
    by_name: dict[str, list[tuple[str, str, str, str]]] = {}
    # Main effects first, then interactions; within each, by number of labels.
    for effect in sorted(factorial.effects, key=lambda one: len(one.factors)):
        labels = "all" if effect.labels is None else f"{effect.labels:,}"
        adds = "the same" if effect.same else interval_cell(effect.mean, effect.low, effect.high, top)
        row = (labels, adds, f"{effect.settings} of {effect.possible}", f"{effect.tasks}")
        by_name.setdefault(effect_name(effect), []).append(row)
    for name, rows in by_name.items():
        for at, row in enumerate(rows):
            table.add_row("" if at else escape(name), *row)
    return table


def _sentences(compared: Sequence[Compared], top: float) -> list[str]:
    """Return each arm's sentences at its last number of labels; for a single arm, also the labels saved at each."""
    lines = []
    arms = list(dict.fromkeys(one.found.arm for one in compared))
    for arm in arms:
        own = [one for one in compared if one.found.arm == arm]
        lines += [comparison_sentence(own[-1].found, top=top), harm_sentence(own[-1].found, top=top)]
        if len(arms) == 1:  # with several arms, the table's last column shows it
            lines += [saving_sentence(one.need, top=top) for one in own if one.need and one.need.labels > 0]
    return [line for line in lines if line]


def _as_json(question: Question, answer: Answer) -> dict[str, Any]:
    top, found = answer.source.top, [one.found for one in answer.comparisons]
    factorial = answer.factorial
    return {
        "source": str(question.source),
        "metric": answer.source.metric,
        "baseline": answer.baseline,
        "resamples": question.resamples,
        "curves": [
            asdict(point)
            | {name: getattr(point, name) * top for name in ("mean", "low", "high")}
            | {"like_these": point.like_these and [end * top for end in point.like_these]}
            for point in answer.curves
        ],
        "comparisons": [_compared_json(one, top) for one in answer.comparisons],
        **({"factorial": _factorial_json(factorial, top)} if factorial else {}),
        "not_judged": [dict(zip(("task", "arm", "labels", "seed"), one, strict=True)) for one in answer.source.missing],
        "cannot_tell": [
            *filter(None, [answer.source.unseen]),
            *missing_sentence(answer.source.missing, answer.apart),
            *limits(found),
        ],
    }


def _factorial_json(factorial: Factorial, top: float) -> dict[str, Any]:
    return {
        "arms": factorial.design.arms,
        "references": factorial.design.references,
        "effects": [
            asdict(effect)
            | {name: getattr(effect, name) * top for name in ("mean", "low", "high")}
            | {"factors": [dict(zip(("factor", "reference", "level"), own, strict=True)) for own in effect.factors]}
            | {"sentence": effect_sentence(effect, top=top)}
            for effect in factorial.effects
        ],
        "transfer": [_compared_json(one, top) for one in factorial.transfer],
    }


def _compared_json(one: Compared, top: float) -> dict[str, Any]:
    found = one.found
    return {
        "sentence": comparison_sentence(found, top=top),
        "arm": found.arm,
        "baseline": found.baseline,
        "labels": "most" if found.labels is None else found.labels,
        "same": found.same,
        "better": len(found.having("better")),
        "worse": len(found.having("worse")),
        "undecided": len(found.having("undecided")),
        "tasks_like_these": _scaled(found.like_these, top),
        "these_tasks": _scaled(found.these, top),
        "seeds": found.seeds,
        "shared_seeds": found.shared_seeds,
        "correction": found.correction,
        "level": found.level,
        "tasks": [
            asdict(task)
            | {"arm": task.arm * top, "baseline": task.baseline * top, "difference": _scaled(task.difference, top)}
            for task in found.tasks
        ],
        "negative_transfer": [task.task for task in found.harmed],
        "left_out": list(found.left_out),
        "baseline_needs": _need_json(one.need, top),
    }


def _scaled(difference: Difference | None, top: float) -> dict[str, float] | None:
    if difference is None:
        return None
    fields = asdict(difference)
    return fields | {name: fields[name] * top for name in ("mean", "low", "high")}


def _need_json(need: LabelsNeeded | None, top: float) -> dict[str, Any] | None:
    """Return the labels needed; null means more than the most that was measured."""
    if need is None:
        return None
    return asdict(need) | {"score": need.score * top, "sentence": saving_sentence(need, top=top)}
