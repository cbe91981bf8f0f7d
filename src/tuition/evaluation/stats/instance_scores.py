"""Scores of single instances under one metric, as comparisons need them: seeds × instances of each point."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import Problem, ProblemsError, UserError, clip

_Floats: TypeAlias = npt.NDArray[np.float64]
Point: TypeAlias = tuple[str, str, int]
"""What is measured: task, arm, number of labels."""


@dataclass(frozen=True, slots=True)
class InstanceScores:
    """What the models of one arm scored on one task's instances with one number of labels.

    `values` has an axis for each of `seeds`, whose names stand sorted, and a last one for `instances`. Several axes of
    seeds are for studies that cross them: each seed of sampling with each of order and of initialisation. `answers`
    names the answers that each seed's scores are of, where that is known: points of the same names are one point.
    """

    task: str
    arm: str
    labels: int
    seeds: tuple[tuple[str, ...], ...]
    instances: tuple[str, ...]
    values: _Floats = field(repr=False)
    answers: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """The mean over seeds and instances."""
        return float(self.values.mean())

    def among(self, instances: tuple[str, ...]) -> InstanceScores:
        """Return the scores of those instances, in that order; each must be there."""
        if instances == self.instances:
            return self
        place = {name: at for at, name in enumerate(self.instances)}
        values = self.values[..., [place[name] for name in instances]]
        return replace(self, instances=instances, values=values)

    def under(self, seeds: tuple[str, ...]) -> InstanceScores:
        """Return the scores under those seeds of its one axis of seeds, in that order; each must be there."""
        if self.seeds == (seeds,):
            return self
        places = [self.seeds[0].index(name) for name in seeds]
        answers = tuple(self.answers[at] for at in places) if self.answers else ()
        return replace(self, seeds=(seeds,), values=self.values[places], answers=answers)


def align(tasks: Sequence[Sequence[InstanceScores]], *, shared_seeds: bool) -> list[list[InstanceScores]]:
    """Return each task's points with the instances, and with the seeds, that all of them have.

    Points that have no seed in common stay as they are: they are independent. Where seeds are shared by tasks, only
    those remain that all tasks have. Tasks whose points have no instance in common are left out.
    """
    made = []
    for points in tasks:
        common = set.intersection(*(set(one.instances) for one in points))
        if common:
            instances = tuple(name for name in points[0].instances if name in common)
            made.append([one.among(instances) for one in points])
    if shared_seeds:
        everywhere = _common_seeds([one for points in made for one in points])
        return [[one.under(everywhere) for one in points] for points in made] if everywhere else made
    for points in made:
        if seeds := _common_seeds(points):
            points[:] = [one.under(seeds) for one in points]
    return made


def _common_seeds(points: Sequence[InstanceScores]) -> tuple[str, ...]:
    """Return the seeds that all points have; none where a point has several axes of them, or nothing in common."""
    if not points or any(len(one.seeds) > 1 for one in points):
        return ()
    common = set.intersection(*(set(one.seeds[0]) for one in points))
    return tuple(name for name in points[0].seeds[0] if name in common)


@dataclass(frozen=True, slots=True)
class ScoredInstance:
    """One score: of an instance, by a seed's model. `seed` has a name for each axis of seeds.

    `answers` names what was scored, where that is known: the same answers may stand under several arms or seeds.
    """

    task: str
    arm: str
    labels: int
    seed: tuple[str, ...]
    instance: str
    value: float
    answers: str = ""
    place: Problem | None = None


def gather_scores(rows: Iterable[ScoredInstance]) -> tuple[InstanceScores, ...]:
    """Put single scores together by task, arm and labels, in the order in which these first appear.

    Seeds stand on one axis, unless each row's seed has several names and every combination of them is there.

    Raises:
        ProblemsError: scores that are no finite numbers, two scores for one place, or instances that only some of a
            point's seeds answered; all of them together.
        UserError: there is no row.
    """
    points: dict[Point, dict[tuple[str, ...], dict[str, float]]] = {}
    answers: dict[tuple[Point, tuple[str, ...]], str] = {}
    problems: list[Problem] = []
    for row in rows:
        if not math.isfinite(row.value):
            problems.append(_problem(row, "no-score", f"the score is {row.value}", "every instance has a finite score"))
            continue
        point = row.task, row.arm, row.labels
        own = points.setdefault(point, {}).setdefault(row.seed, {})
        answers[point, row.seed] = row.answers
        if row.instance in own:
            problems.append(_problem(row, "two-scores", "a second score for it", "each seed has one score of each"))
        own.setdefault(row.instance, row.value)
    made = []
    for point, by_seed in points.items():
        try:
            made.append(_gathered(point, by_seed, {seed: answers[point, seed] for seed in by_seed}))
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    if not made:
        raise UserError("there is no score; a comparison needs the scores of single instances")
    return tuple(made)


def _gathered(
    point: Point, by_seed: dict[tuple[str, ...], dict[str, float]], answers: dict[tuple[str, ...], str]
) -> InstanceScores:
    task, arm, labels = point
    seeds = list(by_seed)
    instances = tuple(by_seed[seeds[0]])
    for seed, own in by_seed.items():
        if own.keys() != by_seed[seeds[0]].keys():
            odd = next(iter(own.keys() ^ by_seed[seeds[0]].keys()))
            found = f"arm {clip(arm, 60)}, {labels} labels: seed {_seed(seed)} answered other instances than seed"
            expected = "all seeds of a point are judged on the same instances"
            raise ProblemsError([Problem("other-instances", f"{found} {_seed(seeds[0])}", expected, None, task, odd)])
    axes = tuple(tuple(sorted(set(names))) for names in zip(*seeds, strict=True))
    if math.prod(map(len, axes)) != len(seeds):
        order = sorted(seeds)
        axes = (tuple(_seed(seed) for seed in order),)
    else:
        order = list(itertools.product(*axes))
        axes = tuple(names for names in axes if len(names) > 1) or (axes[0],)
    values = np.array([[by_seed[seed][name] for name in instances] for seed in order])
    told = tuple(answers[seed] for seed in order) if all(answers.values()) else ()
    return InstanceScores(task, arm, labels, axes, instances, values.reshape(*map(len, axes), len(instances)), told)


def _seed(seed: tuple[str, ...]) -> str:
    return "/".join(clip(name, 20) for name in seed)


def _problem(row: ScoredInstance, kind: str, found: str, expected: str) -> Problem:
    found = f"arm {clip(row.arm, 60)}, {row.labels} labels, seed {_seed(row.seed)}: {found}"
    file, line = (row.place.file, row.place.line) if row.place else (None, None)
    return Problem(kind, found, expected, file, row.task, row.instance, line)
