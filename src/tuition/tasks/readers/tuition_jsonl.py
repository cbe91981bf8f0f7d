"""Tuition's own JSON lines, as `tuition convert --to jsonl` writes them: a collection without any loss.

collection.json has the format's name and the task splits; tasks.jsonl has one line per task, whose keys are the fields
of Task; instances/<task>.jsonl has one line per row.
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
from tuition.tasks.readers.common.json_task import valid_rows
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
    """The file with a task's rows, and the task's other fields."""

    path: Path
    name: str
    root: Path
    fields: Mapping[str, Any]

    def findings(self) -> Findings:
        return Findings(self.path, self.name)


def _recognises(path: Path) -> bool:
    return (path / _ABOUT).is_file() and (path / _TASKS).is_file() and (path / _ROWS).is_dir()


def _open(path: Path) -> Collection:
    found = Findings(path)
    files = _lay_out(path, found)
    splits, related = _read_about(path, files, found)
    extra_files = (path / _ABOUT, path / _TASKS)
    return replace(file_tasks.collection(path, files, _read_task, found, splits, extra_files), related=related)


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    files = _lay_out(path, found)
    _read_about(path, files, found)
    yield Audit(0, 0, found.all())
    for file in files.values():
        findings = file.findings()
        count = sum(1 for _ in _walk(file, findings))
        yield Audit(1, count, findings.all())


READER = Reader("jsonl", _EXPECTED, _recognises, _open, _audit)


def _read_task(file: _File) -> Task:
    return Task(file.name, read_instances=partial(_read_instances, file), **file.fields)


def _read_instances(file: _File) -> Iterator[Instance]:
    found = file.findings()
    return valid_rows(_walk(file, found), found)


def _walk(file: _File, found: Findings) -> Iterator[Instance]:
    if _is_empty(file.path):  # a task without rows; the line reader would report an empty file
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
        return False  # the line reader reports what is wrong


def _instance(row: object, index: int, seen: dict[str, int], found: Findings) -> Instance | None:
    if not isinstance(row, dict):
        return rules.instance(row, index, seen, found, _KEYS)
    if unknown := [key for key in row if key not in _ROW_KEYS]:
        found.warning(
            "unknown-key", f"it also has {clip(unknown[0], 40)!r}", f"a row has {', '.join(sorted(_ROW_KEYS))}"
        )
    if row.get("task", found.task) != found.task:
        found.error("wrong-task", f"it is a row of the task {clip(str(row['task']))!r}", "put it in that task's file")
    if row.get("outputs") == [] and "outputs" in row:
        return _unlabelled(row, index, seen, found)
    instance = rules.instance(
        {key: row[key] for key in ("id", "input", "outputs") if key in row}, index, seen, found, _KEYS
    )
    optional = _optional_fields(row, found)
    return None if instance is None or optional is None else replace(instance, **optional)


def _unlabelled(row: dict[str, Any], index: int, seen: dict[str, int], found: Findings) -> Instance | None:
    """Return a row without outputs, which this format allows; all other rules apply."""
    labelled = _instance({**row, "outputs": ["-"]}, index, seen, found)
    return None if labelled is None else replace(labelled, outputs=())


def _optional_fields(row: Mapping[str, Any], found: Findings) -> dict[str, Any] | None:
    rationale, split, fields = row.get("rationale", ""), row.get("split", ""), row.get("fields", {})
    valid = rules.is_text(rationale, "rationale", found)
    if split not in _SPLITS:
        found.error("unknown-split", f"split is {rules.kind_of(split)}", f"it is one of {', '.join(_SPLITS[1:])}")
        valid = False
    if not isinstance(fields, dict):
        found.error("wrong-type", f"fields is {rules.kind_of(fields)}", "it must be an object")
        valid = False
    elif not rules.is_plain(fields, "fields", found):
        valid = False
    return {"rationale": rationale, "split": split, "fields": fields} if valid else None


def _lay_out(path: Path, found: Findings) -> dict[str, _File]:
    findings = Findings(path / _TASKS)
    files: dict[str, _File] = {}
    for _, row in read_json_lines(path / _TASKS, path, findings):
        if not isinstance(row, dict) or not isinstance(row.get("task"), str):
            findings.error("wrong-type", "the line is not a task's object", 'each line must be {"task": its name, …}')
            continue
        name = row["task"]
        if fault := name_fault(name):
            findings.error("unsafe-name", f"the task name {clip(name)!r} {fault}", file_tasks.SAFE_NAME)
        elif name in files:
            findings.error("duplicate-name", f"the task {clip(name)!r} occurs twice", "keep one of the lines")
        else:
            file = path / _ROWS / f"{name}.jsonl"
            if not file.is_file():
                message = f"there is no {_ROWS}/{clip(name)}.jsonl"
                findings.error("missing-file", message, "add its file, or remove the line")
            files[name] = _File(file, name, path, _task_fields(row, findings))
    file_tasks.note_same_names(files, findings)
    found.include(findings)
    return files


def _task_fields(row: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    fields: dict[str, Any] = {"definitions": ()}
    for key, value in row.items():
        if key == "task":
            continue
        rule = _ELEMENTS.get(key)
        if rule is None:
            found.error("unknown-key", f"the key {clip(key, 40)!r}", f"a task has {', '.join(_ELEMENTS)}")
        elif (parsed := rule(value, key, found)) is not None:
            fields[key] = parsed
    return fields


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
    templates = [_template(item, f"{what}[{number}]", found) for number, item in enumerate(value)]
    return tuple(template for template in templates if template is not None)


def _template(value: object, what: str, found: Findings) -> Template | None:
    if not isinstance(value, dict) or not {"name", "input"} <= value.keys():
        found.error(
            "wrong-type", f"{what} is {rules.kind_of(value)}", 'a template is an object with "name" and "input"'
        )
        return None
    fields: dict[str, Any] = {"target": ""}
    valid = True
    for key, item in value.items():
        if key in ("metrics", "languages"):
            fields[key] = rules.texts(item, f"{what}.{key}", found)
        elif key in ("original_task", "joined", "choices_in_prompt"):
            fields[key] = item if isinstance(item, bool) else None
            if not isinstance(item, bool):
                found.error("wrong-type", f"{what}.{key} is {rules.kind_of(item)}", "it is true or false")
        elif key in ("name", "input", "target", "answer_choices"):
            fields[key] = _text(item, f"{what}.{key}", found)
        else:
            found.error("unknown-key", f"{what} has {clip(key, 40)!r}", "remove it")
            valid = False
        valid = valid and fields.get(key) is not None
    return Template(**fields) if valid else None


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
    """Return the task splits and the related categories."""
    findings = Findings(path / _ABOUT)
    about = _json_object(path / _ABOUT, path, findings)
    if not findings.failed and (about.get("format"), about.get("version")) != (_FORMAT, 1):
        findings.error(
            "wrong-format", "it is not version 1 of this format", f'it must have "format": "{_FORMAT}", "version": 1'
        )
    splits: dict[str, TaskSplit] = {}
    split_lists = _mapping(about, "splits", findings)
    for name in split_lists:
        what = f"splits.{clip(name, 40)}"
        sides = {
            side: rules.texts(tasks, f"{what}.{side}", findings) or ()
            for side, tasks in _mapping(split_lists, name, findings).items()
        }
        unknown = [task for tasks in sides.values() for task in tasks if task not in files]
        if unknown or not sides.keys() <= {"train", "test"}:
            message = f"the split {clip(name, 40)!r} names the unknown {clip((unknown or list(sides))[0])!r}"
            findings.error("unknown-task", message, "it has train and test, lists of task names")
        else:
            splits[name] = TaskSplit(sides.get("train", ()), sides.get("test", ()))
    related = {
        key: rules.texts(others, f"related.{clip(key, 40)}", findings) or ()
        for key, others in _mapping(about, "related", findings).items()
    }
    found.include(findings)
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
    found.error("wrong-type", f"the file contains {rules.kind_of(value)}", "it must be an object")
    return {}
