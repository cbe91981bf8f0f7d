"""FLAN's hold-out: one cluster is unseen, and clusters declared as related to it are not trained on either.

Wei et al. 2022 (arXiv:2109.01652), section 2.2: only the held-out cluster is evaluated.
"""

from __future__ import annotations

from tuition.base.errors import UserError
from tuition.splits.seen.facts import TaskFacts, read_facts
from tuition.splits.seen.held_out import traits_of
from tuition.splits.seen.record import Request, SplitKind, TasksDivided, divided, find_name, name_key
from tuition.tasks.collection import Collection


def _divide(collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        raise UserError("no cluster to hold out is given; write cluster=NAME")
    facts = read_facts(collection)
    held_out = find_name(request.value, (name for task in facts for name in task.categories), "cluster", collection)
    return _without(held_out, collection, facts)


def _folds(collection: Collection) -> tuple[TasksDivided, ...]:
    facts = read_facts(collection)
    return tuple(_without(name, collection, facts) for name in traits_of(facts, lambda task: task.categories))


def _without(held_out: str, collection: Collection, facts: tuple[TaskFacts, ...]) -> TasksDivided:
    keys = {task.name: [name_key(name) for name in task.categories] for task in facts}
    unseen = {name for name, clusters in keys.items() if name_key(held_out) in clusters}
    related = _related(collection, held_out)
    excluded = {
        name: f"its cluster {related[cluster]!r} is declared as related to {held_out!r}"
        for name, clusters in keys.items()
        for cluster in clusters
        if cluster in related and name not in unseen
    }
    present = {cluster for clusters in keys.values() for cluster in clusters}
    notes = [
        f"the cluster {name!r} is declared as related to {held_out!r} and has no tasks here"
        for key, name in related.items()
        if key not in present
    ]
    if not collection.related:
        notes.append("the collection declares no cluster as related to another: only the held-out cluster is excluded")
    return divided(collection, f"cluster={held_out}", unseen=unseen, excluded=excluded, notes=notes)


def _related(collection: Collection, held_out: str) -> dict[str, str]:
    """Return the clusters declared as related to `held_out`, by their keys; relatedness is not transitive."""
    key = name_key(held_out)
    names = (name for cluster, others in collection.related.items() if name_key(cluster) == key for name in others)
    return {name_key(name): name for name in names if name_key(name) != key}


KIND = SplitKind("cluster", "cluster=NAME", _divide, _folds)
