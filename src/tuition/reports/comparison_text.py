"""Comparisons of arms as sentences, with their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuition.evaluation.stats.comparisons import ArmComparison, Difference, TaskComparison
from tuition.evaluation.stats.factorial import FactorEffect
from tuition.evaluation.stats.label_savings import LabelsNeeded
from tuition.reports.wording import count, listed, shown_name

_MAX_LISTED = 10
_FEW = 4


def comparison_sentence(found: ArmComparison, *, top: float = 100.0) -> str:
    """Return one sentence on two arms: on how many tasks one is better, and the mean difference.

    Args:
        found: the comparison.
        top: the factor by which scores are multiplied for display: 100 for scores in 0-1.
    """
    arm, baseline = f"“{shown_name(found.arm)}”", f"“{shown_name(found.baseline)}”"
    start = _labels_text(found)
    if found.same:
        return f"{start}{arm} and {baseline} are the same by construction: both have the answers of one model."
    if len(found.tasks) == 1:
        only = found.tasks[0]
        verdict = {
            "better": f"{arm} is better",
            "worse": f"{arm} is worse",
            "undecided": "the difference is not significant",
        }[only.verdict]
        scores = f"{arm} scores {_number(only.arm * top)} and {baseline} {_number(only.baseline * top)}"
        return f"{start}{scores} on {shown_name(only.task)}: {difference_text(only.difference, top)}; {verdict}."
    better, worse = len(found.having("better")), len(found.having("worse"))
    tasks = f"{better} of {len(found.tasks)} tasks, worse on {worse or 'none'}"
    return f"{start}{arm} is better than {baseline} on {tasks}; mean {difference_text(found.overall, top)}."


def difference_text(difference: Difference, top: float = 100.0, level: float = 0.95) -> str:
    """Return a difference with its interval, without p: `+3.1, 95% 2.2 to 4.0`."""
    low, high = (_number(end * top) for end in (difference.low, difference.high))
    return f"{_signed(difference.mean * top)}, {100 * level:g}% {low} to {high}"


def interval_cell(mean: float, low: float, high: float, top: float = 100.0) -> str:
    """Return a difference with its interval in brackets, for a table's cell: `+3.1 (2.2 to 4.0)`."""
    return f"{_signed(mean * top)} ({_number(low * top)} to {_number(high * top)})"


def p_text(p: float) -> str:
    """Return a p-value with one or two digits: `0.03`, `0.0002`, `< 0.0001`."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.01 else f"{p:.2f}"


def harm_sentence(found: ArmComparison, *, top: float = 100.0) -> str:
    """Return one sentence on negative transfer: the tasks on which the arm is worse, each with its interval.

    It is empty if there are none.
    """
    if not found.harmed or len(found.tasks) == 1:
        return ""
    tasks = [_harm(task, top) for task in found.harmed[:_MAX_LISTED]]
    more = len(found.harmed) - len(tasks)
    tasks += [f"{more} more"] if more else []
    return f"{_labels_text(found)}“{shown_name(found.arm)}” hurts on {listed(tasks)}."


def saving_sentence(need: LabelsNeeded, *, top: float = 100.0) -> str:
    """Return one sentence on the labels that one arm saves at equal score, or on what was not measured."""
    arm, other = f"“{shown_name(need.arm)}”", f"“{shown_name(need.other)}”"
    reached = f"the score of {arm} with {_labels(need.labels)} ({_number(need.score * top)})"
    least, most = need.measured[0], need.measured[-1]
    if math.isinf(need.needed):
        doubt = f" (low end of the interval: {need.low:,.0f})" if not math.isinf(need.low) and need.low > least else ""
        return (
            f"{other} does not reach {reached} with up to {_labels(most)}{doubt}: the number that it needs is outside "
            "the measured range."
        )
    if need.needed <= least:
        return f"{other} reaches {reached} with {_labels(least)} already{_ends(need)}."
    saved = round(need.saved)
    saving = f"{count(saved, 'label')} saved" if saved > 0 else "none saved"
    saving += f", {-saved:,} more needed" if saved < 0 else ""
    return f"{other} needs {_labels(round(need.needed))}{_ends(need)} for {reached}: {saving}."


def needed_text(need: LabelsNeeded) -> str:
    """Return the labels needed with their interval, for a table's cell."""
    least, most = need.measured[0], need.measured[-1]
    needed, low, high = (_end(one, least, most) for one in (need.needed, need.low, need.high))
    text = needed if needed == low == high else f"{needed} ({low} to {high})"
    return text.replace("more than ", "> ").replace("at most ", "≤ ")


def effect_name(effect: FactorEffect) -> str:
    """Return an effect's name for a table's cell: `encoding: definition, not plain`; for an interaction, both parts."""
    return " × ".join(
        f"{shown_name(name)}: {shown_name(level)}, not {shown_name(reference)}"
        for name, reference, level in effect.factors
    )


