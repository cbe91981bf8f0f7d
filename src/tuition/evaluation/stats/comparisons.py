"""Compare two arms on the same instances: on which tasks one is better, the mean difference, and its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError, clip
from tuition.base.seeds import derive_seed
from tuition.evaluation.stats.hierarchical_bootstrap import HierarchicalInterval, parts_interval
from tuition.evaluation.stats.instance_scores import InstanceScores, align
from tuition.evaluation.stats.resampling import LEVELS, Level, Parts, seeds_of
from tuition.evaluation.stats.significance import CORRECTIONS, Correction, sign_flip_p

_Floats: TypeAlias = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "undecided"]
WITHIN: tuple[Level, ...] = ("seeds", "instances")
"""The levels that are resampled for a claim about exactly these tasks."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of a − b with its interval, its two-sided p-value, and p corrected for the tests made together."""

    mean: float
    low: float
    high: float
    p: float
    corrected: float


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """Two arms on one task: their means, the difference, and whether it is significant after correction over tasks.

    `same` is True where both arms have identical answers, those of one model.
    """

    task: str
    labels: int
    arm: float
    baseline: float
    difference: Difference
    instances: int
    verdict: Verdict
    same: bool


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """An arm compared with a baseline, in the scores' own range.

    `labels` is the number of labels compared at, None for the most that both arms have for each task. `like_these` is
    the mean difference over tasks with an interval that resamples tasks, None for a single task; `these` has an
    interval for exactly these tasks. `left_out` are tasks for which only one arm has scores, or the arms have no common
    instance; `instances_left_out` counts the instances of other tasks that only one arm has. `seeds` is the smallest
    number of seeds behind a score: with one seed, no interval includes the variation between training runs.
    """

    arm: str
    baseline: str
    labels: int | None
    tasks: tuple[TaskComparison, ...]
    like_these: Difference | None
    these: Difference
    left_out: tuple[str, ...]
    instances_left_out: int
    seeds: int
    shared_seeds: bool
    correction: Correction
    level: float

    @property
    def same(self) -> bool:
        """Whether both arms have identical answers on all tasks."""
        return all(task.same for task in self.tasks)

    def having(self, verdict: Verdict) -> tuple[TaskComparison, ...]:
        """Return the tasks with that verdict, largest differences first."""
        found = [task for task in self.tasks if task.verdict == verdict]
        return tuple(sorted(found, key=lambda task: -abs(task.difference.mean)))

    @property
    def harmed(self) -> tuple[TaskComparison, ...]:
        """The tasks with negative transfer: the arm is significantly worse than its baseline, after correction."""
        return self.having("worse")

    @property
    def overall(self) -> Difference:
        """The mean difference with the most general claim possible: about tasks like these, else about this task."""
        return self.like_these or self.these


@dataclass(frozen=True, slots=True)
class Options:
    """How differences are tested.

    `shared_seeds` says that one seed's model answers all tasks. `bounds` are those of a score, None if unbounded.
    `resamples` is the number of resamples for an interval; `flips` the number of random sign patterns for a p-value,
    whose minimum is 1/(flips + 1).
    """

    shared_seeds: bool = False
    correction: Correction = "benjamini-hochberg"
    level: float = 0.95
    resamples: int = 2000
    flips: int = 9999
    seed: int = 0
    bounds: tuple[float, float] | None = (0.0, 1.0)
    lower_is_better: bool = False

    @property
    def difference_bounds(self) -> tuple[float, float] | None:
        """The bounds of a difference."""
        return None if self.bounds is None else (self.bounds[0] - self.bounds[1], self.bounds[1] - self.bounds[0])


