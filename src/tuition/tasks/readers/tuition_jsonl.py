"""Tuition's own JSON lines, as `tuition convert --to jsonl` writes them: all that a collection holds.

collection.json names the format and holds the lists of splits; tasks.jsonl has a line a task, by the names of Task's
fields; instances/<task>.jsonl has a line a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.collection import Collection, TaskSplit, name_fault
from tuition.tasks.readers.common import file_tasks, rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import sound_rows
from tuition.tasks.readers.common.json_text import Cursor, note_fault, note_oddities
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.types import Instance, Task, Template

_EXPECTED = "a folder with collection.json, tasks.jsonl and instances/, as `tuition convert --to jsonl` writes it"
_FORMAT = "tuition-jsonl"
_ABOUT, _TASKS, _ROWS = "collection.json", "tasks.jsonl", "instances"
_KEYS = rules.RowKeys("input", "outputs", blank_input=True)
_ROW_KEYS = {"task", "id", "definition", "input", "outputs", "rationale", "split", "fields"}
_SPLITS = ("", "train", "validation", "test")


@dataclass(frozen=True, slots=True)
class _File:
    """The rows of one task, and all else that it says."""

    path: Path
    name: str
    root: Path
    told: Mapping[str, Any]

    def findings(self) -> Findings:
        return Findings(self.path, self.name)


def _recognises(path: Path) -> bool:
    return (path / _ABOUT).is_file() and (path / _TASKS).is_file() and (path / _ROWS).is_dir()


def _open(path: Path) -> Collection:
    found = Findings(path)
    files = _lay_out(path, found)
    splits, related = _read_about(path, files, found)
    beside = (path / _ABOUT, path / _TASKS)
    return replace(file_tasks.collection(path, files, _read_task, found, splits, beside), related=related)


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    files = _lay_out(path, found)
    _read_about(path, files, found)
    yield Audit(0, 0, found.all())
    for file in files.values():
        place = file.findings()
        count = sum(1 for _ in _walk(file, place))
        yield Audit(1, count, place.all())


READER = Reader("jsonl", _EXPECTED, _recognises, _open, _audit)


def _read_task(file: _File) -> Task:
    return Task(file.name, read_instances=partial(_read_instances, file), **file.told)


def _read_instances(file: _File) -> Iterator[Instance]:
    found = file.findings()
    return sound_rows(_walk(file, found), found)


def _walk(file: _File, found: Findings) -> Iterator[Instance]:
    if _is_empty(file.path):  # a task without rows, which the line reader takes for a broken file
        return
    seen: dict[str, int] = {}
    for index, (_, row) in enumerate(read_json_lines(file.path, file.root, found)):
        found.index, found.id = index, row.get("id") if isinstance(row, dict) else None
        instance = _instance(row, index, seen, found)
        found.index = None
        if instance is not None:
            yield instance


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:
        return False  # the line reader says what is wrong with it


def _instance(row: object, index: int, seen: dict[str, int], found: Findings) -> Instance | None:
    if not isinstance(row, dict):
        return rules.instance(row, index, seen, found, _KEYS)
    if strange := [key for key in row if key not in _ROW_KEYS]:
        found.warning(
            "unknown-key", f"it has {clip(strange[0], 40)!r} too", f"a row has {', '.join(sorted(_ROW_KEYS))}"
        )
    if row.get("task", found.task) != found.task:
        found.error(
            "wrong-task", f"it says that it is of the task {clip(str(row['task']))!r}", "put it in its own file"
        )
    if row.get("outputs") == [] and "outputs" in row:
        return _unlabelled(row, index, seen, found)
    made = rules.instance(
        {key: row[key] for key in ("id", "input", "outputs") if key in row}, index, seen, found, _KEYS
    )
    more = _more(row, found)
    return None if made is None or more is None else replace(made, **more)


def _unlabelled(row: dict[str, Any], index: int, seen: dict[str, int], found: Findings) -> Instance | None:
    """Return a row without any output, which this format may hold, by the same rules otherwise."""
    labelled = _instance({**row, "outputs": ["-"]}, index, seen, found)
    return None if labelled is None else replace(labelled, outputs=())


def _more(row: Mapping[str, Any], found: Findings) -> dict[str, Any] | None:
    rationale, split, fields = row.get("rationale", ""), row.get("split", ""), row.get("fields", {})
    sound = rules.is_text(rationale, "rationale", found)
    if split not in _SPLITS:
        found.error("unknown-split", f"split is {rules.kind_of(split)}", f"it is one of {', '.join(_SPLITS[1:])}")
        sound = False
    if not isinstance(fields, dict):
        found.error("wrong-type", f"fields is {rules.kind_of(fields)}", "it must be an object")
        sound = False
    elif not rules.is_plain(fields, "fields", found):
        sound = False
    return {"rationale": rationale, "split": split, "fields": fields} if sound else None


def _lay_out(path: Path, found: Findings) -> dict[str, _File]:
    place = Findings(path / _TASKS)
    files: dict[str, _File] = {}
    for _, row in read_json_lines(path / _TASKS, path, place):
        if not isinstance(row, dict) or not isinstance(row.get("task"), str):
            place.error("wrong-type", "the line holds no task's object", 'each line holds {"task": its name, …}')
            continue
        name = row["task"]
        if fault := name_fault(name):
            place.error("unsafe-name", f"the task name {clip(name)!r} {fault}", file_tasks.SAFE_NAME)
        elif name in files:
            place.error("duplicate-name", f"the task {clip(name)!r} stands twice", "keep one of the lines")
        else:
            file = path / _ROWS / f"{name}.jsonl"
            if not file.is_file():
                place.error("missing-file", f"there is no {_ROWS}/{clip(name)}.jsonl", "add its file, or drop the line")
            files[name] = _File(file, name, path, _told(row, place))
    file_tasks.note_same_names(files, place)
    found.include(place)
    return files


def _told(row: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    told: dict[str, Any] = {"definitions": ()}
    for key, value in row.items():
        if key == "task":
            continue
        rule = _ELEMENTS.get(key)
        if rule is None:
            found.error("unknown-key", f"the key {clip(key, 40)!r}", f"a task has {', '.join(_ELEMENTS)}")
        elif (made := rule(value, key, found)) is not None:
            told[key] = made
    return told


def _text(value: object, what: str, found: Findings) -> str | None:
    return str(value) if rules.is_text(value, what, found) else None


def _extra(value: object, what: str, found: Findings) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        found.error("wrong-type", f"{what} is {rules.kind_of(value)}", "it must be an object")
        return None
    return value if rules.is_plain(value, what, found) else None


def _templates(value: object, what: str, found: Findings) -> tuple[Template, ...] | None:
    if not isinstance(value, list):
        found.error("wrong-type", f"{what} is {rules.kind_of(value)}", "it must be a list of templates")
        return None
    told = [_template(item, f"{what}[{number}]", found) for number, item in enumerate(value)]
    return tuple(template for template in told if template is not None)


def _template(value: object, what: str, found: Findings) -> Template | None:
    if not isinstance(value, dict) or not {"name", "input"} <= value.keys():
        found.error(
            "wrong-type", f"{what} is {rules.kind_of(value)}", 'a template is an object with "name" and "input"'
        )
        return None
    told: dict[str, Any] = {"target": ""}
    sound = True
    for key, item in value.items():
        if key in ("metrics", "languages"):
            told[key] = rules.texts(item, f"{what}.{key}", found)
        elif key in ("original_task", "joined", "choices_in_prompt"):
            told[key] = item if isinstance(item, bool) else None
            if not isinstance(item, bool):
                found.error("wrong-type", f"{what}.{key} is {rules.kind_of(item)}", "it is true or false")
        elif key in ("name", "input", "target", "answer_choices"):
            told[key] = _text(item, f"{what}.{key}", found)
        else:
            found.error("unknown-key", f"{what} has {clip(key, 40)!r}", "take it out")
            sound = False
        sound = sound and told.get(key) is not None
    return Template(**told) if sound else None


_ELEMENTS: Mapping[str, Callable[[object, str, Findings], Any]] = {
    "definitions": rules.definitions,
    "title": _text,
    "prompt": _text,
    "things_to_avoid": _text,
    "emphasis": _text,
    "positive_examples": rules.examples,
    "negative_examples": rules.examples,
    "categories": rules.texts,
    "sources": rules.texts,
    "domains": rules.texts,
    "input_languages": rules.texts,
    "output_languages": rules.texts,
    "instruction_languages": rules.texts,
    "options": rules.texts,
    "templates": _templates,
    "extra": _extra,
}


def _read_about(
    path: Path, files: Mapping[str, _File], found: Findings
) -> tuple[dict[str, TaskSplit], dict[str, tuple[str, ...]]]:
    """Return the lists of splits and the related categories."""
    place = Findings(path / _ABOUT)
    about = _json_object(path / _ABOUT, path, place)
    if not place.failed and (about.get("format"), about.get("version")) != (_FORMAT, 1):
        place.error(
            "wrong-format", "it is not of this format's version 1", f'it says "format": "{_FORMAT}", "version": 1'
        )
    splits: dict[str, TaskSplit] = {}
    given = _mapping(about, "splits", place)
    for name in given:
        what = f"splits.{clip(name, 40)}"
        sides = {
            side: rules.texts(tasks, f"{what}.{side}", place) or ()
            for side, tasks in _mapping(given, name, place).items()
        }
        unknown = [task for tasks in sides.values() for task in tasks if task not in files]
        if unknown or not sides.keys() <= {"train", "test"}:
            message = f"the split {clip(name, 40)!r} names the unknown {clip((unknown or list(sides))[0])!r}"
            place.error("unknown-task", message, "it has train and test, lists of names of tasks")
        else:
            splits[name] = TaskSplit(sides.get("train", ()), sides.get("test", ()))
    related = {
        key: rules.texts(others, f"related.{clip(key, 40)}", place) or ()
        for key, others in _mapping(about, "related", place).items()
    }
    found.include(place)
    return splits, related


def _mapping(value: Mapping[str, Any], key: str, found: Findings) -> Mapping[str, Any]:
    part = value.get(key, {})
    if isinstance(part, dict):
        return part
    found.error("wrong-type", f"{clip(key, 40)} is {rules.kind_of(part)}", "it must be an object")
    return {}


def _json_object(file: Path, root: Path, found: Findings) -> dict[str, Any]:
    text = read_text(file, root, found)
    if text is None:
        return {}
    cursor = Cursor(text)
    found.line_at = cursor.line
    try:
        value = cursor.value()
        cursor.end()
    except (json.JSONDecodeError, RecursionError) as fault:
        note_fault(cursor, fault, found)
        return {}
    note_oddities(cursor.oddities, found)
    if isinstance(value, dict):
        return value
    found.error("wrong-type", f"the file holds {rules.kind_of(value)}", "it must hold an object")
    return {}
