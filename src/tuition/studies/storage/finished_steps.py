"""Reusing a store's finished steps in a plan, where a step with another key cannot differ from the planned one.

A store may contain such a step from a study with other arms, or from before identical steps were merged.
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
    """Return the plan with the keys of finished steps in the store that cannot differ from those planned."""
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
    """Return the plan with the `chosen` keys of steps in a store's folder, which are by the planned keys."""
    if not chosen:
        return plan
    training = [step.key for step in training_steps(plan.work) if step.key in chosen]
    trained_by = {chosen[key]: _saved_encoding(store, chosen[key]) for key in training}
    return dataclasses.replace(plan, steps=tuple(with_keys(plan.steps, chosen, trained_by)), stored=chosen)


def _saved_encoding(store: Store, key: str) -> Encoding | None:
    try:
        return read_encoding(store.adapter(key))
    except UserError:
        return None  # reported when the weights are used, if they are
