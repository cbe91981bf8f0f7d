"""Choose the rows that `tuition compare` prints for a study with many arms: those that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuition.evaluation.stats.factorial import FactorEffect
from tuition.reports.comparison import Answer, Compared, Factorial
from tuition.reports.many_arms import MANY_ARMS

_MAX_LISTED = 10


def few(answer: Answer) -> tuple[Answer, list[str]]:
    """Return the part of a comparison to print, and a note on each part that was shortened.

    Up to `MANY_ARMS` arms are all printed. Of more arms, those that differ most from the baseline are printed, and of
    interactions the largest; main effects are always all printed.
    """
    notes: list[str] = []
    comparisons, arms, total = _few_arms(answer.comparisons)
    if len(comparisons) < len(answer.comparisons):
        notes.append(f"of {total} arms against the baseline, the {len(arms)} that differ most are shown")
        curves = tuple(point for point in answer.curves if point.arm in {*arms, answer.baseline})
        answer = replace(answer, comparisons=comparisons, curves=curves)
    if answer.factorial:
        answer = replace(answer, factorial=_few_effects(answer.factorial, notes))
    return answer, notes


def _few_arms(compared: Sequence[Compared]) -> tuple[tuple[Compared, ...], list[str], int]:
    """Return the comparisons of the arms that differ most, these arms, and how many there are in all."""
    sizes: dict[str, float] = {}
    for one in compared:
        found = one.found
        size = 0.0 if found.same else abs(found.overall.mean)
        sizes[found.arm] = max(sizes.get(found.arm, 0.0), size)
    if len(sizes) <= MANY_ARMS:
        return tuple(compared), list(sizes), len(sizes)
    chosen = sorted(sizes, key=lambda arm: -sizes[arm])[:_MAX_LISTED]
    return tuple(one for one in compared if one.found.arm in chosen), chosen, len(sizes)


def _few_effects(factorial: Factorial, notes: list[str]) -> Factorial:
    transfer, arms, total = _few_arms(factorial.transfer)
    if len(transfer) < len(factorial.transfer):
        notes.append(f"of {total} arms with pre-finetuning, the {len(arms)} that it changes most are shown")
    single = [effect for effect in factorial.effects if len(effect.factors) == 1]
    crossed: dict[object, list[FactorEffect]] = {}
    for effect in factorial.effects:
        if len(effect.factors) > 1:
            crossed.setdefault(effect.factors, []).append(effect)
    effects = factorial.effects
    if len(crossed) > MANY_ARMS:
        by_size = sorted(crossed.values(), key=lambda own: -max(0.0 if e.same else abs(e.mean) for e in own))
        largest = by_size[:_MAX_LISTED]
        effects = (*single, *(effect for own in largest for effect in own))
        notes.append(f"of {len(crossed)} interactions, the {_MAX_LISTED} largest are shown")
    return replace(factorial, effects=effects, transfer=transfer)
