"""Which pending steps may run at once: those that put an adapter of one kind and shape on the same model."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import replace

from tuition.models.tuners import TUNERS
from tuition.studies.planning.steps import EvaluateStep, ParentStep, Step, TrainStep
from tuition.training.many_adapters import group_key

_TRAININGS_A_SLOT = 4
"""Training steps of a group for each adapter that is trained at once: a step that ends gives its place to the next.

More would keep the places filled for longer, and delay the first finished curves."""


def step_groups(pending: Sequence[Step], failed: Collection[str], most: int) -> Iterator[list[Step]]:
    """Yield all pending steps in groups that may run at once, each after the steps that it needs.

    Args:
        pending: the steps, each after those that it needs.
        failed: the keys of steps that failed so far; what needs one of them comes in a group alone.
        most: the most adapters at once; with 1 every step comes alone, in order.
    """
    kinds = {step.key: None if most == 1 else _kind(step) for step in pending}
    waiting = {step.key: step for step in pending}
    while waiting:
        first = next(iter(waiting.values()))
        group = [first]
        if kinds[first.key] is not None and not _lacking(first, failed):
            alike = [step for step in waiting.values() if kinds[step.key] == kinds[first.key]]
            ready = [step for step in alike if not _lacking(step, failed) and not waiting.keys() & set(step.needs)]
            group = ready[: _TRAININGS_A_SLOT * most] if first.kind == "train" else _of_adapters(ready, most)
        for step in group:
            del waiting[step.key]
        yield group


def _lacking(step: Step, failed: Collection[str]) -> bool:
    return any(key in failed for key in step.needs)


def _of_adapters(ready: Sequence[Step], most: int) -> list[Step]:
    """Return the first steps that together need at most so many adapters."""
    adapters: set[str] = set()
    group = []
    for step in ready:
        adapters |= set(step.needs[-1:])
        if len(adapters) > most:
            break
        group.append(step)
    return group


def _kind(step: Step) -> Hashable | None:
    """Return what steps that may run at once have in common; None for a step that runs alone."""
    return _training_kind(step) if step.kind == "train" else _evaluation_kind(step)


def _training_kind(step: TrainStep) -> Hashable | None:
    if TUNERS[step.recipe.tuner].changes_base:
        return None
    chain = effective_parents(step.after)
    if step.start == "continue" and chain:
        return ("train", _keys(chain[:-1]), chain[-1].start, "continue", group_key(step.recipe))
    return ("train", _keys(chain), step.start, group_key(step.recipe))


def _evaluation_kind(step: EvaluateStep) -> Hashable | None:
    if not step.uses_model or step.decoding.beams > 1:
        return None
    chain = effective_parents(step.after)
    if not chain:
        return ("evaluate",)
    last = chain[-1]
    if TUNERS[last.tuner].changes_base:
        return None
    return ("evaluate", _keys(chain[:-1]), last.start, last.tuner, tuple(sorted(last.tuner_options.items())))


def effective_parents(after: Sequence[ParentStep]) -> list[ParentStep]:
    """Return the parents whose weights count, as `models.model_pool.effective` does: a continued one is replaced."""
    chain: list[ParentStep] = []
    for parent in after:
        continued = parent.start == "continue" and chain
        chain.append(replace(parent, start=chain.pop().start) if continued else parent)
    return chain


def _keys(chain: Sequence[ParentStep]) -> tuple[tuple[str, str], ...]:
    return tuple((parent.key, parent.start) for parent in chain)
