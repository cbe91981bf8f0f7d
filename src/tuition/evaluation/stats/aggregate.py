"""Aggregation: scores per task, category, dataset, language track and overall, each with how it was averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tuition.base.seeds import derive_seed
from tuition.evaluation.metric_scores import bounds_of, statistic_of
from tuition.evaluation.stats.intervals import Statistic, interval_of, macro_of
from tuition.tasks.types import Task

Level = Literal["overall", "task", "category", "dataset", "language"]
"""What instances are grouped by."""
LEVELS: tuple[Level, ...] = get_args(Level)

Average = Literal["micro", "macro"]
"""`micro`: every instance has the same weight; `macro`: every task has, as in Super-NaturalInstructions."""

ENGLISH, CROSS_LINGUAL = "English", "cross-lingual"


@dataclass(frozen=True, slots=True)
class Place:
    """The groups that an instance belongs to; unknown ones are empty."""

    task: str = ""
    category: str = ""
    dataset: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A metric's score over a group of instances, in 0-100, with its 95% bootstrap interval.

    `n` counts instances and `tasks` the tasks that they are from. `average` says what has equal weight: instances
    (`micro`: the mean over instances, or a corpus metric's score of all of them) or tasks (`macro`: the mean of the
    tasks' scores). The interval resamples instances, for `macro` within their tasks; tasks are not resampled.
    """

    metric: str
    level: Level
    group: str
    average: Average
    value: float
    low: float
    high: float
    n: int
    tasks: int


def place_of(task: Task) -> Place:
    """Return the groups of a task's instances: its first category, its source datasets, and its language track.

    As in Super-NaturalInstructions, a task whose input and output languages are only English is in the English track,
    any other in the cross-lingual track; a task without languages is in neither.
    """
    languages = {*task.input_languages, *task.output_languages}
    track = "" if not languages else ENGLISH if languages == {"English"} else CROSS_LINGUAL
    return Place(task.name, task.categories[0] if task.categories else "", ", ".join(task.sources), track)


def aggregate(
    scores: Mapping[str, Sequence[float]],
    places: Sequence[Place],
    *,
    levels: Sequence[Level] = LEVELS,
    seed: int = 0,
) -> list[GroupScore]:
    """Return the scores of all groups at those levels: micro and, where a group has several tasks, macro averages.

    Args:
        scores: by metric, one score per instance, as `score_instances` returns them.
        places: the groups of each instance, in the same order.
        levels: what instances are grouped by.
        seed: the seed of the resampling, together with the metric and the group.

    Raises:
        UserError: there is no instance.
        ValueError: scores and places differ in number.
    """
    aggregated: list[GroupScore] = []
    for metric, values in scores.items():
        if len(values) != len(places):
            raise ValueError(f"{len(values)} scores of {metric} but {len(places)} places; give one to each")
        for level in levels:
            for group, members in _groups(places, level).items():
                aggregated += _averages(metric, values, places, level, group, members, seed)
    return aggregated


def _groups(places: Sequence[Place], level: Level) -> dict[str, list[int]]:
    """Return the positions of each group's instances, in the order in which groups first appear."""
    groups: dict[str, list[int]] = {}
    for at, place in enumerate(places):
        groups.setdefault("" if level == "overall" else getattr(place, level), []).append(at)
    return groups


def _averages(
    metric: str,
    values: Sequence[float],
    places: Sequence[Place],
    level: Level,
    group: str,
    members: Sequence[int],
    seed: int,
) -> list[GroupScore]:
    by_task: dict[str, list[int]] = {}
    for at in members:
        by_task.setdefault(places[at].task, []).append(at)
    averages: list[tuple[Average, Statistic]] = [("micro", statistic_of(metric, values, members))]
    if len(by_task) > 1:
        averages.append(("macro", macro_of([statistic_of(metric, values, own) for own in by_task.values()])))
    scores = []
    for average, statistic in averages:
        interval = interval_of(
            statistic, seed=derive_seed("bootstrap", metric, level, group, average, seed), bounds=bounds_of(metric)
        )
        ends = (100 * interval.mean, 100 * interval.low, 100 * interval.high)
        scores.append(GroupScore(metric, level, group, average, *ends, interval.n, len(by_task)))
    return scores
