"""Natural Instructions, version 1 (Mishra et al. 2022, arXiv:2104.08773): one JSON file per task.

Title, Prompt, Definition, Things to Avoid, Emphasis & Caution, Examples and Instances. A field, a list or an example
that is `-` is absent. An example's `reason` is kept as its explanation.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.common import file_tasks, rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import (
    Element,
    Schema,
    TaskFields,
    TaskFile,
    audit_task,
    element,
    read_task,
)
from tuition.tasks.readers.common.sniff import first_is_table, keys_at
from tuition.tasks.types import Example, Instance, RowSplit

_SUBTASK_FILE = re.compile(r"subtask([0-9]+)(_.*)?\.json", re.DOTALL)
_EXPECTED = "a folder of subtaskNNN_*.json, or .json files that have Title and Prompt"
_EXAMPLE_KEYS = {"explanation": "explanation", "reason": "explanation", "suggestion": "suggestion"}


def _is_absent(value: object) -> bool:
    return (isinstance(value, str) and value.strip() == "-") or (
        isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and value[0].strip() == "-"
    )


def _text(value: object, what: str, found: Findings) -> str | None:
    return None if _is_absent(value) or not rules.is_text(value, what, found) else str(value)


def _definitions(value: object, what: str, found: Findings) -> tuple[str, ...] | None:
    return None if _is_absent(value) else rules.definitions(value, what, found)


def _examples(value: object, what: str, found: Findings) -> tuple[Example, ...] | None:
    if _is_absent(value):
        return None
    present = [item for item in value if not _is_absent(item)] if isinstance(value, list) else value
    return tuple(map(_without_dashes, rules.examples(present, what, found, _EXAMPLE_KEYS)))


def _without_dashes(example: Example) -> Example:
    absent = {key: "" for key in ("explanation", "suggestion") if _is_absent(getattr(example, key))}
    return replace(example, **absent) if absent else example


_EXAMPLES: dict[str, Element] = {
    "Positive Examples": element("positive_examples", _examples),
    "Negative Examples": element("negative_examples", _examples),
}


def _wrapped_examples(value: object, what: str, found: Findings) -> TaskFields:
    if _is_absent(value):
        return {}
    if not isinstance(value, dict):
        expected = "it must be an object with 'Positive Examples' and 'Negative Examples', or '-'"
        found.error("wrong-type", f"{what} is {rules.kind_of(value)}", expected)
        return {}
    fields: dict[str, Any] = {}
    for key, part in value.items():
        if key in _EXAMPLES:
            fields.update(_EXAMPLES[key](part, f"{what}.{key}", found))
        else:
            found.warning("unknown-key", f"{what} also has {clip(key, 40)!r}", "it is ignored")
    return fields


def _instance(row: object, index: int, split: RowSplit, seen: dict[str, int], found: Findings) -> Instance | None:
    return rules.instance(row, index, seen, found, split=split)


NI_V1 = Schema(
    elements={
        "Title": element("title", _text),
        "Prompt": element("prompt", _text),
        "Definition": element("definitions", _definitions),
        "Things to Avoid": element("things_to_avoid", _text),
        "Emphasis & Caution": element("emphasis", _text),
        "Examples": _wrapped_examples,
        **_EXAMPLES,
        "Categories": element("categories", rules.texts),
        "Source": element("sources", rules.texts),
    },
    rows={"Instances": ""},
    row=_instance,
    required=(),
    expected={"Definition": "write one, or '-' if there is none"},
)


def _recognises(path: Path) -> bool:
    if path.is_file():
        named = _SUBTASK_FILE.fullmatch(path.name) is not None and not first_is_table([path])
        return {"Title", "Prompt"} <= keys_at(path, ".json") or named
    files = sorted(entry.path for entry in os.scandir(path) if _SUBTASK_FILE.fullmatch(entry.name))
    if files and not first_is_table(map(Path, files)):  # a list of objects is a table, whatever its name
        return True
    return {"Title", "Prompt"} <= keys_at(path, ".json")


def _lay_out(path: Path, found: Findings) -> dict[str, TaskFile]:
    """Return the tasks in the order of their numbers, or of their names if they have no numbers."""
    if path.is_file():
        files = {path.stem: TaskFile(path, path.stem, path, NI_V1)}
    else:
        names = file_tasks.list_files(path, ".json", _EXPECTED, found)
        numbered = sorted((int(match[1]), name) for name in names if (match := _SUBTASK_FILE.fullmatch(name)))
        if numbered:
            for name in names:
                if not _SUBTASK_FILE.fullmatch(name):
                    found.warning(
                        "not-a-task-file", f"{clip(name)!r} is ignored", "a task's file is named subtaskNNN_*.json"
                    )
            names = [name for _, name in numbered]
        stems = [(name, name[: -len(".json")]) for name in names]
        files = {stem: TaskFile(path / name, stem, path, NI_V1) for name, stem in stems}
    file_tasks.drop_unsafe(files, found)
    return files


READER = file_tasks.reader("ni_v1", _EXPECTED, _recognises, _lay_out, read_task, audit_task)