def effect_sentence(effect: FactorEffect, *, top: float = 100.0) -> str:
    """Return one sentence on a main effect or an interaction, with the number of settings that it averages over."""
    size = f"{_signed(effect.mean * top)}, 95% {_number(effect.low * top)} to {_number(effect.high * top)}"
    over = f"mean over {effect.settings} of {count(effect.possible, 'setting')} and {count(effect.tasks, 'task')}"
    name, reference, level = map(shown_name, effect.factors[0])
    start = "" if effect.labels is None else f"With {_labels(effect.labels)}, "
    start += f"{name} “{level}” instead of “{reference}”"
    if effect.same:
        return f"{start} changes nothing: the answers are those of the same models."
    if len(effect.factors) == 2:
        other, from_, to = map(shown_name, effect.factors[1])
        return f"{start} adds {size} more with {other} “{to}” than with “{from_}” ({over})."
    return f"{start}: {size} ({over})."


def drawn_sentence(comparisons: Sequence[ArmComparison]) -> str:
    """Return one sentence on what the intervals resample, so that readers know what they claim."""
    seeds = [found.seeds for found in comparisons]
    if not seeds:
        return ""
    within = "the instances of each" + (", and its seeds," if min(seeds) > 1 else "")
    level = f"{100 * comparisons[0].level:g}%"
    if all(found.like_these is None for found in comparisons):
        what = "instances" + (" and seeds" if min(seeds) > 1 else "")
        return f"Intervals are {level} and resample {what}: they are about this task only."
    return (
        f"Intervals are {level}. Those of the mean difference resample tasks, and {within} with them: they are about "
        "tasks like these. Those of “these tasks only” do not resample tasks. Arms are paired by task, instance and "
        f"seed. Tasks count as better or worse after correction ({comparisons[0].correction}) over the tasks of a "
        "row; p is corrected over the rows of its table."
    )


def transfer_sentence(found: Sequence[ArmComparison]) -> str:
    """Return one sentence on how often there was negative transfer, over all comparisons of tasks."""
    # Arms that share one model at 0 labels are counted once.
    counted = {(one.labels, task.task, task.arm, task.baseline): task for one in found for task in one.tasks}
    tasks = [task for task in counted.values() if not task.same]
    if not tasks:
        return ""
    worse, better = (sum(task.verdict == verdict for task in tasks) for verdict in ("worse", "better"))
    return (
        f"Of {count(len(tasks), 'comparison')} by arm, labels and task, {worse or 'none'} "
        f"{'is' if worse == 1 else 'are'} worse with pre-finetuning, and {better or 'none'} better, "
        "after correction over the tasks of each."
    )


def missing_sentence(missing: Sequence[tuple[str, str, int, int]], apart: Sequence[str]) -> list[str]:
    """Return sentences on the points (task, arm, labels, seed) that are missing, and on arms that were not compared."""
    sentences = []
    if missing:
        arms = list(dict.fromkeys(f"“{shown_name(arm, 60)}”" for _, arm, _, _ in missing))
        of = listed(arms) if len(arms) <= _FEW else f"{len(arms)} arms"
        sentences.append(f"Not evaluated yet: {count(len(missing), 'point')} of {of}, on the tasks that have any.")
    if apart:
        arms = [f"“{shown_name(arm, 60)}”" for arm in apart]
        sentences.append(f"Not compared, since they have no point in common with the baseline: {listed(arms)}.")
    return sentences


def limits(comparisons: Sequence[ArmComparison]) -> list[str]:
    """Return sentences on the limits of these comparisons; each holds for all of them, or names the arms."""
    sentences = []
    if any(found.seeds < 2 for found in comparisons):
        sentences.append(
            "There is one seed (at least for some scores): the intervals do not include the variation between seeds."
        )
    if any(found.like_these is None for found in comparisons):
        sentences.append("One task says nothing about others: the claim is about this task only.")
    left: dict[tuple[str, ...], list[ArmComparison]] = {}
    for found in comparisons:
        if found.left_out:
            left.setdefault(found.left_out, []).append(found)
    for tasks, of in left.items():
        names = listed(
            [*(shown_name(task, 60) for task in tasks[:3]), *([f"{len(tasks) - 3} more"] if len(tasks) > 3 else [])]
        )
        arms = listed(list(dict.fromkeys(f"“{shown_name(found.arm)}”" for found in of)))
        sentences.append(f"Left out, since {arms} or the baseline has no scores there: {names}.")
    if dropped := sum(found.instances_left_out for found in comparisons):
        sentences.append(f"{count(dropped, 'score')} of instances that only one of two arms answered were left out.")
    if any(found.shared_seeds and found.seeds > 1 for found in comparisons):
        sentences.append("A seed's model answers several tasks, so seeds were resampled for all tasks together.")
    return sentences


def _harm(task: TaskComparison, top: float) -> str:
    return f"{shown_name(task.task)} ({difference_text(task.difference, top)})"


def _ends(need: LabelsNeeded) -> str:
    least, most = need.measured[0], need.measured[-1]
    return f" (95% {_end(need.low, least, most)} to {_end(need.high, least, most)})"


def _end(labels: float, least: int, most: int) -> str:
    if math.isinf(labels):
        return f"more than {most:,}"
    return f"at most {least:,}" if labels <= least and least > 0 else f"{labels:,.0f}"


def _labels_text(found: ArmComparison) -> str:
    return "With the most labels of each task, " if found.labels is None else f"With {_labels(found.labels)}, "


def _labels(number: int) -> str:
    return "no labels" if number == 0 else count(number, "label")


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def _signed(value: float) -> str:
    text = _number(value)
    return text if text.startswith("−") else f"+{text}"
