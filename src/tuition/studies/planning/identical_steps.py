"""Steps that cannot differ: equal prompts in training and evaluation, whatever their arms and encodings.

One of them is run and its result is used for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuition.prompts.types import Encoding
from tuition.studies.planning.steps import ParentStep, Step, evaluation_steps, training_steps

_NAMED = 4


@dataclass(frozen=True, slots=True)
class JoinedSteps:
    """Steps, where those that cannot differ have the same key; their other keys, by that key; and notes on them."""

    steps: tuple[Step, ...]
    alike: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def join_identical(steps: Sequence[Step]) -> JoinedSteps:
    """Give all steps that cannot differ the key of the first of them."""
    first: dict[str, Step] = {}
    keys: dict[str, dict[str, None]] = {}
    for step in steps:
        one = first.setdefault(step.same, step)
        keys.setdefault(one.key, {})[step.key] = None
    chosen = {other: one for one, own in keys.items() for other in own}
    trained_by = {step.key: step.encoding for step in training_steps(first.values())}
    alike = {one: tuple(own)[1:] for one, own in keys.items() if len(own) > 1}
    return JoinedSteps(tuple(with_keys(steps, chosen, trained_by)), alike, tuple(_notes(steps)))


def with_keys(
    steps: Iterable[Step], chosen: Mapping[str, str], trained_by: Mapping[str, Encoding | None]
) -> Iterable[Step]:
    """Yield steps with the chosen keys in place of their own, and of those of the stages before them.

    Args:
        steps: the steps of a plan.
        chosen: the new keys, by the steps' own.
        trained_by: the encoding saved with the weights of a chosen key.
    """
    for step in steps:
        after = tuple(_renamed(earlier, chosen, trained_by) for earlier in step.after)
        key = chosen.get(step.key, step.key)
        if key == step.key and after == step.after:
            yield step
        else:
            yield dataclasses.replace(step, key=key, after=after)


def _renamed(earlier: ParentStep, chosen: Mapping[str, str], trained_by: Mapping[str, Encoding | None]) -> ParentStep:
    key = chosen.get(earlier.key, earlier.key)
    if key == earlier.key:
        return earlier
    return dataclasses.replace(earlier, key=key, trained_by=trained_by[key])


def _notes(steps: Iterable[Step]) -> list[str]:
    """Return a sentence on the groups of arms all of whose points cannot differ, if there are any."""
    points: dict[str, dict[tuple[object, ...], str]] = {}
    for step in evaluation_steps(steps):
        points.setdefault(step.arm, {})[step.task.name, step.labels, step.seed] = step.same
    groups: dict[tuple[object, ...], list[str]] = {}
    for arm, own in points.items():
        groups.setdefault(tuple(sorted(own.items())), []).append(arm)
    alike = [arms for arms in groups.values() if len(arms) > 1]
    if not alike:
        return []
    shown = "; ".join(_named(arms) for arms in alike[:_NAMED])
    more = f"; and {len(alike) - _NAMED} more such groups" if len(alike) > _NAMED else ""
    return [
        "these arms are the same by construction, since their prompts are equal, and one model is trained and "
        f"evaluated for all of a group: {shown}{more}"
    ]


def _named(arms: Sequence[str]) -> str:
    """Return arms as `“a” = “b”`, the first of them where there are many."""
    shown = [f"“{arm}”" for arm in arms[:_NAMED]]
    return " = ".join(shown) + (f" = {len(arms) - _NAMED} more" if len(arms) > _NAMED else "")
