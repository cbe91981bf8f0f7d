"""Compare a study's arms: with a baseline, and by the factors that they cross."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuition.base.errors import UserError, clip
from tuition.base.names import full_name
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.stats.comparisons import ArmComparison, Options, compare_arms, correct_overall
from tuition.evaluation.stats.factorial import FactorEffect, factor_effects
from tuition.evaluation.stats.instance_scores import InstanceScores
from tuition.evaluation.stats.label_savings import LabelsNeeded, labels_needed
from tuition.evaluation.stats.mean_curves import MeanPoint, mean_curves
from tuition.evaluation.stats.significance import CORRECTIONS
from tuition.reports.arm_factors import PRE_FINETUNING, Design, study_design
from tuition.reports.instance_source import InstanceSource, read_instance_scores


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare: a study's folder or a table of instance scores, the baseline arm, and the number of labels.

    `factors` requests the effects of the factors that the arms cross; `factor_names` are the names of the parts of
    arms' names. `resamples` is the number of resamples for every interval.
    """

    source: Path
    baseline: str | None = None
    labels: int | None = None
    metric: str | None = None
    correction: str = "benjamini-hochberg"
    factors: bool = False
    factor_names: tuple[str, ...] = ()
    resamples: int = 2000


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of an arm with another at a number of labels, and the labels the other needs for its score."""

    found: ArmComparison
    need: LabelsNeeded | None


@dataclass(frozen=True, slots=True)
class Factorial:
    """The effects of a design's factors, and each pre-finetuned arm compared with the same arm without it."""

    design: Design
    effects: tuple[FactorEffect, ...]
    transfer: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The mean curves of all arms, every arm compared with the baseline, and the effects of factors if requested.

    `apart` are arms that have no point in common with the baseline.
    """

    source: InstanceSource
    baseline: str
    curves: tuple[MeanPoint, ...]
    comparisons: tuple[Compared, ...]
    apart: tuple[str, ...]
    factorial: Factorial | None


def compare_source(question: Question) -> Answer:
    """Read scores and compare every arm with the baseline, at each number of labels or at the chosen one.

    Raises:
        UserError: the source, baseline, metric or correction is unknown, or arms cannot be compared.
        ProblemsError: rows of the source are invalid.
    """
    source = read_instance_scores(question.source, metric=question.metric)
    options = _options(source, question)
    requested = question.baseline
    baseline = source.arms[0] if requested is None else full_name(requested, source.arms, "arm", "--baseline")
    others = [arm for arm in source.arms if arm != baseline]
    if not others:
        raise UserError(f"{question.source}: {clip(baseline, 60)!r} is the only arm; a comparison needs two")
    compared: list[Compared] = []
    apart = []
    for arm in others:
        own = _compare(source, arm, baseline, question.labels, options)
        compared += own
        apart += [] if own else [arm]
    if not compared:
        where = "" if question.labels is None else f" with {question.labels} labels"
        raise UserError(
            f"{question.source}: no other arm was evaluated on the same tasks as {clip(baseline, 60)!r}{where}"
        )
    sizes = _usual_sizes(source.scores) if question.labels is None else [question.labels]
    return Answer(
        source=source,
        baseline=baseline,
        curves=mean_curves(source.scores, sizes=sizes, shared_seeds=source.shared_seeds, options=options),
        comparisons=_corrected(compared, options),
        apart=tuple(apart),
        factorial=_factorial(source, question, sizes, options) if question.factors or question.factor_names else None,
    )


def _options(source: InstanceSource, question: Question) -> Options:
    named = next((name for name in CORRECTIONS if name == question.correction), None)
    if named is None:
        raise UserError(f"--correction {clip(question.correction, 40)!r}: give one of {', '.join(CORRECTIONS)}")
    metric = METRICS[source.metric] if source.metric in METRICS else None  # noqa: SIM401 (a Registry has no get)
    if metric is not None and metric.corpus is not None:
        raise UserError(
            f"{metric.name} is not a mean over instances, so arms cannot be compared instance by instance; choose "
            f"another --metric of {', '.join(source.metrics)}"
        )
    return Options(
        correction=named,
        resamples=question.resamples,
        bounds=(0.0, 1.0) if source.top == 100 else None,
        lower_is_better=bool(metric and metric.lower_is_better),
    )


def _compare(source: InstanceSource, arm: str, other: str, labels: int | None, options: Options) -> list[Compared]:
    """Compare two arms at each number of labels that both have, or at one; empty if there is none."""
    options = replace(options, shared_seeds=bool({arm, other} & source.shared_seeds))
    own = {name: {(one.task, one.labels) for one in source.scores if one.arm == name} for name in (arm, other)}
    both = own[arm] & own[other]
    sizes = _sizes(both if labels is None else {(task, size) for task, size in both if size == labels})
    return [
        Compared(
            compare_arms(source.scores, arm, other, labels=size, options=options),
            _need(source.scores, arm, other, size, options),
        )
        for size in sizes
    ]


def _sizes(both: set[tuple[str, int]]) -> list[int | None]:
    """Return the numbers of labels that at least half of the tasks have, and None for the most labels of each task.

    None is included only if some task has its most labels at a number that few tasks have. If all tasks end at common
    numbers, though at different ones, the run is only partly finished and None would add nothing.
    """
    if not both:
        return []
    tasks = {task for task, _ in both}
    counts = Counter(size for _, size in both)
    sizes: list[int | None] = [*sorted(size for size, number in counts.items() if 2 * number >= len(tasks))]
    most = {max(size for of, size in both if of == task) for task in tasks}
    return sizes if most <= set(sizes) else [*sizes, None]


def _usual_sizes(scores: Sequence[InstanceScores]) -> list[int]:
    """Return the numbers of labels that at least half of the tasks have with some arm."""
    counts = Counter(size for _, size in {(one.task, one.labels) for one in scores})
    tasks = len({one.task for one in scores})
    return sorted(size for size, number in counts.items() if 2 * number >= tasks)


def _need(
    scores: Sequence[InstanceScores], arm: str, other: str, labels: int | None, options: Options
) -> LabelsNeeded | None:
    """Return how many labels another arm needs for the arm's score; None if it has no learning curve."""
    if labels is None or len({one.labels for one in scores if one.arm == other}) < 2:
        return None
    try:
        return labels_needed(scores, arm, other, labels, options=options)
    except UserError:  # it has only one point on the arm's tasks, so there is no curve yet
        return None


