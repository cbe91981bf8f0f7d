"""Effects of factors (pre-finetuning, instructions, labels, …) on the score: main effects and interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tuition.base.errors import UserError, clip
from tuition.base.seeds import derive_seed
from tuition.evaluation.stats.comparisons import WITHIN, Options, weighted_parts
from tuition.evaluation.stats.hierarchical_bootstrap import parts_interval
from tuition.evaluation.stats.instance_scores import InstanceScores, align
from tuition.evaluation.stats.resampling import LEVELS, ROUNDING

_Floats: TypeAlias = npt.NDArray[np.float64]
Cell: TypeAlias = tuple[str, ...]
LABELS = "labels"
"""The name of the factor for the number of labels."""


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """How much the mean score over tasks changes when factors change from their reference level to another level.

    The effect is at a number of `labels`, or over all of them (None). `factors` has one (factor, reference, level) for
    a main effect and two for an interaction: how much more the first factor adds at the second's level than at its
    reference. `settings` of the `possible` combinations of the other factors have all the scores that this needs, and
    have equal weight in the mean. `tasks` is the number of tasks; with several, the interval resamples them. `same` is
    True where all compared scores are of identical answers, so that the effect is exactly 0.
    """

    labels: int | None
    factors: tuple[tuple[str, str, str], ...]
    mean: float
    low: float
    high: float
    settings: int
    possible: int
    tasks: int
    same: bool


def factor_effects(
    scores: Sequence[InstanceScores],
    arms: Mapping[str, Mapping[str, str]],
    *,
    labels: int | None = None,
    references: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> tuple[FactorEffect, ...]:
    """Return all main effects and pairwise interactions of a factorial design, with bootstrap intervals.

    A main effect is the mean difference between points that differ in one factor only; an interaction is the mean
    difference of such differences. The mean is over the settings of the other factors that were run, so the design may
    be incomplete. Tasks, with their instances and seeds, are resampled if there are at least two.

    Args:
        scores: the points of all arms; arms without factors are ignored.
        arms: each arm's level of every factor; effects are returned in the order of the factors.
        labels: the number of labels at which to compute effects; None for all of them, as a factor of their own.
        references: the reference level of each factor; by default the first that appears, and the fewest labels.
        options: how differences are tested.

    Raises:
        UserError: an arm lacks a factor, two arms have the same levels, a factor has one level, a reference is not a
            level of its factor, or no effect can be computed from the scores.
    """
    options = options or Options()
    names, cell_of = _cells(arms)
    points: dict[str, dict[Cell, InstanceScores]] = {}
    for one in scores:
        if one.arm in cell_of and labels in (None, one.labels):
            points.setdefault(one.task, {})[*cell_of[one.arm], str(one.labels)] = one
    sizes = sorted({int(cell[-1]) for own in points.values() for cell in own})
    levels = {name: list(dict.fromkeys(cell[at] for cell in cell_of.values())) for at, name in enumerate(names)}
    levels[LABELS] = [str(size) for size in sizes]
    _put_first(levels, references or {})
    chosen = _contrasts(levels)
    effects = [_effect(points, levels, one, options, labels) for one in chosen]
    found = tuple(effect for effect in effects if effect is not None)
    if not found:
        raise UserError("no task has scores of two points that differ in only one factor; no effect can be computed")
    return found


def _cells(arms: Mapping[str, Mapping[str, str]]) -> tuple[list[str], dict[str, Cell]]:
    names = list(dict.fromkeys(name for own in arms.values() for name in own))
    if LABELS in names:
        raise UserError(f"the factor {LABELS!r} is the number of labels of a score; give another factor another name")
    found: dict[Cell, str] = {}
    for arm, own in arms.items():
        if missing := [name for name in names if name not in own]:
            raise UserError(f"arm {clip(arm, 60)!r} has no level of the factor {clip(missing[0], 60)!r}; give it one")
        cell = tuple(str(own[name]) for name in names)
        if cell in found:
            raise UserError(f"arms {clip(found[cell], 60)!r} and {clip(arm, 60)!r} have the same levels of all factors")
        found[cell] = arm
    return names, {arm: cell for cell, arm in found.items()}


def _put_first(levels: dict[str, list[str]], references: Mapping[str, str]) -> None:
    for name, level in references.items():
        if name not in levels or level not in levels[name]:
            known = ", ".join(levels.get(name, list(levels)))
            raise UserError(f"the reference {clip(name, 40)} = {clip(level, 40)!r} is unknown; known are {known}")
        levels[name].remove(level)
        levels[name].insert(0, level)
    if alone := [name for name, own in levels.items() if name != LABELS and len(own) < 2]:
        raise UserError(f"the factor {clip(alone[0], 60)!r} has only one level, so it has no effect; leave it out")


def _contrasts(levels: Mapping[str, Sequence[str]]) -> list[tuple[tuple[str, str, str], ...]]:
    """Return the factors that each effect changes, with reference and level: main effects, then interactions."""
    changes = {name: [(name, own[0], level) for level in own[1:]] for name, own in levels.items()}
    mains = [(change,) for own in changes.values() for change in own]
    pairs = [pair for one, two in combinations(changes.values(), 2) for pair in product(one, two)]
    return [*mains, *pairs]


def _effect(
    points: Mapping[str, Mapping[Cell, InstanceScores]],
    levels: Mapping[str, Sequence[str]],
    chosen: tuple[tuple[str, str, str], ...],
    options: Options,
    labels: int | None,
) -> FactorEffect | None:
    """Return the effect over the settings and tasks that have what it needs, or None where none has."""
    changed = {name: (reference, level) for name, reference, level in chosen}
    others = list(product(*([None] if name in changed else own for name, own in levels.items())))
    settings = []
    for other in others:
        cells: dict[Cell, float] = {}
        for which in product((0, 1), repeat=len(chosen)):
            picked = iter(which)
            cell = tuple(
                changed[name][next(picked)] if own is None else own for name, own in zip(levels, other, strict=True)
            )
            cells[cell] = (-1.0) ** (len(chosen) - sum(which))
        settings.append(cells)
    # Keep the settings that some task has in full; then keep the tasks that have all kept settings.
    kept = [cells for cells in settings if any(own.keys() >= cells.keys() for own in points.values())]
    needed = {cell for cells in kept for cell in cells}
    weights = _weights(kept)
    tasks = [[own[cell] for cell in weights] for own in points.values() if kept and own.keys() >= needed]
    tasks = align(tasks, shared_seeds=options.shared_seeds)
    if not tasks:
        return None
    counts = (len(kept), len(settings), len(tasks))
    if all(_cancels(own, list(weights.values())) for own in tasks):
        return FactorEffect(labels, chosen, 0.0, 0.0, 0.0, *counts, same=True)
    column = np.array([[weight] for weight in weights.values()])
    parts = [weighted_parts(own, column) for own in tasks]
    fold, reach = 2 ** (len(chosen) - 1), options.difference_bounds
    interval = parts_interval(
        parts,
        drawn=LEVELS if len(parts) > 1 else WITHIN,
        shared_seeds=options.shared_seeds,
        level=options.level,
        resamples=options.resamples,
        seed=derive_seed("effect", str(labels), *(text for change in chosen for text in change), options.seed),
        bounds=reach and (fold * reach[0], fold * reach[1]),
    )
    return FactorEffect(labels, chosen, interval.mean, interval.low, interval.high, *counts, same=False)


def _weights(settings: Sequence[Mapping[Cell, float]]) -> dict[Cell, float]:
    weights: dict[Cell, float] = {}
    for cells in settings:
        for cell, sign in cells.items():
            weights[cell] = weights.get(cell, 0.0) + sign / len(settings)
    return weights


def _cancels(points: Sequence[InstanceScores], weights: Sequence[float]) -> bool:
    """Whether the weighted sum cancels, since identical answers are compared with themselves."""
    sums: dict[tuple[str, ...], float] = {}
    for point, weight in zip(points, weights, strict=True):
        sums[point.answers] = sums.get(point.answers, 0.0) + weight
    return () not in sums and all(abs(weight) < ROUNDING for weight in sums.values())