def compare_arms(
    scores: Sequence[InstanceScores],
    arm: str,
    baseline: str,
    *,
    labels: int | None = None,
    options: Options | None = None,
) -> ArmComparison:
    """Compare an arm with a baseline on the tasks, instances and seeds that both have.

    The mean difference over tasks (with equal weights) is returned twice: with tasks resampled, a claim about tasks
    like these, and with only instances and seeds resampled, a claim about exactly these tasks. The p-value of the first
    flips the signs of the tasks' differences; that of the second, and of each task, flips those of instances. Sign
    flips ignore the variation between seeds, so with several seeds p is at least that of Student's t for the interval.
    The tasks' p-values are corrected; a task is significant if the corrected p is at most 1 − level.

    Args:
        scores: the points of all arms.
        arm: the arm to compare.
        baseline: the arm that it is compared with.
        labels: the number of labels to compare at; None for the most of each task that both arms have.
        options: how differences are tested.

    Raises:
        UserError: no task has scores of both arms with that number of labels.
    """
    options = options or Options()
    pairs, left_out, dropped = paired_points(scores, arm, baseline, labels, shared_seeds=options.shared_seeds)
    parts = [weighted_parts([a, b], np.array([[1.0], [-1.0]])) for a, b in pairs]
    same = [bool(a.answers) and a.answers == b.answers for a, b in pairs]
    seed = derive_seed("compare", arm, baseline, -1 if labels is None else labels, options.seed)
    by_task = [
        _NO_DIFFERENCE if identical else _difference(own, options, derive_seed(seed, a.task))
        for (a, _), own, identical in zip(pairs, parts, same, strict=True)
    ]
    corrected = CORRECTIONS[options.correction]([one.p for one in by_task])
    differences = [replace(own, corrected=p) for own, p in zip(by_task, corrected, strict=True)]

    def over_tasks(drawn: tuple[Level, ...], name: str) -> Difference:
        if all(same):
            return _NO_DIFFERENCE
        return by_task[0] if len(parts) == 1 else _over_tasks(parts, drawn, options, derive_seed(seed, name))

    return ArmComparison(
        arm=arm,
        baseline=baseline,
        labels=labels,
        tasks=tuple(
            TaskComparison(a.task, a.labels, a.mean, b.mean, own, len(a.instances), _verdict(own, options), identical)
            for (a, b), own, identical in zip(pairs, differences, same, strict=True)
        ),
        like_these=over_tasks(LEVELS, "tasks") if len(parts) > 1 else None,
        these=over_tasks(WITHIN, "these"),
        left_out=left_out,
        instances_left_out=dropped,
        seeds=min(seeds_of(part) for own in parts for part in own),
        shared_seeds=options.shared_seeds,
        correction=options.correction,
        level=options.level,
    )


def correct_overall(comparisons: Sequence[ArmComparison], correction: Correction) -> list[ArmComparison]:
    """Correct the p-values of mean differences for the number of comparisons made together."""
    wide = [one.like_these for one in comparisons if one.like_these]
    found = dict(zip(map(id, wide), CORRECTIONS[correction]([one.p for one in wide]), strict=True))
    these = CORRECTIONS[correction]([one.these.p for one in comparisons])
    return [
        replace(
            one,
            these=replace(one.these, corrected=p),
            like_these=one.like_these and replace(one.like_these, corrected=found[id(one.like_these)]),
        )
        for one, p in zip(comparisons, these, strict=True)
    ]


def paired_points(
    scores: Sequence[InstanceScores], arm: str, baseline: str, labels: int | None, *, shared_seeds: bool = False
) -> tuple[list[tuple[InstanceScores, InstanceScores]], tuple[str, ...], int]:
    """Return each task's points of two arms at the same number of labels, restricted to common instances and seeds.

    Also returned: the tasks left out, since only one arm has scores or there is no common instance; and the number of
    instances of the other tasks that only one arm has.

    Raises:
        UserError: an arm has no scores, or no task has scores of both arms.
    """
    sides = {name: {(one.task, one.labels): one for one in scores if one.arm == name} for name in (arm, baseline)}
    for name, own in sides.items():
        if not own:
            known = ", ".join(repr(clip(each, 60)) for each in dict.fromkeys(one.arm for one in scores))
            raise UserError(f"there are no scores of an arm {clip(name, 60)!r}; the arms are {known}")
    found, tasks = [], []
    for task in dict.fromkeys(one.task for one in scores if one.arm in sides):
        sizes = {name: {size for of, size in own if of == task} for name, own in sides.items()}
        both = sizes[arm] & sizes[baseline]
        at = max(both, default=None) if labels is None else labels if labels in both else None
        if at is not None:
            found.append([sides[arm][task, at], sides[baseline][task, at]])
        if at is not None or labels is None or labels in sizes[arm] | sizes[baseline]:
            tasks.append(task)
    pairs = [(a, b) for a, b in align(found, shared_seeds=shared_seeds)]
    kept = {a.task: len(a.instances) for a, _ in pairs}
    if not pairs:
        where = "the same number of labels" if labels is None else f"{labels} labels"
        raise UserError(
            f"no task has scores of both {clip(arm, 60)!r} and {clip(baseline, 60)!r} with {where} on a common instance"
        )
    dropped = sum(len(one.instances) - kept[one.task] for pair in found if pair[0].task in kept for one in pair)
    return pairs, tuple(task for task in tasks if task not in kept), dropped


