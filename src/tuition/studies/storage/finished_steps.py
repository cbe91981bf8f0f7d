"""A plan and the store that it is run in: steps that the store holds under the key of one that cannot differ.

A store may hold such a step from a study of other arms, or from before steps that cannot differ were joined.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tuition.base.errors import UserError
from tuition.prompts.types import Encoding
from tuition.studies.export.adapter_encoding import read_encoding
from tuition.studies.planning.identical_steps import with_keys
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import training_steps
from tuition.studies.storage.store import Store


def with_stored_keys(plan: Plan, store: Store) -> Plan:
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
    training = [step.key for step in training_steps(plan.work) if step.key in chosen]
    trained_by = {chosen[key]: _kept_encoding(store, chosen[key]) for key in training}
    return dataclasses.replace(plan, steps=tuple(with_keys(plan.steps, chosen, trained_by)), stored=chosen)


def _kept_encoding(store: Store, key: str) -> Encoding | None:
    try:
        return read_encoding(store.adapter(key))
    except UserError:
        return None  # reported when the weights are used, if they are
