"""What comparisons of arms say, in plain sentences, and what they cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuition.evaluation.stats.comparisons import ArmComparison, Difference, TaskComparison
from tuition.evaluation.stats.factorial import FactorEffect
from tuition.evaluation.stats.label_savings import LabelsNeeded
from tuition.reports.wording import count, listed, shown_name

_LISTED = 10
_FEW = 4


def comparison_sentence(found: ArmComparison, *, top: float = 100.0) -> str:
    """Return one sentence on two arms: on how many tasks one is better, and by how much on the mean.

    Args:
        found: the comparison.
        top: what scores are multiplied by to be shown: 100 for scores in 0-1.
    """
    arm, baseline = f"“{shown_name(found.arm)}”", f"“{shown_name(found.baseline)}”"
    start = _labels_text(found)
    if found.same:
        return f"{start}{arm} and {baseline} are the same by construction: one model's answers stand for both."
    if len(found.tasks) == 1:
        only = found.tasks[0]
        verdict = {
            "better": f"{arm} is better",
            "worse": f"{arm} is worse",
            "undecided": "which is better cannot be decided",
        }[only.verdict]
        scores = f"{arm} scores {_number(only.arm * top)} and {baseline} {_number(only.baseline * top)}"
        return f"{start}{scores} on {shown_name(only.task)}: {difference_text(only.difference, top)}; {verdict}."
    better, worse = len(found.having("better")), len(found.having("worse"))
    tasks = f"{better} of {len(found.tasks)} tasks, worse on {worse or 'none'}"
    return f"{start}{arm} is better than {baseline} on {tasks}; mean {difference_text(found.overall, top)}."


def difference_text(difference: Difference, top: float = 100.0, level: float = 0.95) -> str:
    """Return a difference with its interval and no p: `+3.1, 95% 2.2 to 4.0`."""
    low, high = (_number(end * top) for end in (difference.low, difference.high))
    return f"{_signed(difference.mean * top)}, {100 * level:g}% {low} to {high}"


def interval_cell(mean: float, low: float, high: float, top: float = 100.0) -> str:
    """Return a difference with its interval in brackets, for a table's cell: `+3.1 (2.2 to 4.0)`."""
    return f"{_signed(mean * top)} ({_number(low * top)} to {_number(high * top)})"


def p_text(p: float) -> str:
    """Return a p-value to one or two figures: `0.03`, `0.0002`, `< 0.0001`."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.01 else f"{p:.2f}"


def harm_sentence(found: ArmComparison, *, top: float = 100.0) -> str:
    """Return one sentence on negative transfer: the tasks on which the arm is worse, each with its interval.

    It is empty where there are none.
    """
    if not found.harmed or len(found.tasks) == 1:
        return ""
    told = [_harm(task, top) for task in found.harmed[:_LISTED]]
    beyond = len(found.harmed) - len(told)
    told += [f"{beyond} more"] if beyond else []
    return f"{_labels_text(found)}“{shown_name(found.arm)}” hurts on {listed(told)}."


def saving_sentence(need: LabelsNeeded, *, top: float = 100.0) -> str:
    """Return one sentence on the labels that one arm saves at equal score, or on what was not measured for it."""
    arm, other = f"“{shown_name(need.arm)}”", f"“{shown_name(need.other)}”"
    reached = f"what {arm} has with {_labels(need.labels)} ({_number(need.score * top)})"
    least, most = need.measured[0], need.measured[-1]
    if math.isinf(need.needed):
        surely = f", and not surely with {need.low:,.0f}" if math.isinf(need.low) is False and need.low > least else ""
        return (
            f"{other} does not reach {reached} with up to {_labels(most)}{surely}: how many it needs is not within "
            "what was measured."
        )
    if need.needed <= least:
        return f"{other} has {reached} with {_labels(least)} already{_ends(need)}."
    saved = round(need.saved)
    worth = f"{count(saved, 'label')} saved" if saved > 0 else "none saved"
    worth += f", {-saved:,} more spent" if saved < 0 else ""
    return f"{other} needs {_labels(round(need.needed))}{_ends(need)} for {reached}: {worth}."


def needed_text(need: LabelsNeeded) -> str:
    """Return the labels needed with their interval, for a table's cell."""
    least, most = need.measured[0], need.measured[-1]
    needed, low, high = (_end(one, least, most) for one in (need.needed, need.low, need.high))
    told = needed if needed == low == high else f"{needed} ({low} to {high})"
    return told.replace("more than ", "> ").replace("at most ", "≤ ")


