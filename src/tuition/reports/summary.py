"""Summarise a study's results in plain sentences, without claims that the numbers do not support."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from tuition.reports.curves import Curve, CurvePoint, learning_curves
from tuition.reports.many_arms import leading_arms
from tuition.reports.wording import count, listed, metric_title, score_text, shown_name
from tuition.studies.results import StudyResults


@dataclass(frozen=True, slots=True)
class Saving:
    """`arm` scored at least as high with `fewer` labels as `other` with `labels`.

    `clear` says that the two points' intervals do not overlap.
    """

    arm: str
    other: str
    fewer: CurvePoint
    labels: CurvePoint

    @property
    def saved(self) -> int:
        """The difference in labels between the two points."""
        return self.labels.labels - self.fewer.labels

    @property
    def clear(self) -> bool:
        """Whether the intervals of the two points do not overlap."""
        return self.fewer.low > self.labels.high


def label_saving(arm: Curve, other: Curve) -> Saving | None:
    """Return the labels that `arm` saves at equal score, using only measured points; None if it saves none.

    Of the points of `other` that score higher than all its points with fewer labels (otherwise it would need fewer
    labels itself), this is the one with the most labels that `arm` matches with fewer; and of the points of `arm` that
    match it, the one with the fewest. The question is that of Gupta et al. 2023, "Instruction Tuned Models are Quick
    Learners".
    """
    records: list[CurvePoint] = []
    for point in other.points:
        if not records or point.value > records[-1].value:
            records.append(point)
    for point in reversed(records):
        for mine in arm.points:
            if mine.labels < point.labels and mine.value >= point.value:
                return Saving(arm.arm, other.arm, mine, point)
    return None


def overview(results: StudyResults) -> str:
    """Return one paragraph on the whole study, in the first metric: its size, each arm's mean scores, labels saved.

    A study of one task gets that task's finding instead of means and counts.
    """
    curves = _primary(results)
    tasks, arms = (list(dict.fromkeys(getattr(c, name) for c in curves)) for name in ("task", "arm"))
    sentences = [_size(curves, len(tasks), len(arms))]
    leading = leading_arms(curves, results.baseline)
    many = len(leading) < len(arms)
    sentences += [_leading_only(leading, len(arms))] if many else []
    if len(tasks) == 1:
        return " ".join([*sentences, *findings(results).values()])
    arms = list(leading)
    means = [mean for arm in arms if (mean := _mean_ends(arm, curves, len(tasks)))]
    sentences += [f"Averaged over the tasks, {_ends_sentence(means, curves[0].metric)}"] if means else []
    if not many and len(arms) > 1 and len({point.labels for curve in curves for point in curve.points}) > 1:
        sentences += _savings_counts(_baseline(results, arms), arms, curves)
    return " ".join(sentences)


def findings(results: StudyResults) -> dict[str, str]:
    """Return for each task its arms' scores with the fewest and the most labels, and the labels saved.

    All scores are in the first metric.
    """
    curves = _primary(results)
    by_task = {}
    leading = leading_arms(curves, results.baseline)
    for task in dict.fromkeys(curve.task for curve in curves):
        mine = {curve.arm: curve for curve in curves if curve.task == task and curve.arm in leading}
        if not mine:
            continue
        ends = [_Ends(c.arm, *((p.labels, _score(p)) for p in (c.points[0], c.points[-1]))) for c in mine.values()]
        by_task[task] = " ".join([_ends_sentence(ends, curves[0].metric), *_savings(results, mine)])
    return by_task


@dataclass(frozen=True, slots=True)
class _Ends:
    """An arm's first and last point: the number of labels and the score as text."""

    arm: str
    first: tuple[int, str]
    last: tuple[int, str]


def _size(curves: Sequence[Curve], tasks: int, arms: int) -> str:
    points = [point for curve in curves for point in curve.points]
    budgets = sorted({point.labels for point in points})
    seeds = len({seed for point in points for seed in point.seeds})
    sizes = sorted({point.n for point in points})
    n = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    verb = "compares" if arms > 1 else "follows"
    labels = _labels(budgets[0]) if len(budgets) == 1 else f"{listed([f'{b:,}' for b in budgets])} labels"
    each = " each" if tasks > 1 and budgets != [0] else ""
    return (
        f"This study {verb} {count(arms, 'arm')} on {count(tasks, 'task')} with {labels}{each} "
        f"({count(seeds, 'seed')}); every score is over {n} test {'instance' if sizes == [1] else 'instances'}."
    )


def _leading_only(leading: Sequence[str], arms: int) -> str:
    return (
        f"{len(leading)} of the {arms} arms are shown at first: the baseline and those that end highest; the others "
        "are in folded sections, and all are in the table of scores."
    )