def weighted_parts(points: Sequence[InstanceScores], weights: _Floats) -> Parts:
    """Return k weighted sums of a task's points (weights: points × k) as parts to resample.

    Points with the same seeds are paired by seed: their sum is one part. Other points are independent. All points must
    have the same instances, as `align` returns them.
    """
    by_seeds: dict[tuple[tuple[str, ...], ...], _Floats] = {}
    for point, own in zip(points, weights, strict=True):
        values = point.values[..., None] * own
        by_seeds[point.seeds] = by_seeds[point.seeds] + values if point.seeds in by_seeds else values
    return list(by_seeds.values())


_NO_DIFFERENCE = Difference(0.0, 0.0, 0.0, 1.0, 1.0)
"""The difference of a model from itself."""


def _difference(parts: Parts, options: Options, seed: int) -> Difference:
    interval = _interval([parts], WITHIN, options, seed)
    by_instance = _by_instance(parts)
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "signs")))
    p = _with_seeds(sign_flip_p(by_instance, resamples=options.flips, rng=rng), [parts], interval)
    return Difference(interval.mean, interval.low, interval.high, p, p)


def _over_tasks(tasks: Sequence[Parts], drawn: tuple[Level, ...], options: Options, seed: int) -> Difference:
    interval = _interval(tasks, drawn, options, seed)
    own = [_by_instance(parts) for parts in tasks]
    units = (
        np.array([one.mean() for one in own])
        if "tasks" in drawn
        else np.concatenate([one / (len(one) * len(own)) for one in own])
    )
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "signs")))
    p = sign_flip_p(units, resamples=options.flips, rng=rng)
    if "tasks" not in drawn or options.shared_seeds:  # the spread between tasks includes that of their own seeds
        p = _with_seeds(p, tasks, interval)
    return Difference(interval.mean, interval.low, interval.high, p, p)


def _interval(tasks: Sequence[Parts], drawn: tuple[Level, ...], options: Options, seed: int) -> HierarchicalInterval:
    return parts_interval(
        tasks,
        drawn=drawn,
        shared_seeds=options.shared_seeds,
        level=options.level,
        resamples=options.resamples,
        seed=seed,
        bounds=options.difference_bounds,
    )


def _by_instance(parts: Parts) -> _Floats:
    """Return the differences of instances, averaged over seeds."""
    differences: _Floats = np.sum([part.mean(axis=tuple(range(part.ndim - 2)))[:, 0] for part in parts], axis=0)
    return differences


def _with_seeds(p: float, tasks: Sequence[Parts], interval: HierarchicalInterval) -> float:
    """Return p, but with several seeds at least the p of a t-test with the interval's standard error."""
    if interval.error == 0 or not any(seeds_of(part) > 1 for own in tasks for part in own):
        return p
    from scipy.special import stdtr

    return max(p, min(1.0, 2 * float(stdtr(min(interval.freedom, 1e9), -abs(interval.mean) / interval.error))))


def _verdict(difference: Difference, options: Options) -> Verdict:
    if difference.corrected > 1 - options.level + 1e-12 or difference.mean == 0:
        return "undecided"
    return "better" if (difference.mean > 0) != options.lower_is_better else "worse"
