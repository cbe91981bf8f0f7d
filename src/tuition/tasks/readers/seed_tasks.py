"""Self-Instruct's seed tasks (Wang et al. 2023, arXiv:2212.10560): JSON lines, one task per line.

A line has `instruction`, `instances` (input and output; the input may be empty if the instruction is enough), and
usually `id`, `name` and `is_classification`. All keys but the first two are kept in `Task.extra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.collection import Collection, name_fault
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.file_tasks import SAFE_NAME, content_sha256
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import Line, walk_json_lines
from tuition.tasks.readers.common.sniff import keys_at
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.types import Instance, Task

_EXPECTED = 'one .jsonl file with a task per line, {"instruction": …, "instances": [{"input": …, "output": …}]}'
_NAME_LENGTH = 60
_KEYS = rules.RowKeys(blank_input=True)


def _recognises(path: Path) -> bool:
    return path.is_file() and {"instruction", "instances"} <= keys_at(path, ".jsonl")


def _open(path: Path) -> Collection:
    found = Findings(path)
    lines = {name: line for name, line, _ in _named(path, found)}
    if found.failed:
        raise ProblemsError(found.errors())
    read = partial(_read_task, path, lines)
    return Collection(path, tuple(lines), read_task=read, fingerprint_of=partial(_fingerprint, path))


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    tasks = instances = 0
    for name, _, row in _named(path, found):
        found.task = name
        tasks += 1
        instances += len(_elements(row, found)[1])
        found.task = None
    yield Audit(tasks, instances, found.all())


READER = Reader("seed_tasks", _EXPECTED, _recognises, _open, _audit)


def _fingerprint(path: Path) -> str:
    return content_sha256(path, path, Findings(path))


def _named(path: Path, found: Findings) -> Iterator[tuple[str, Line, dict[str, Any]]]:
    """Yield the task's name, the line and its object for each valid line; other lines are errors in `found`."""
    names: dict[str, int] = {}
    for line, row in walk_json_lines(path, path, found):
        if not isinstance(row, dict):
            found.error("wrong-type", f"the line contains {rules.kind_of(row)}", "each line must be one task's object")
            continue
        name = _name(row, line, path)
        if fault := name_fault(name):
            found.error("unsafe-name", f"the task name {clip(name)!r} {fault}", SAFE_NAME)
        elif names.setdefault(name, line.number) != line.number:
            message = f"line {names[name]} has the same task, {clip(name)!r}"
            found.error("duplicate-name", message, "give each task its own id")
        else:
            yield name, line, row


def _name(row: Mapping[str, Any], line: Line, path: Path) -> str:
    """Return the id and the name, joined since neither need be unique; without both, the line's number.

    Characters that a path cannot have are replaced by `_`; the original id and name are in `Task.extra`.
    """
    values = [row.get(key) for key in ("id", "name")]
    parts = [str(part) for part in values if isinstance(part, str | int) and not isinstance(part, bool)]
    name = "_".join(part for part in map(_safe, parts) if part)
    return f"{path.stem}-{line.number}" if name_fault(name) else name


def _safe(part: str) -> str:
    replaced = (char if char.isprintable() and char not in "/\\:" else "_" for char in part[:_NAME_LENGTH])
    return re.sub(r"\.\.+", ".", "".join(replaced)).strip(" .-")


def _read_task(path: Path, lines: Mapping[str, Line], name: str) -> Task:
    found = Findings(path, name)
    fields, _ = _elements(_row(path, lines[name], found), found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(name, read_instances=partial(_read_instances, path, name, lines[name]), **fields)


def _read_instances(path: Path, name: str, line: Line) -> Iterator[Instance]:
    found = Findings(path, name)
    _, rows = _elements(_row(path, line, found), found)
    if found.failed:
        raise ProblemsError(found.errors())
    yield from rows


def _row(path: Path, line: Line, found: Findings) -> dict[str, Any]:
    """Read one line again.

    Raises:
        ProblemsError: it cannot be read, or the file has changed and the line is another task's.
    """
    with closing(walk_json_lines(path, path, found, line)) as lines:
        current, row = next(lines, (line, None))
        if current != line or not isinstance(row, dict) or _name(row, line, path) != found.task:
            message = f"line {line.number} no longer has this task"
            found.error("changed-file", message, "open the collection again: its file has changed")
            raise ProblemsError(found.errors())
    found.line = line.number
    return row


def _elements(row: Mapping[str, Any], found: Findings) -> tuple[dict[str, Any], list[Instance]]:
    """Return the fields of a line's task, and its valid instances."""
    fields: dict[str, Any] = {"definitions": ()}
    if "instruction" in row:
        fields["definitions"] = rules.definitions(row["instruction"], "instruction", found) or ()
    else:
        found.error("missing-key", "there is no 'instruction'", "every task has one")
    rest = {key: value for key, value in row.items() if key not in ("instruction", "instances")}
    rules.is_plain(rest, "the task", found)
    fields["extra"] = rest
    items = row.get("instances")
    if not isinstance(items, list) or not items:
        what = "missing" if "instances" not in row else rules.kind_of(items) if items != [] else "empty"
        found.error("no-instances", f"instances is {what}", "give a list of at least one instance")
        return fields, []
    seen: dict[str, int] = {}
    instances: list[Instance] = []
    for index, item in enumerate(items):
        found.index, found.id = index, item.get("id") if isinstance(item, dict) else None
        instance = rules.instance(item, index, seen, found, _KEYS)
        if instance is not None:
            instances.append(instance)
    found.index = None
    return fields, instances