def effect_name(effect: FactorEffect) -> str:
    """Return what an effect changes, for a table's cell: `encoding: told, not plain`, and for an interaction both."""
    return " × ".join(
        f"{shown_name(name)}: {shown_name(level)}, not {shown_name(reference)}"
        for name, reference, level in effect.factors
    )


def effect_sentence(effect: FactorEffect, *, top: float = 100.0) -> str:
    """Return one sentence on a main effect or an interaction, with the settings that it is the mean of."""
    told = f"{_signed(effect.mean * top)}, 95% {_number(effect.low * top)} to {_number(effect.high * top)}"
    over = f"mean over {effect.settings} of {count(effect.possible, 'setting')} and {count(effect.tasks, 'task')}"
    name, reference, level = map(shown_name, effect.factors[0])
    start = "" if effect.labels is None else f"With {_labels(effect.labels)}, "
    start += f"{name} “{level}” instead of “{reference}”"
    if effect.same:
        return f"{start} changes nothing: the answers are those of the same models."
    if len(effect.factors) == 2:
        other, from_, to = map(shown_name, effect.factors[1])
        return f"{start} adds {told} more with {other} “{to}” than with “{from_}” ({over})."
    return f"{start}: {told} ({over})."


def drawn_sentence(comparisons: Sequence[ArmComparison]) -> str:
    """Return one sentence on what the intervals draw anew, so that nobody takes them for more than they are."""
    seeds = [found.seeds for found in comparisons]
    if not seeds:
        return ""
    within = "the instances of each" + (", and its seeds," if min(seeds) > 1 else "")
    level = f"{100 * comparisons[0].level:g}%"
    if all(found.like_these is None for found in comparisons):
        what = "instances" + (" and seeds" if min(seeds) > 1 else "")
        return f"Intervals are {level} and draw {what} anew: they are about this task alone."
    return (
        f"Intervals are {level}. Those of the mean difference resample tasks, and {within} with them: they are about "
        "tasks like these. Those of “these tasks alone” keep the tasks as they are. Arms are paired by task, instance "
        f"and seed. Tasks count as better or worse after correction ({comparisons[0].correction}) over the tasks of a "
        "row; p is corrected over the rows of its table."
    )


def transfer_sentence(found: Sequence[ArmComparison]) -> str:
    """Return one sentence on how often there was negative transfer, among all the comparisons of tasks."""
    # Arms that are one model without labels are counted once.
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
    """Return what is not judged yet, as (task, arm, labels, seed), and which arms share no point with the baseline."""
    told = []
    if missing:
        arms = list(dict.fromkeys(f"“{shown_name(arm, 60)}”" for _, arm, _, _ in missing))
        of = listed(arms) if len(arms) <= _FEW else f"{len(arms)} arms"
        told.append(f"Not evaluated yet: {count(len(missing), 'point')} of {of}, on the tasks that have any.")
    if apart:
        arms = [f"“{shown_name(arm, 60)}”" for arm in apart]
        told.append(f"Not compared, as no point is in common with the baseline: {listed(arms)}.")
    return told


def cannot_tell(comparisons: Sequence[ArmComparison]) -> list[str]:
    """Return what these comparisons leave open, in sentences that hold for all of them or name the arms."""
    told = []
    if any(found.seeds < 2 for found in comparisons):
        told.append(
            "There is one seed (for some scores at least): the intervals do not include what another seed would change."
        )
    if any(found.like_these is None for found in comparisons):
        told.append("One task says nothing about others: the claim is about this task alone.")
    left: dict[tuple[str, ...], list[ArmComparison]] = {}
    for found in comparisons:
        if found.left_out:
            left.setdefault(found.left_out, []).append(found)
    for tasks, of in left.items():
        names = listed(
            [*(shown_name(task, 60) for task in tasks[:3]), *([f"{len(tasks) - 3} more"] if len(tasks) > 3 else [])]
        )
        arms = listed(list(dict.fromkeys(f"“{shown_name(found.arm)}”" for found in of)))
        told.append(f"Left out, as {arms} or the baseline has no scores there: {names}.")
    if dropped := sum(found.instances_left_out for found in comparisons):
        told.append(f"{count(dropped, 'score')} of instances that only one of two arms answered were left out.")
    if any(found.shared_seeds and found.seeds > 1 for found in comparisons):
        told.append("A seed's model answers several tasks, so seeds were drawn for all tasks together.")
    return told


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
