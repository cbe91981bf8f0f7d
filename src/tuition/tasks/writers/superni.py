"""Super-NaturalInstructions' own format: tasks/taskNNN_*.json and splits/<name>/{train,test}_tasks.txt.

Title, prompt, things to avoid, emphasis and options have no key in that schema. They are written under the keys of its
forerunner (and `Options`), which other programs pass over and our reader keeps in `Task.extra`; a row's rationale,
split and named fields stand in the row, where our reader keeps them in `Instance.fields`.
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
from tuition.tasks.writers.writer import Record, Writer, WriteTask, labelled, note_lists

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
_BESIDE = {
    "Title": ("title", "title"),
    "Prompt": ("prompt", "prompt"),
    "Things to Avoid": ("things_to_avoid", "things to avoid"),
    "Emphasis & Caution": ("emphasis", "emphasis"),
    "Options": ("options", "options"),
}
_OWN = frozenset({*_LISTS, "Positive Examples", "Negative Examples", "Instances"})
_ROW_OWN = frozenset({"id", "input", "output"})
_HOLDS = frozenset({
    "further definitions", "positive examples", "negative examples", "categories", "sources", "domains", "languages",
    "other keys", *(what for _, what in _BESIDE.values()),
})  # fmt: skip
_ROW_HOLDS = frozenset({"id", "further accepted outputs", "rationale", "named fields", "split"})


@contextmanager
def _writing(place: Path, collection: Collection, record: Record) -> Iterator[WriteTask]:
    names = _file_names(collection, record)
    (place / "tasks").mkdir(parents=True)
    note_lists(collection, record, splits=True)
    written: dict[str, None] = {}
    yield partial(_write_task, place / "tasks", names, written, record)
    _write_splits(place, collection, names, written, record)


WRITER = Writer("superni", "a folder with tasks/ and splits/", _writing)


def _file_names(collection: Collection, record: Record) -> dict[str, str]:
    """Return the name of each task in the new collection: its own if it is `taskNNN…`, else one with a free number."""
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
        record.fell("all (the schema wants a definition)", "tasks")
        return
    rows = labelled(task, record)
    first = next(rows, None)
    if first is None:
        record.renamed.pop(task.name, None)
        record.fell("all (the schema wants instances)", "tasks")
        return
    record.count_task(task, _HOLDS)
    with create(folder / f"{names[task.name]}.json") as out:
        head = dumps(_head(task, record), record, "tasks", indent=1)
        out.write(head.removesuffix("\n}"))
        out.write(',\n "Instances": [\n  ' + dumps(_row(first, record), record, "instances"))
        for row in rows:
            out.write(",\n  " + dumps(_row(row, record), record, "instances"))
        out.write("\n ]\n}\n")
    written[task.name] = None


def _head(task: Task, record: Record) -> dict[str, Any]:
    """Return everything that a task's file says before its instances."""
    head: dict[str, Any] = {key: list(getattr(task, field)) for key, field in _LISTS.items()}
    head["Positive Examples"] = [_example(example) for example in task.positive_examples]
    head["Negative Examples"] = [_example(example) for example in task.negative_examples]
    for key, value in task.extra.items():
        if key in _OWN:
            record.fell(f"the other key {clip(key, 40)!r} (the schema has its own)", "tasks")
        else:
            head[key] = value
    for key, (field, what) in _BESIDE.items():
        if value := getattr(task, field):
            if key in head:
                record.fell(f"{what} (the task has another {key!r})", "tasks")
            else:
                record.kept_beside(f"{what} (as {key!r})", "tasks")
                head[key] = list(value) if isinstance(value, tuple) else value
    return head


def _example(example: Example) -> dict[str, str]:
    told = {"input": example.input, "output": example.output, "explanation": example.explanation}
    return {**told, "suggestion": example.suggestion} if example.suggestion else told


def _row(row: Instance, record: Record) -> dict[str, Any]:
    record.count_row(row, _ROW_HOLDS)
    told: dict[str, Any] = {"id": row.id, "input": row.input, "output": list(row.outputs)}
    if not (row.fields or row.rationale or row.split):
        return told
    for key, value in row.fields.items():
        if key in _ROW_OWN:
            record.fell(f"the named field {key!r} (the schema has its own)", "instances")
        else:
            told[key] = value
    for key, text in (("rationale", row.rationale), ("split", row.split)):
        if text and key in told:
            record.fell(f"{key} (the row has another field {key!r})", "instances")
        elif text:
            record.kept_beside(f"{key} (as {key!r})", "instances")
            told[key] = text
    return told


def _write_splits(
    place: Path, collection: Collection, names: dict[str, str], written: dict[str, None], record: Record
) -> None:
    for split, lists in collection.splits.items():
        if name_fault(split):
            record.fell(f"the lists of the split {clip(split, 40)!r}, whose name is unfit for a folder", "collection")
            continue
        folder = place / "splits" / split
        folder.mkdir(parents=True)
        for side, tasks in (("train", lists.train), ("test", lists.test)):
            lines = [names[task] for task in tasks if task in written]
            with create(folder / f"{side}_tasks.txt") as out:
                out.writelines(f"{line}\n" for line in lines)
