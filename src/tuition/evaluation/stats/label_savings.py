"""Labels saved at equal score: how many labels one arm needs to reach another arm's score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError, clip
from tuition.base.seeds import derive_seed
from tuition.evaluation.stats.comparisons import WITHIN, Options, weighted_parts
from tuition.evaluation.stats.instance_scores import InstanceScores, align
from tuition.evaluation.stats.resampling import LEVELS, resample

_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelsNeeded:
    """How many labels `other` needs to reach the mean score over `tasks` that `arm` has with `labels`.

    `needed`, and the ends of its interval, lie between the fewest and the most labels that `other` was measured with.
    The fewest means "that many or fewer", and infinity means more than the most: both are outside the measured range.
    With several tasks the interval is about tasks like these, else about this task.
    """

    arm: str
    other: str
    labels: int
    score: float
    needed: float
    low: float
    high: float
    measured: tuple[int, ...]
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def saved(self) -> float:
        """The labels that `arm` saves: negative where it needs more, infinite where `other` never reaches its score."""
        return self.needed - self.labels


def labels_needed(
    scores: Sequence[InstanceScores], arm: str, other: str, labels: int, *, options: Options | None = None
) -> LabelsNeeded:
    """Find where the learning curve of `other`, averaged over tasks, first reaches the score of `arm` with `labels`.

    Between measured numbers of labels the curve is interpolated linearly in their logarithm, and in the number itself
    below the smallest positive one. Both arms' curves are resampled together, with the same tasks, seeds and instances;
    the interval runs between percentiles of the points where the resampled curves cross.

    Raises:
        UserError: no task has both that point of `arm` and at least two numbers of labels of `other`.
    """
    options = options or Options()
    points = {(one.task, one.arm, one.labels): one for one in scores}
    with_arm = [task for task in dict.fromkeys(one.task for one in scores) if (task, arm, labels) in points]
    sizes = _common_sizes(points, with_arm, other)
    tasks = [task for task in with_arm if all((task, other, size) in points for size in sizes)]
    if not tasks or len(sizes) < 2:
        raise UserError(
            f"there is no learning curve to compare with: {clip(other, 60)!r} needs scores with at least two numbers "
            f"of labels on tasks for which {clip(arm, 60)!r} has scores with {labels}"
        )
    weights = np.eye(len(sizes) + 1)
    aligned = align(
        [[points[task, arm, labels], *(points[task, other, size] for size in sizes)] for task in tasks],
        shared_seeds=options.shared_seeds,
    )
    if not aligned:
        raise UserError(f"{clip(arm, 60)!r} and {clip(other, 60)!r} have no instance in common")
    parts = [weighted_parts(own, weights) for own in aligned]
    tasks = [own[0].task for own in aligned]
    rng = np.random.Generator(np.random.PCG64(derive_seed("labels needed", arm, other, labels, options.seed)))
    resampled = resample(
        parts,
        drawn=LEVELS if len(parts) > 1 else WITHIN,
        shared_seeds=options.shared_seeds,
        resamples=options.resamples,
        rng=rng,
    )
    sign = -1.0 if options.lower_is_better else 1.0
    curves = sign * np.vstack([resampled.observed, resampled.draws(options.level)])
    crossings = first_crossing(sizes, curves[:, 1:], curves[:, 0])
    tail = (1 - options.level) / 2
    # Percentiles are resampled values themselves, since there is nothing between a number and infinity.
    low, high = np.quantile(crossings[1:], [tail, 1 - tail], method="inverted_cdf")
    return LabelsNeeded(
        arm=arm,
        other=other,
        labels=labels,
        score=float(resampled.observed[0]),
        needed=float(crossings[0]),
        low=float(low),
        high=float(high),
        measured=tuple(sizes),
        tasks=tuple(tasks),
        left_out=tuple(task for task in with_arm if task not in set(tasks)),
    )


def first_crossing(labels: Sequence[int], curves: _Floats, targets: _Floats) -> _Floats:
    """Return the number of labels at which each curve first reaches its target; infinity where it does not.

    Args:
        labels: increasing numbers of labels.
        curves: the scores at these, (curves × labels).
        targets: one for each curve.
    """
    found: _Floats = np.full(len(curves), math.inf)
    found[curves[:, 0] >= targets] = labels[0]
    for at in range(1, len(labels)):
        fewer, more, below, above = labels[at - 1], labels[at], curves[:, at - 1], curves[:, at]
        here = np.isinf(found) & (above >= targets)
        share = (targets[here] - below[here]) / (above[here] - below[here])
        found[here] = fewer * (more / fewer) ** share if fewer > 0 else more * share
    return found


def _common_sizes(points: dict[tuple[str, str, int], InstanceScores], tasks: Sequence[str], other: str) -> list[int]:
    """Return the numbers of labels that an arm has on most tasks, so that a few small tasks do not shorten curves."""
    counts: dict[int, int] = {}
    wanted = set(tasks)
    for task, arm, size in points:
        if arm == other and task in wanted:
            counts[size] = counts.get(size, 0) + 1
    return sorted(size for size, count in counts.items() if 2 * count > max(counts.values()))
