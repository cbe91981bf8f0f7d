"""Random tasks held out evenly over categories, as in Natural Instructions (12 of 61 tasks, two per category).

Mishra et al. 2022 (arXiv:2104.08773). Every category keeps at least one seen task, since holding out a whole category
is a different protocol.
"""

from __future__ import annotations

import re

from tuition.base.errors import UserError, clip
from tuition.base.seeds import named_random
from tuition.splits.seen.facts import TaskFacts, read_facts
from tuition.splits.seen.record import Request, SplitKind, TasksDivided, divided, name_key
from tuition.tasks.collection import Collection

_EXPECTS = "random, random=12 (in all, spread over the categories) or random=2/category"
_PER_CATEGORY = 2
_VALUE = re.compile(r"([0-9]{1,9})(/category)?")


def _divide(collection: Collection, request: Request) -> TasksDivided:
    total, each = _parse(request.value)
    by_category = _shuffled(read_facts(collection), request.seed)
    notes: list[str] = []
    if each is not None:
        chosen = [name for names in by_category.values() for name in names[: min(each, _spare(names))]]
        spare = {name: _spare(names) for name, names in by_category.items()}
        if short := [f"{clip(name, 60)} {count}" for name, count in spare.items() if count < each]:
            few = ", ".join(short[:10]) + (", …" if len(short) > 10 else "")
            notes.append(f"{len(short)} categories hold out fewer than {each}, to keep a seen task: {few}")
        value = f"{each}/category"
        if not chosen:
            raise UserError(
                f"{collection.path}: no category has two tasks, so none can be held out and leave a seen one"
            )
    else:
        chosen = _spread(by_category, total)
        if len(chosen) < total:
            raise UserError(
                f"{collection.path}: {total} random tasks were requested; of its {len(collection)} tasks in"
                f" {len(by_category)} categories at most {len(chosen)} can be held out, so that each category keeps a"
                " seen task"
            )
        value = str(total)
    return divided(collection, f"random={value}", unseen=set(chosen), notes=notes, seed=request.seed)


def _parse(value: str) -> tuple[int, int | None]:
    """Return the total number of tasks, and the number per category if that is given instead."""
    if not value:
        return 0, _PER_CATEGORY
    match = _VALUE.fullmatch(value)
    if match is None or int(match[1]) == 0:
        raise UserError(f"random={clip(value)}: is not a number of tasks to hold out; write {_EXPECTS}")
    return (0, int(match[1])) if match[2] else (int(match[1]), None)


def _shuffled(facts: tuple[TaskFacts, ...], seed: int) -> dict[str, list[str]]:
    """Return each category's tasks in random order; a task counts for its first category.

    Each category is shuffled by its own generator, from sorted names, so the result does not depend on the tasks of
    other categories or on the collection's order.
    """
    names: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    for task in facts:
        category = task.categories[0] if task.categories else "(no category)"
        shown.setdefault(name_key(category), category)
        names.setdefault(name_key(category), []).append(task.name)
    for key, tasks in names.items():
        tasks.sort()
        named_random("random tasks", key, seed).shuffle(tasks)
    return {shown[key]: tasks for key, tasks in names.items()}


def _spare(names: list[str]) -> int:
    """Return how many tasks of a category may be held out: all but one."""
    return len(names) - 1


def _spread(by_category: dict[str, list[str]], total: int) -> list[str]:
    """Take one task of each category in turn, the largest categories first, until there are `total`."""
    largest = sorted(by_category.values(), key=len, reverse=True)
    chosen: list[str] = []
    for turn in range(max(map(len, largest), default=0)):
        chosen += [names[turn] for names in largest if turn < _spare(names)]
    return chosen[:total]


KIND = SplitKind("random", _EXPECTS, _divide)
