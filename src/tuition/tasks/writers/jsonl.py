"""Tuition's own JSON lines, without any loss: tasks.jsonl has a line per task, instances/<task>.jsonl a line per row.

collection.json has the format's name, the task splits and the related categories. Each row repeats its task's name and
definition, so that other programs can use the row files alone. `tuition.tasks.readers.tuition_jsonl` reads everything
back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tuition.tasks.collection import Collection
from tuition.tasks.types import Example, Instance, Task, Template
from tuition.tasks.writers.jsonout import create, dumps
from tuition.tasks.writers.names import require_file_names
from tuition.tasks.writers.writer import Record, Writer, WriteTask

FORMAT = "tuition-jsonl"
_EVERYTHING = frozenset({
    "further definitions", "title", "prompt", "things to avoid", "emphasis", "positive examples", "negative examples",
    "categories", "sources", "domains", "languages", "options", "templates", "other keys",
    "id", "further accepted outputs", "rationale", "named fields", "split",
})  # fmt: skip


@contextmanager
def _writing(folder: Path, collection: Collection, record: Record) -> Iterator[WriteTask]:
    require_file_names(collection.names, collection.path)
    (folder / "instances").mkdir(parents=True)
    with create(folder / "collection.json") as out:
        out.write(dumps(_about(collection), record, "collection", indent=1) + "\n")
    with create(folder / "tasks.jsonl") as tasks:
        yield partial(_write_task, folder / "instances", tasks, record)


WRITER = Writer("jsonl", "a folder with tasks.jsonl and instances/", _writing)


def _about(collection: Collection) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": 1,
        "splits": {
            name: {"train": list(lists.train), "test": list(lists.test)} for name, lists in collection.splits.items()
        },
        "related": {category: list(others) for category, others in collection.related.items()},
    }


def _write_task(folder: Path, tasks: TextIO, record: Record, task: Task) -> None:
    record.count_task(task, _EVERYTHING)
    tasks.write(dumps(task_line(task), record, "tasks") + "\n")
    with create(folder / f"{task.name}.jsonl") as out:
        for row in task.instances():
            record.count_row(row, _EVERYTHING)
            out.write(dumps(row_line(task, row), record, "instances") + "\n")


def task_line(task: Task) -> dict[str, Any]:
    """Return a task's fields except its rows, by the names of Task's fields, without empty ones."""
    line: dict[str, Any] = {"task": task.name}
    for field in fields(task):
        value = getattr(task, field.name)
        if field.name not in ("name", "read_instances") and value:
            line[field.name] = [_part(item) for item in value] if isinstance(value, tuple) else value
    return line


def row_line(task: Task, row: Instance) -> dict[str, Any]:
    """Return one row with its task's name and definition; rationale, split and fields only if they are not empty."""
    line: dict[str, Any] = {"task": task.name, "id": row.id}
    if task.definition:
        line["definition"] = task.definition
    line |= {"input": row.input, "outputs": list(row.outputs)}
    optional = {"rationale": row.rationale, "split": row.split, "fields": row.fields}
    return line | {key: value for key, value in optional.items() if value}


def _part(item: object) -> object:
    if isinstance(item, Template):
        values = {field.name: getattr(item, field.name) for field in fields(item)}
        return {key: value for key, value in values.items() if value not in ("", (), None)}
    if isinstance(item, Example):
        values = {field.name: getattr(item, field.name) for field in fields(item)}
        return {key: value for key, value in values.items() if value or key in ("input", "output")}
    return item
