"""Scores of single instances under one metric, as comparisons need them: a seeds × instances array per point."""

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
"""A measured point: task, arm, number of labels."""


@dataclass(frozen=True, slots=True)
class InstanceScores:
    """The scores of one arm's models on one task's instances with one number of labels.

    `values` has an axis for each of `seeds`, whose names are sorted, and a last axis for `instances`. There are several
    axes of seeds in studies that cross them: each sampling seed with each order seed and each initialisation seed.
    `answers` identifies the answers behind each seed's scores, where that is known: points with the same names have
    identical answers.
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
        """Return the scores of those instances, in that order; all of them must be present."""
        if instances == self.instances:
            return self
        position = {name: at for at, name in enumerate(self.instances)}
        values = self.values[..., [position[name] for name in instances]]
        return replace(self, instances=instances, values=values)

    def under(self, seeds: tuple[str, ...]) -> InstanceScores:
        """Return the scores of those seeds (of a single axis), in that order; all of them must be present."""
        if self.seeds == (seeds,):
            return self
        positions = [self.seeds[0].index(name) for name in seeds]
        answers = tuple(self.answers[at] for at in positions) if self.answers else ()
        return replace(self, seeds=(seeds,), values=self.values[positions], answers=answers)


def align(tasks: Sequence[Sequence[InstanceScores]], *, shared_seeds: bool) -> list[list[InstanceScores]]:
    """Return each task's points restricted to the instances and seeds that all of them have.

    Points with no seed in common are independent and keep their seeds. If seeds are shared between tasks, only those
    that all tasks have are kept. Tasks whose points have no instance in common are left out.
    """
    aligned = []
    for points in tasks:
        common = set.intersection(*(set(one.instances) for one in points))
        if common:
            instances = tuple(name for name in points[0].instances if name in common)
            aligned.append([one.among(instances) for one in points])
    if shared_seeds:
        everywhere = _common_seeds([one for points in aligned for one in points])
        return [[one.under(everywhere) for one in points] for points in aligned] if everywhere else aligned
    for points in aligned:
        if seeds := _common_seeds(points):
            points[:] = [one.under(seeds) for one in points]
    return aligned


def _common_seeds(points: Sequence[InstanceScores]) -> tuple[str, ...]:
    """Return the seeds that all points have; empty where a point has several seed axes or no seed is common."""
    if not points or any(len(one.seeds) > 1 for one in points):
        return ()
    common = set.intersection(*(set(one.seeds[0]) for one in points))
    return tuple(name for name in points[0].seeds[0] if name in common)


@dataclass(frozen=True, slots=True)
class ScoredInstance:
    """The score of one instance by one seed's model. `seed` has a name for each axis of seeds.

    `answers` identifies the scored answers, where that is known: several arms or seeds may have the same answers.
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
    """Group single scores by task, arm and labels, in order of first appearance.

    Seeds are on one axis, unless each row's seed has several names and every combination of them is present.

    Raises:
        ProblemsError: scores that are not finite, two scores for the same seed and instance, or instances that only
            some of a point's seeds answered; all of them together.
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
    gathered = []
    for point, by_seed in points.items():
        try:
            gathered.append(_point_scores(point, by_seed, {seed: answers[point, seed] for seed in by_seed}))
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    if not gathered:
        raise UserError("there is no score; a comparison needs the scores of single instances")
    return tuple(gathered)


def _point_scores(
    point: Point, by_seed: dict[tuple[str, ...], dict[str, float]], answers: dict[tuple[str, ...], str]
) -> InstanceScores:
    task, arm, labels = point
    seeds = list(by_seed)
    instances = tuple(by_seed[seeds[0]])
    for seed, own in by_seed.items():
        if own.keys() != by_seed[seeds[0]].keys():
            odd = next(iter(own.keys() ^ by_seed[seeds[0]].keys()))
            found = f"arm {clip(arm, 60)}, {labels} labels: seed {_seed(seed)} answered other instances than seed"
            expected = "all seeds of a point are evaluated on the same instances"
            raise ProblemsError([Problem("other-instances", f"{found} {_seed(seeds[0])}", expected, None, task, odd)])
    axes = tuple(tuple(sorted(set(names))) for names in zip(*seeds, strict=True))
    if math.prod(map(len, axes)) != len(seeds):
        order = sorted(seeds)
        axes = (tuple(_seed(seed) for seed in order),)
    else:
        order = list(itertools.product(*axes))
        axes = tuple(names for names in axes if len(names) > 1) or (axes[0],)
    values = np.array([[by_seed[seed][name] for name in instances] for seed in order])
    names = tuple(answers[seed] for seed in order) if all(answers.values()) else ()
    return InstanceScores(task, arm, labels, axes, instances, values.reshape(*map(len, axes), len(instances)), names)


def _seed(seed: tuple[str, ...]) -> str:
    return "/".join(clip(name, 20) for name in seed)


def _problem(row: ScoredInstance, kind: str, found: str, expected: str) -> Problem:
    found = f"arm {clip(row.arm, 60)}, {row.labels} labels, seed {_seed(row.seed)}: {found}"
    file, line = (row.place.file, row.place.line) if row.place else (None, None)
    return Problem(kind, found, expected, file, row.task, row.instance, line)
