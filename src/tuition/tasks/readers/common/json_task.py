"""A task in a JSON file of its own: one object, of which no more is decoded than is asked for.

What its keys mean is a `Schema`: Super-NaturalInstructions, its forerunner and instruction induction each have theirs.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_text import Cursor, note_fault, note_oddities
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.reader import Audit
from tuition.tasks.types import Instance, RowSplit, Task

ElementKind = dict[str, Any]
"""The fields of Task that a file has told so far."""

Element = Callable[[object, str, Findings], Mapping[str, Any]]
"""A rule that turns a key's value into fields of Task, and notes what is wrong with it."""

RowRule = Callable[[object, int, RowSplit, dict[str, int], Findings], Instance | None]
"""A rule that turns the row of that index into an Instance; the dictionary holds the ids met so far."""


def element(name: str, rule: Callable[[object, str, Findings], Any]) -> Element:
    """Return the rule that puts what `rule` makes of a value into one field of Task."""
    return partial(_told, name, rule)


def _told(
    name: str, rule: Callable[[object, str, Findings], Any], value: object, key: str, found: Findings
) -> ElementKind:
    made = rule(value, key, found)
    return {} if made is None else {name: made}


@dataclass(frozen=True, slots=True)
class Schema:
    """What the keys of a task's object mean.

    `elements` gives each key's rule; `rows` the keys that hold lists of instances, with the set each is of. A key that
    is in neither is kept in `Task.extra`. A key of `required` that is missing is an error, one of `expected` a warning
    with that help.
    """

    elements: Mapping[str, Element]
    rows: Mapping[str, RowSplit]
    row: RowRule
    required: tuple[str, ...]
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One task's file, the collection that it may not lead out of, and what its keys mean."""

    path: Path
    name: str
    root: Path
    schema: Schema = field(repr=False)

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this file."""
        return Findings(self.path, self.name)


def read_task(file: TaskFile) -> Task:
    """Read what a task says; its instances stay where they are until they are asked for.

    Raises:
        ProblemsError: what is read has faults; all faults of the file are in it.
    """
    found = file.findings()
    told: ElementKind = {}
    for _ in _walk(file, found, told, rows=False):
        pass
    if found.failed:
        raise ProblemsError(error for error in audit_task(file).findings if error.severity == "error")
    return make_task(file, told)


def make_task(file: TaskFile, told: ElementKind) -> Task:
    """Return the task of a file that tells `told`; its instances are read from the file."""
    return Task(file.name, read_instances=partial(_read_instances, file), **{"definitions": (), **told})


def audit_task(file: TaskFile) -> Audit:
    """Read all of a task and count its sound instances and its faults."""
    found = file.findings()
    count = sum(1 for _ in _walk(file, found, {}, rows=True))
    return Audit(1, count, found.all())


def sound_rows(walk: Iterator[Instance], found: Findings) -> Iterator[Instance]:
    """Yield what `walk` does as long as nothing is wrong; then go to its end and tell all that is.

    Raises:
        ProblemsError: there are errors.
    """
    for instance in walk:
        if found.failed:
            break
        yield instance
    for _ in walk:  # the rest is read for its faults only
        pass
    if found.failed:
        raise ProblemsError(found.errors())


def _read_instances(file: TaskFile) -> Iterator[Instance]:
    found = file.findings()
    return sound_rows(_walk(file, found, {}, rows=True), found)


def _walk(file: TaskFile, found: Findings, told: ElementKind, *, rows: bool) -> Iterator[Instance]:
    """Yield the sound instances of a file, putting the task's elements into `told` and what is wrong into `found`.

    Without `rows` no instance is yielded, and none is decoded where that can be helped.
    """
    text = read_text(file.path, file.root, found)
    if text is not None:
        yield from walk(file.schema, Cursor(text), found, told, rows=rows)


def walk(schema: Schema, cursor: Cursor, found: Findings, told: ElementKind, *, rows: bool) -> Iterator[Instance]:
    """Yield the sound instances of a task's text, as `read_task` and `Task.instances` read it.

    While an instance is out, its row is what stands between the cursor's `start` and `at`.
    """
    found.line_at = cursor.line
    try:
        yield from _members(schema, cursor, found, told, rows)
    except (json.JSONDecodeError, RecursionError) as fault:
        note_oddities(cursor.oddities, found)
        note_fault(cursor, fault, found)


def _members(schema: Schema, cursor: Cursor, found: Findings, told: ElementKind, rows: bool) -> Iterator[Instance]:
    found.position = cursor.at
    if not cursor.opens("{"):
        found.error("wrong-type", f"the file holds {rules.kind_of(cursor.value())}", "it must hold one task's object")
        return
    keys: dict[str, None] = {}
    seen: dict[str, int] = {}
    for key in cursor.members():
        found.position = cursor.at
        if key in schema.rows:
            if rows and key not in keys:
                yield from _rows(schema, key, cursor, seen, found)
            elif not _passed_over(cursor) and schema.elements.keys() <= keys.keys():
                return
        elif key in schema.elements:
            made = schema.elements[key](cursor.value(), key, found)
            if key not in keys and any(told.get(name) for name in made if name != "extra"):
                found.error("told-twice", f"{key} tells what another key has told", "keep one of them")
            _put(made, told)
        else:
            value = cursor.value()
            if rules.is_plain(value, clip(key), found) and rules.is_text(key, "the key", found):
                _put({"extra": {key: value}}, told)
        keys[key] = None
        note_oddities(cursor.oddities, found)
    cursor.end()
    note_oddities(cursor.oddities, found)
    found.position = None
    _note_missing(schema, keys, found)
    if rows and not seen and len(schema.rows) > 1 and not found.failed:
        found.error("no-instances", f"{' and '.join(schema.rows)} hold no row", "give at least one instance")


def _passed_over(cursor: Cursor) -> bool:
    """Move behind the list of instances; False where it is broken, which is for those to tell who read it."""
    if cursor.jumps_list():
        return True
    try:
        cursor.value()
    except (json.JSONDecodeError, RecursionError):
        cursor.oddities.clear()
        return False
    return True


def _put(made: Mapping[str, Any], told: ElementKind) -> None:
    extra = {**told.get("extra", {}), **made.get("extra", {})}
    told.update(made)
    if extra:
        told["extra"] = extra


def _rows(schema: Schema, key: str, cursor: Cursor, seen: dict[str, int], found: Findings) -> Iterator[Instance]:
    if not cursor.opens("["):
        found.error("wrong-type", f"{key} is {rules.kind_of(cursor.value())}", "it must be a list of instances")
        return
    index = -1
    for index, row in enumerate(cursor.elements()):
        found.index, found.position = index, cursor.start
        found.id = row.get("id") if isinstance(row, dict) else schema.rows[key] or None
        if cursor.oddities:
            note_oddities(cursor.oddities, found)
        instance = schema.row(row, index, schema.rows[key], seen, found)
        found.index = None
        if instance is not None:
            yield instance
    if index < 0 and len(schema.rows) == 1:
        found.error("no-instances", f"{key} is empty", "give at least one instance to learn or judge by")


def _note_missing(schema: Schema, keys: Mapping[str, None], found: Findings) -> None:
    missing = [key for key in schema.required if key not in keys]
    if not any(key in keys for key in schema.rows):
        missing.append(" or ".join(schema.rows))
    for key in missing:
        near = difflib.get_close_matches(key, [other for other in list(keys)[:50] if len(other) < 50], n=1)
        hint = f"; is {near[0]!r} meant for it?" if near else ""
        found.error("missing-key", f"there is no {key!r}", f"every task has one{hint}")
    for key, help_ in schema.expected.items():
        if key not in keys:
            found.warning("missing-key", f"there is no {key!r}", help_)
