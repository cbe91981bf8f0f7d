"""Each arm's mean score over tasks at each number of labels, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuition.base.seeds import derive_seed
from tuition.evaluation.stats.comparisons import WITHIN, Options
from tuition.evaluation.stats.hierarchical_bootstrap import hierarchical_interval
from tuition.evaluation.stats.instance_scores import InstanceScores
from tuition.evaluation.stats.resampling import LEVELS, Level


@dataclass(frozen=True, slots=True)
class MeanPoint:
    """An arm's mean score over `tasks` tasks with that number of labels.

    `low` and `high` resample instances and seeds: the interval is about exactly these tasks. `like_these` resamples the
    tasks too (None for a single task). Tasks differ more than arms do, so two such intervals rarely show whether two
    arms differ; `compare_arms` makes the paired comparison.
    """

    arm: str
    labels: int
    tasks: int
    mean: float
    low: float
    high: float
    like_these: tuple[float, float] | None


def mean_curves(
    scores: Sequence[InstanceScores],
    *,
    sizes: Sequence[int],
    shared_seeds: frozenset[str] = frozenset(),
    options: Options | None = None,
) -> tuple[MeanPoint, ...]:
    """Return the mean curve of every arm, over the tasks that have every point that any task has.

    If no task has all points, each point is the mean over the tasks that have it, and points are not comparable.

    Args:
        scores: the points of all arms.
        sizes: the numbers of labels to include.
        shared_seeds: the arms for which one seed's model answers several tasks.
        options: how the intervals are computed.
    """
    options = options or Options()
    points = {(one.task, one.arm, one.labels): one for one in scores if one.labels in sizes}
    wanted = {(arm, labels) for _, arm, labels in points}
    tasks = list(dict.fromkeys(task for task, _, _ in points))
    complete = [task for task in tasks if all((task, *point) in points for point in wanted)]
    curves = []
    for arm in dict.fromkeys(one.arm for one in scores):
        for labels in sizes:
            own = [points[task, arm, labels] for task in complete or tasks if (task, arm, labels) in points]
            if own:
                curves.append(_point(own, arm in shared_seeds, options))
    return tuple(curves)


def _point(own: Sequence[InstanceScores], shared: bool, options: Options) -> MeanPoint:
    shared = shared and len({one.seeds for one in own}) == 1

    def ends(drawn: tuple[Level, ...]) -> tuple[float, float, float]:
        interval = hierarchical_interval(
            [one.values for one in own],
            drawn=drawn,
            shared_seeds=shared,
            level=options.level,
            resamples=options.resamples,
            seed=derive_seed("mean", own[0].arm, own[0].labels, *drawn, options.seed),
            bounds=options.bounds,
        )
        return interval.mean, interval.low, interval.high

    like_these = ends(LEVELS)[1:] if len(own) > 1 else None
    return MeanPoint(own[0].arm, own[0].labels, len(own), *ends(WITHIN), like_these)
