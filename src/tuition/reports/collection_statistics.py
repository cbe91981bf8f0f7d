"""Statistics of one collection: its tasks, its labels by budget, and its prompt lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError
from tuition.reports.task_statistics import (
    Count,
    LabelPool,
    MeanLength,
    TaskLength,
    label_pool,
    mean_lengths,
    task_lengths,
)
from tuition.tasks import Task
from tuition.tasks.readers import find_reader
from tuition.tasks.statistics import CollectionFacts, TaskFacts, groups_of, measure_task, summarize


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """All statistics of one collection."""

    path: Path
    format: str
    facts: tuple[TaskFacts, ...]
    summary: CollectionFacts
    pools: tuple[LabelPool, ...]
    lengths: tuple[MeanLength, ...]

    @property
    def groups(self) -> dict[str, str]:
        """The group of each category."""
        return groups_of(task.category for task in self.facts)


def count_collection(
    path: Path,
    format: str | None,  # noqa: A002
    counts: Mapping[str, Count],
) -> CollectionStatistics:
    """Read every task of a collection once and compute its statistics.

    Raises:
        UserError: no format has that name.
        ProblemsError: tasks cannot be read; all their problems are listed.
    """
    reader = find_reader(path, format)
    collection = reader.open(path)
    facts: list[TaskFacts] = []
    pools: list[LabelPool] = []
    lengths: list[TaskLength] = []
    problems: list[Problem] = []
    for name in collection.names:
        try:
            task = _in_memory(collection.read_task(name))
        except ProblemsError as error:
            problems.extend(error.problems)
            continue
        if problems:
            continue
        facts.append(measure_task(task))
        pools.append(label_pool(task))
        lengths += task_lengths(task, counts)
    if problems:
        raise ProblemsError(problems)
    return CollectionStatistics(
        path, reader.name, tuple(facts), summarize(facts), tuple(pools), tuple(mean_lengths(lengths))
    )


def _in_memory(task: Task) -> Task:
    """Return the task with its rows in memory, since each table reads them all."""
    rows = tuple(task.instances())
    return replace(task, read_instances=lambda: iter(rows))