def _ends_sentence(arms: Sequence[_Ends], metric: str) -> str:
    """Return one sentence on the arms' first and last points; arms with the first arm's labels are written shorter."""
    parts, ends = [], (arms[0].first[0], arms[0].last[0])
    for own in arms:
        (least, start), (most, end) = own.first, own.last
        arm = f"“{shown_name(own.arm)}”"
        if own is arms[0]:
            part = f"{arm} scored {start} {metric_title(metric)} with {_labels(least)}"
            part += f" and {end} with {most:,}" if least != most else ""
        elif (least, most) == ends:
            part = f"{arm} {start} and {end}" if least != most else f"{arm} {start}"
        else:
            part = f"{arm} {start} with {_labels(least)}" + (f" and {end} with {most:,}" if least != most else "")
        parts.append(part)
    return f"{'; '.join(parts)}."


def _savings(results: StudyResults, mine: dict[str, Curve]) -> list[str]:
    if len(mine) < 2:
        return []
    if len({point.labels for curve in mine.values() for point in curve.points}) < 2:
        return ["One number of labels cannot show whether an arm saves any."]
    base = _baseline(results, list(mine))
    sentences = []
    for arm in _others(base, mine):
        forward, reverse = label_saving(mine[arm], mine[base]), label_saving(mine[base], mine[arm])
        sentences += [_saving_text(saving) for saving in (forward, reverse) if saving]
        if forward and reverse:
            sentences.append("The two curves cross, so neither arm saves labels throughout.")
    pair = "the other" if len(mine) == 2 else f"“{shown_name(base)}”, or it another,"
    return sentences or [f"At no measured point did an arm match {pair} with fewer labels: no saving shows."]


def _saving_text(saving: Saving) -> str:
    arm, other = shown_name(saving.arm), shown_name(saving.other)
    less, more = saving.fewer, saving.labels
    start = f"With {_labels(less.labels)} “{arm}” scored {_score(less)}, no less than “{other}” with {more.labels:,}"
    text = f"{start}, {_score(more)}: {count(saving.saved, 'label')} saved."
    n = f"n = {min(less.n, more.n):,}"
    if saving.clear:
        return f"{text} The two intervals do not overlap ({n})."
    return f"{text} The two intervals overlap ({n}), so this may be chance."


def _mean_ends(arm: str, curves: Sequence[Curve], tasks: int) -> _Ends | None:
    mine = [curve for curve in curves if curve.arm == arm]
    ends = {(curve.points[0].labels, curve.points[-1].labels) for curve in mine}
    if len(mine) < tasks or len(ends) > 1:
        return None  # a mean over some of the tasks would not be comparable with those of the other arms
    least, most = ends.pop()
    start, end = (fmean(curve.points[at].value for curve in mine) for at in (0, -1))
    return _Ends(arm, (least, f"{start:.1f}"), (most, f"{end:.1f}"))


def _savings_counts(base: str, arms: Sequence[str], curves: Sequence[Curve]) -> list[str]:
    """Return on how many tasks each arm saved labels against `base`; arms without savings share the last sentence."""
    by_task = {(curve.task, curve.arm): curve for curve in curves}
    sentences, nothing = [], []
    for arm in _others(base, arms):
        pairs = [(c, by_task[c.task, base]) for c in curves if c.arm == arm and (c.task, base) in by_task]
        forward = [saving for a, b in pairs if (saving := label_saving(a, b))]
        reverse = [saving for a, b in pairs if (saving := label_saving(b, a))]
        if not forward and not reverse:
            nothing.append(f"“{shown_name(arm)}”")
            continue
        (one, ones), (two, twos) = ((arm, forward), (base, reverse)) if forward else ((base, reverse), (arm, forward))
        start = (
            f"“{shown_name(one)}” matched “{shown_name(two)}” with fewer labels on {len(ones)} of {len(pairs)} tasks"
        )
        sentences.append(f"{start}{_overlap(ones)}; the reverse held on {len(twos) or 'none'}{_overlap(twos)}.")
    if nothing:
        sentences.append(f"Between “{shown_name(base)}” and {listed(nothing)} no saving of labels shows on any task.")
    return sentences


def _overlap(savings: Sequence[Saving]) -> str:
    clear = sum(saving.clear for saving in savings)
    if not savings:
        return ""
    return f" (with intervals that do not overlap on {clear})" if clear else " (with intervals that overlap)"


def _primary(results: StudyResults) -> list[Curve]:
    curves = learning_curves(results.scores)
    return [curve for curve in curves if curve.metric == curves[0].metric]


def _baseline(results: StudyResults, arms: Sequence[str]) -> str:
    return results.baseline if results.baseline in arms else arms[0]


def _others(base: str, arms: Iterable[str]) -> list[str]:
    return [arm for arm in arms if arm != base]


def _labels(number: int) -> str:
    return "no labels" if number == 0 else count(number, "label")


def _score(point: CurvePoint) -> str:
    return score_text(point.value, point.low, point.high)
