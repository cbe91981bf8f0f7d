"""What task splits need to know of tasks: their categories and source datasets, without reading an instance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tuition.base.errors import Problem, ProblemsError
from tuition.tasks.collection import Collection


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task's name with its categories (FLAN's clusters), its source datasets and its definitions."""

    name: str
    categories: tuple[str, ...]
    sources: tuple[str, ...]
    definitions: tuple[str, ...]


def read_facts(collection: Collection, names: Iterable[str] | None = None) -> tuple[TaskFacts, ...]:
    """Read what the tasks of a collection (or those of `names`) say of themselves; no instances.

    Raises:
        ProblemsError: tasks cannot be read; the problems of all of them together.
    """
    facts: list[TaskFacts] = []
    problems: list[Problem] = []
    for name in collection.names if names is None else names:
        try:
            task = collection.read_task(name)
        except ProblemsError as error:
            problems += error.problems
            continue
        facts.append(TaskFacts(name, _told(task.categories), _told(task.sources), _told(task.definitions)))
    if problems:
        raise ProblemsError(problems)
    return tuple(facts)


def _told(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Leave blank texts out: they say nothing that tasks could share."""
    return tuple(text for text in texts if text.strip())
