"""Super-NaturalInstructions' own format: tasks/taskNNN_*.json and splits/<name>/{train,test}_tasks.txt.

Title, prompt, things to avoid, emphasis and options have no key in that schema. They are written under the keys of its
predecessor (and `Options`), which other programs ignore and our reader keeps in `Task.extra`. A row's rationale, split
and named fields are written in the row, and our reader keeps them in `Instance.fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.collection import Collection, name_fault
from tuition.tasks.types import Example, Instance, Task
from tuition.tasks.writers.jsonout import create, dumps
from tuition.tasks.writers.names import require_file_names
from tuition.tasks.writers.writer import Record, Writer, WriteTask, drop_lists, labelled

_TASK_NAME = re.compile(r"task([0-9]+)(_.*)?", re.DOTALL)
_LISTS = {
    "Source": "sources",
    "Categories": "categories",
    "Definition": "definitions",
    "Input_language": "input_languages",
    "Output_language": "output_languages",
    "Instruction_language": "instruction_languages",
    "Domains": "domains",
}
_EXTRA_KEYS = {
    "Title": ("title", "title"),
    "Prompt": ("prompt", "prompt"),
    "Things to Avoid": ("things_to_avoid", "things to avoid"),
    "Emphasis & Caution": ("emphasis", "emphasis"),
    "Options": ("options", "options"),
}
_SCHEMA_KEYS = frozenset({*_LISTS, "Positive Examples", "Negative Examples", "Instances"})
_ROW_SCHEMA_KEYS = frozenset({"id", "input", "output"})
_KEPT = frozenset({
    "further definitions", "positive examples", "negative examples", "categories", "sources", "domains", "languages",
    "other keys", *(what for _, what in _EXTRA_KEYS.values()),
})  # fmt: skip
_ROW_KEPT = frozenset({"id", "further accepted outputs", "rationale", "named fields", "split"})


@contextmanager
def _writing(folder: Path, collection: Collection, record: Record) -> Iterator[WriteTask]:
    names = _file_names(collection, record)
    (folder / "tasks").mkdir(parents=True)
    drop_lists(collection, record, splits=True)
    written: dict[str, None] = {}
    yield partial(_write_task, folder / "tasks", names, written, record)
    _write_splits(folder, collection, names, written, record)


WRITER = Writer("superni", "a folder with tasks/ and splits/", _writing)


def _file_names(collection: Collection, record: Record) -> dict[str, str]:
    """Return each task's name in the new collection: unchanged if it is `taskNNN…`, else with a free number."""
    require_file_names(collection.names, collection.path)
    numbers = {int(match[1]) for name in collection.names if (match := _TASK_NAME.fullmatch(name))}
    free = max(numbers, default=0)
    names: dict[str, str] = {}
    for name in collection.names:
        if _TASK_NAME.fullmatch(name):
            names[name] = name
            continue
        free += 1
        names[name] = record.renamed[name] = f"task{free:03}_{name}"
    require_file_names(names.values(), collection.path)
    return names


def _write_task(folder: Path, names: dict[str, str], written: dict[str, None], record: Record, task: Task) -> None:
    if not any(text.strip() for text in task.definitions):
        record.renamed.pop(task.name, None)
        record.drop("all (the schema requires a definition)", "tasks")
        return
    rows = labelled(task, record)
    first = next(rows, None)
    if first is None:
        record.renamed.pop(task.name, None)
        record.drop("all (the schema requires instances)", "tasks")
        return
    record.count_task(task, _KEPT)
    with create(folder / f"{names[task.name]}.json") as out:
        head = dumps(_head(task, record), record, "tasks", indent=1)
        out.write(head.removesuffix("\n}"))
        out.write(',\n "Instances": [\n  ' + dumps(_row(first, record), record, "instances"))
        for row in rows:
            out.write(",\n  " + dumps(_row(row, record), record, "instances"))
        out.write("\n ]\n}\n")
    written[task.name] = None


def _head(task: Task, record: Record) -> dict[str, Any]:
    """Return a task's file content before its instances."""
    head: dict[str, Any] = {key: list(getattr(task, field)) for key, field in _LISTS.items()}
    head["Positive Examples"] = [_example(example) for example in task.positive_examples]
    head["Negative Examples"] = [_example(example) for example in task.negative_examples]
    for key, value in task.extra.items():
        if key in _SCHEMA_KEYS:
            record.drop(f"the other key {clip(key, 40)!r} (the schema has its own)", "tasks")
        else:
            head[key] = value
    for key, (field, what) in _EXTRA_KEYS.items():
        if value := getattr(task, field):
            if key in head:
                record.drop(f"{what} (the task has another {key!r})", "tasks")
            else:
                record.keep_as_extra(f"{what} (as {key!r})", "tasks")
                head[key] = list(value) if isinstance(value, tuple) else value
    return head


def _example(example: Example) -> dict[str, str]:
    fields = {"input": example.input, "output": example.output, "explanation": example.explanation}
    return {**fields, "suggestion": example.suggestion} if example.suggestion else fields


def _row(row: Instance, record: Record) -> dict[str, Any]:
    record.count_row(row, _ROW_KEPT)
    fields: dict[str, Any] = {"id": row.id, "input": row.input, "output": list(row.outputs)}
    if not (row.fields or row.rationale or row.split):
        return fields
    for key, value in row.fields.items():
        if key in _ROW_SCHEMA_KEYS:
            record.drop(f"the named field {key!r} (the schema has its own)", "instances")
        else:
            fields[key] = value
    for key, text in (("rationale", row.rationale), ("split", row.split)):
        if text and key in fields:
            record.drop(f"{key} (the row has another field {key!r})", "instances")
        elif text:
            record.keep_as_extra(f"{key} (as {key!r})", "instances")
            fields[key] = text
    return fields


def _write_splits(
    root: Path, collection: Collection, names: dict[str, str], written: dict[str, None], record: Record
) -> None:
    for split, lists in collection.splits.items():
        if name_fault(split):
            record.drop(f"the task split {clip(split, 40)!r}, whose name cannot be a folder's", "collection")
            continue
        folder = root / "splits" / split
        folder.mkdir(parents=True)
        for side, tasks in (("train", lists.train), ("test", lists.test)):
            lines = [names[task] for task in tasks if task in written]
            with create(folder / f"{side}_tasks.txt") as out:
                out.writelines(f"{line}\n" for line in lines)
