"""Small tasks made in memory, for audits of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tuition.audit.rows import TaskRows, task_rows
from tuition.tasks.collection import Collection, TaskSplit
from tuition.tasks.types import Example, Instance, RowSplit, Task

Row = tuple[str, str | tuple[str, ...]] | tuple[str, str | tuple[str, ...], RowSplit]
MakeTask = Callable[..., Task]
MakeRows = Callable[..., TaskRows]
MakeCollection = Callable[..., Collection]


def make_task(
    rows: Sequence[Row], name: str = "task1_made", examples: Sequence[tuple[str, str]] = (), **more: Any
) -> Task:
    instances = tuple(
        Instance(
            f"{name}-{number}",
            row[0],
            (row[1],) if isinstance(row[1], str) else row[1],
            split=row[2] if len(row) > 2 else "",  # type: ignore[misc]
        )
        for number, row in enumerate(rows)
    )
    told = tuple(Example(given, answer) for given, answer in examples)
    more.setdefault("definitions", (f"Do as {name} says.",))
    return Task(name=name, read_instances=lambda: iter(instances), positive_examples=told, **more)


@pytest.fixture(name="make_task")
def _make_task() -> MakeTask:
    return make_task


@pytest.fixture
def make_rows() -> MakeRows:
    return lambda *arguments, **more: task_rows(make_task(*arguments, **more))


@pytest.fixture
def make_collection() -> MakeCollection:
    def make(*tasks: Task, splits: Mapping[str, TaskSplit] | None = None) -> Collection:
        named = {task.name: task for task in tasks}
        return Collection(Path("made"), tuple(named), named.__getitem__, splits or {})

    return make
