"""The task fields that task splits need, such as categories and source datasets, read without instances."""

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
    """Read the facts of a collection's tasks (or of those in `names`), without instances.

    Raises:
        ProblemsError: tasks cannot be read; the problems of all of them.
    """
    facts: list[TaskFacts] = []
    problems: list[Problem] = []
    for name in collection.names if names is None else names:
        try:
            task = collection.read_task(name)
        except ProblemsError as error:
            problems += error.problems
            continue
        facts.append(TaskFacts(name, _filled(task.categories), _filled(task.sources), _filled(task.definitions)))
    if problems:
        raise ProblemsError(problems)
    return tuple(facts)


def _filled(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Drop blank texts, which must not count as shared."""
    return tuple(text for text in texts if text.strip())
