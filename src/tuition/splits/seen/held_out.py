"""Leave one out: a category, a source dataset or a task is unseen, all others are seen.

The three protocols of Natural Instructions (Mishra et al. 2022, arXiv:2104.08773) beside its random split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from tuition.base.errors import UserError
from tuition.splits.seen.facts import TaskFacts, read_facts
from tuition.splits.seen.record import Request, SplitKind, TasksDivided, divided, meant, name_key
from tuition.tasks.collection import Collection

_Traits = Callable[[TaskFacts], tuple[str, ...]]


def _categories(facts: TaskFacts) -> tuple[str, ...]:
    return facts.categories


def _sources(facts: TaskFacts) -> tuple[str, ...]:
    return facts.sources


def _divide(what: str, traits: _Traits, collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        raise UserError(f"which {what} is to be held out? Write {what}=NAME")
    facts = read_facts(collection)
    held = meant(request.value, (trait for task in facts for trait in traits(task)), what, collection)
    return _without(held, what, traits, collection, facts)


def _without(
    held: str, what: str, traits: _Traits, collection: Collection, facts: tuple[TaskFacts, ...]
) -> TasksDivided:
    """Hold out each task that has the trait, whatever else it has: no seen task shares it."""
    key = name_key(held)
    unseen = {task.name for task in facts if key in map(name_key, traits(task))}
    silent = sum(1 for task in facts if not traits(task))
    notes = [f"{silent} tasks name no {what}; they count as seen"] if silent else []
    return divided(collection, f"{what}={held}", unseen=unseen, notes=notes)


def _folds(what: str, traits: _Traits, collection: Collection) -> tuple[TasksDivided, ...]:
    facts = read_facts(collection)
    return tuple(_without(held, what, traits, collection, facts) for held in traits_of(facts, traits))


def traits_of(facts: Iterable[TaskFacts], traits: _Traits) -> tuple[str, ...]:
    """Return the categories, or source datasets, of tasks in order, each once however it is spelt."""
    found: dict[str, str] = {}
    for task in facts:
        for trait in traits(task):
            found.setdefault(name_key(trait), trait)
    return tuple(found.values())


def _leave_task(collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        raise UserError("which task is to be held out? Write task=NAME")
    held = collection.full_name(request.value)
    return divided(collection, f"task={held}", unseen={held})


def _leave_each(collection: Collection) -> tuple[TasksDivided, ...]:
    return tuple(divided(collection, f"task={name}", unseen={name}) for name in collection.names)


CATEGORY = SplitKind(
    "category", "category=NAME", partial(_divide, "category", _categories), partial(_folds, "category", _categories)
)
DATASET = SplitKind(
    "dataset", "dataset=NAME", partial(_divide, "dataset", _sources), partial(_folds, "dataset", _sources)
)
TASK = SplitKind("task", "task=NAME", _leave_task, _leave_each)
