"""Steps that cannot differ: equal prompts learnt and asked alike, whatever arms and encodings they belong to.

One of them is run and stands for all. A store may hold another of them (from a study of other arms, or from before
steps were joined); `settled` uses that one in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.base.errors import UserError
from tuition.prompts.types import Encoding
from tuition.studies.steps import Earlier, EvaluateStep, Step, TrainStep
from tuition.studies.told import read_told

if TYPE_CHECKING:
    from tuition.studies.plan import Plan
    from tuition.studies.store import Store

_NAMED = 4


@dataclass(frozen=True, slots=True)
class Joined:
    """Steps of which those that cannot differ have one key; their other keys, by that one; and what to say of it."""

    steps: tuple[Step, ...]
    alike: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def join_alike(steps: Sequence[Step]) -> Joined:
    """Give all steps that cannot differ the key of the first of them."""
    first: dict[str, Step] = {}
    keys: dict[str, dict[str, None]] = {}
    for step in steps:
        one = first.setdefault(step.same, step)
        keys.setdefault(one.key, {})[step.key] = None
    chosen = {other: one for one, own in keys.items() for other in own}
    trained_by = {step.key: step.encoding for step in first.values() if isinstance(step, TrainStep)}
    alike = {one: tuple(own)[1:] for one, own in keys.items() if len(own) > 1}
    return Joined(tuple(_with_keys(steps, chosen, trained_by)), alike, tuple(_notes(steps)))


def settled(plan: Plan, store: Store) -> Plan:
    """Return the plan with the keys under which a store holds steps that cannot differ from those planned."""
    finished, same = store.finished_keys(), store.finished_same()
    chosen: dict[str, str] = {}
    for step in plan.work:
        if step.key in finished:
            continue
        others = (*plan.alike.get(step.key, ()), same.get(step.same, ""))
        found = next((key for key in others if key in finished), None)
        if found is not None:
            chosen[step.key] = found
    return with_stored(plan, chosen, store)


def with_stored(plan: Plan, chosen: Mapping[str, str], store: Store) -> Plan:
    """Return the plan with the keys that are chosen, by those that were planned, of steps in a store's folder."""
    if not chosen:
        return plan
    training = [step.key for step in plan.work if isinstance(step, TrainStep) and step.key in chosen]
    trained_by = {chosen[key]: _kept_encoding(store, chosen[key]) for key in training}
    return dataclasses.replace(plan, steps=tuple(_with_keys(plan.steps, chosen, trained_by)), stored=chosen)


def _kept_encoding(store: Store, key: str) -> Encoding | None:
    try:
        return read_told(store.adapter(key))
    except UserError:
        return None  # reported when the weights are used, if they are


def _with_keys(
    steps: Iterable[Step], chosen: Mapping[str, str], trained_by: Mapping[str, Encoding | None]
) -> Iterable[Step]:
    """Yield steps under the keys that are chosen for theirs, and for those of the stages before them."""
    for step in steps:
        after = tuple(_renamed(earlier, chosen, trained_by) for earlier in step.after)
        key = chosen.get(step.key, step.key)
        if key == step.key and after == step.after:
            yield step
        else:
            yield dataclasses.replace(step, key=key, after=after)


def _renamed(earlier: Earlier, chosen: Mapping[str, str], trained_by: Mapping[str, Encoding | None]) -> Earlier:
    key = chosen.get(earlier.key, earlier.key)
    if key == earlier.key:
        return earlier
    return dataclasses.replace(earlier, key=key, trained_by=trained_by[key])


def _notes(steps: Iterable[Step]) -> list[str]:
    """Return a sentence on the groups of arms all of whose points cannot differ, if there are any."""
    points: dict[str, dict[tuple[object, ...], str]] = {}
    for step in steps:
        if isinstance(step, EvaluateStep):
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
