"""Leave one out: a category, a source dataset or a task is unseen, and all others are seen.

These are three protocols of Natural Instructions (Mishra et al. 2022, arXiv:2104.08773); the fourth is `random`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from tuition.base.errors import UserError
from tuition.splits.seen.facts import TaskFacts, read_facts
from tuition.splits.seen.record import Request, SplitKind, TasksDivided, divided, find_name, name_key
from tuition.tasks.collection import Collection

_Traits = Callable[[TaskFacts], tuple[str, ...]]


def _categories(facts: TaskFacts) -> tuple[str, ...]:
    return facts.categories


def _sources(facts: TaskFacts) -> tuple[str, ...]:
    return facts.sources


def _divide(what: str, traits: _Traits, collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        raise UserError(f"no {what} to hold out is given; write {what}=NAME")
    facts = read_facts(collection)
    held_out = find_name(request.value, (trait for task in facts for trait in traits(task)), what, collection)
    return _without(held_out, what, traits, collection, facts)


def _without(
    held_out: str, what: str, traits: _Traits, collection: Collection, facts: tuple[TaskFacts, ...]
) -> TasksDivided:
    """Hold out every task with the trait, even if it has others too, so that no seen task has it."""
    key = name_key(held_out)
    unseen = {task.name for task in facts if key in map(name_key, traits(task))}
    without_trait = sum(1 for task in facts if not traits(task))
    notes = [f"{without_trait} tasks name no {what}; they count as seen"] if without_trait else []
    return divided(collection, f"{what}={held_out}", unseen=unseen, notes=notes)


def _folds(what: str, traits: _Traits, collection: Collection) -> tuple[TasksDivided, ...]:
    facts = read_facts(collection)
    return tuple(_without(name, what, traits, collection, facts) for name in traits_of(facts, traits))


def traits_of(facts: Iterable[TaskFacts], traits: _Traits) -> tuple[str, ...]:
    """Return the distinct categories, or source datasets, of tasks in order; spelling variants count as one."""
    found: dict[str, str] = {}
    for task in facts:
        for trait in traits(task):
            found.setdefault(name_key(trait), trait)
    return tuple(found.values())


def _leave_task(collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        raise UserError("no task to hold out is given; write task=NAME")
    held_out = collection.full_name(request.value)
    return divided(collection, f"task={held_out}", unseen={held_out})


def _leave_each(collection: Collection) -> tuple[TasksDivided, ...]:
    return tuple(divided(collection, f"task={name}", unseen={name}) for name in collection.names)


CATEGORY = SplitKind(
    "category", "category=NAME", partial(_divide, "category", _categories), partial(_folds, "category", _categories)
)
DATASET = SplitKind(
    "dataset", "dataset=NAME", partial(_divide, "dataset", _sources), partial(_folds, "dataset", _sources)
)
TASK = SplitKind("task", "task=NAME", _leave_task, _leave_each)
