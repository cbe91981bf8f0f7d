"""Self-Instruct's seed tasks (Wang et al. 2023, arXiv:2212.10560): JSON lines, one task a line.

A line has `instruction`, `instances` (input and output; the input may be empty, the instruction then says it all), and
mostly `id`, `name` and `is_classification`, which are kept in `Task.extra` with all that it has besides.
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

_EXPECTED = 'one .jsonl file with a task a line, {"instruction": …, "instances": [{"input": …, "output": …}]}'
_NAME_LENGTH = 60
_KEYS = rules.RowKeys(blank_input=True)


def _recognises(path: Path) -> bool:
    return path.is_file() and {"instruction", "instances"} <= keys_at(path, ".jsonl")


def _open(path: Path) -> Collection:
    found = Findings(path)
    places = {name: line for name, line, _ in _named(path, found)}
    if found.failed:
        raise ProblemsError(found.errors())
    read = partial(_read_task, path, places)
    return Collection(path, tuple(places), read_task=read, fingerprint_of=partial(_fingerprint, path))


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
    """Yield the name, the place and the object of each line that is a task's, and note those that are none."""
    names: dict[str, int] = {}
    for line, row in walk_json_lines(path, path, found):
        if not isinstance(row, dict):
            found.error("wrong-type", f"the line holds {rules.kind_of(row)}", "each line holds one task's object")
            continue
        name = _name(row, line, path)
        if fault := name_fault(name):
            found.error("unsafe-name", f"the task name {clip(name)!r} {fault}", SAFE_NAME)
        elif names.setdefault(name, line.number) != line.number:
            message = f"the task {clip(name)!r} stands at line {names[name]} too"
            found.error("duplicate-name", message, "give each task its own id")
        else:
            yield name, line, row


def _name(row: Mapping[str, Any], line: Line, path: Path) -> str:
    """Return the id and the name, which alone need not be unique, or the line's number where there is neither.

    What cannot stand in a path gives way to `_`; the source's own id and name stay in `Task.extra`.
    """
    given = [row.get(key) for key in ("id", "name")]
    told = [str(part) for part in given if isinstance(part, str | int) and not isinstance(part, bool)]
    name = "_".join(part for part in map(_safe, told) if part)
    return f"{path.stem}-{line.number}" if name_fault(name) else name


def _safe(part: str) -> str:
    fit = (sign if sign.isprintable() and sign not in "/\\:" else "_" for sign in part[:_NAME_LENGTH])
    return re.sub(r"\.\.+", ".", "".join(fit)).strip(" .-")


def _read_task(path: Path, places: Mapping[str, Line], name: str) -> Task:
    found = Findings(path, name)
    told, _ = _elements(_row(path, places[name], found), found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(name, read_instances=partial(_read_instances, path, name, places[name]), **told)


def _read_instances(path: Path, name: str, line: Line) -> Iterator[Instance]:
    found = Findings(path, name)
    _, rows = _elements(_row(path, line, found), found)
    if found.failed:
        raise ProblemsError(found.errors())
    yield from rows


def _row(path: Path, line: Line, found: Findings) -> dict[str, Any]:
    """Read one line anew.

    Raises:
        ProblemsError: it cannot be read, or is not the line that it was.
    """
    with closing(walk_json_lines(path, path, found, line)) as lines:
        place, row = next(lines, (line, None))
        if place != line or not isinstance(row, dict) or _name(row, line, path) != found.task:
            message = f"line {line.number} is no longer that of the task"
            found.error("changed-file", message, "open the collection again: its file has changed")
            raise ProblemsError(found.errors())
    found.line = line.number
    return row


def _elements(row: Mapping[str, Any], found: Findings) -> tuple[dict[str, Any], list[Instance]]:
    """Return the fields of the task that a line is, and its sound instances."""
    told: dict[str, Any] = {"definitions": ()}
    if "instruction" in row:
        told["definitions"] = rules.definitions(row["instruction"], "instruction", found) or ()
    else:
        found.error("missing-key", "there is no 'instruction'", "every task has one")
    rest = {key: value for key, value in row.items() if key not in ("instruction", "instances")}
    rules.is_plain(rest, "the task", found)
    told["extra"] = rest
    given = row.get("instances")
    if not isinstance(given, list) or not given:
        what = "missing" if "instances" not in row else rules.kind_of(given) if given != [] else "empty"
        found.error("no-instances", f"instances is {what}", "give a list of at least one instance")
        return told, []
    seen: dict[str, int] = {}
    instances: list[Instance] = []
    for index, item in enumerate(given):
        found.index, found.id = index, item.get("id") if isinstance(item, dict) else None
        instance = rules.instance(item, index, seen, found, _KEYS)
        if instance is not None:
            instances.append(instance)
    found.index = None
    return told, instances