def _corrected(compared: Sequence[Compared], options: Options) -> tuple[Compared, ...]:
    corrected = correct_overall([one.found for one in compared], options.correction)
    return tuple(replace(one, found=found) for one, found in zip(compared, corrected, strict=True))


def _factorial(source: InstanceSource, question: Question, sizes: Sequence[int], options: Options) -> Factorial:
    """Return effects at each number of labels and, if there are several, over all of them; and negative transfer."""
    arms = [arm for arm in source.arms if " · " not in arm]  # probes change an arm's prompts: they are not in a design
    design = study_design(arms, source.stages, question.factor_names)
    scores = [one for one in source.scores if one.labels in sizes]
    options = replace(options, shared_seeds=bool(source.shared_seeds.intersection(arms)))
    effects: list[FactorEffect] = []
    for at in [*sizes, *([None] if len(sizes) > 1 else [])]:
        try:
            effects += factor_effects(scores, design.arms, labels=at, references=design.references, options=options)
        except UserError:  # with these labels, too few arms are evaluated yet
            continue
    if not effects:
        raise UserError(f"{question.source}: no task was evaluated with two arms that differ in only one factor")
    pairs = design.without(PRE_FINETUNING)
    transfer = [one for arm, other in pairs.items() for one in _compare(source, arm, other, question.labels, options)]
    return Factorial(design, tuple(effects), _corrected(transfer, options) if transfer else ())
