"""A task in its own JSON file: one object, of which only the requested parts are decoded.

A `Schema` defines what its keys mean: Super-NaturalInstructions, its predecessor and instruction induction each have
one.
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

TaskFields = dict[str, Any]
"""The fields of Task that were read from a file so far."""

Element = Callable[[object, str, Findings], Mapping[str, Any]]
"""A function that turns a key's value into fields of Task, and records what is wrong with it."""

RowRule = Callable[[object, int, RowSplit, dict[str, int], Findings], Instance | None]
"""A function that turns the row with that index into an Instance; the dictionary has the ids seen so far."""


def element(name: str, rule: Callable[[object, str, Findings], Any]) -> Element:
    """Return the function that stores the result of `rule` in one field of Task."""
    return partial(_as_field, name, rule)


def _as_field(
    name: str, rule: Callable[[object, str, Findings], Any], value: object, key: str, found: Findings
) -> TaskFields:
    result = rule(value, key, found)
    return {} if result is None else {name: result}


@dataclass(frozen=True, slots=True)
class Schema:
    """What the keys of a task's object mean.

    `elements` gives each key's rule; `rows` gives the keys with lists of instances, and the split of each list. A key
    in neither is kept in `Task.extra`. A missing key of `required` is an error; a missing key of `expected` is a
    warning with the help text given there.
    """

    elements: Mapping[str, Element]
    rows: Mapping[str, RowSplit]
    row: RowRule
    required: tuple[str, ...]
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One task's file, the collection's folder, which it must be inside, and what its keys mean."""

    path: Path
    name: str
    root: Path
    schema: Schema = field(repr=False)

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this file."""
        return Findings(self.path, self.name)


def read_task(file: TaskFile) -> Task:
    """Read a task without its instances, which are read when they are requested.

    Raises:
        ProblemsError: the task has faults; the error lists all faults of the file.
    """
    found = file.findings()
    fields: TaskFields = {}
    for _ in _walk(file, found, fields, rows=False):
        pass
    if found.failed:
        raise ProblemsError(error for error in audit_task(file).findings if error.severity == "error")
    return make_task(file, fields)


def make_task(file: TaskFile, fields: TaskFields) -> Task:
    """Return the task with these fields; its instances are read from the file."""
    return Task(file.name, read_instances=partial(_read_instances, file), **{"definitions": (), **fields})


def audit_task(file: TaskFile) -> Audit:
    """Read all of a task; return the count of its valid instances, and its faults."""
    found = file.findings()
    count = sum(1 for _ in _walk(file, found, {}, rows=True))
    return Audit(1, count, found.all())


def valid_rows(walk: Iterator[Instance], found: Findings) -> Iterator[Instance]:
    """Yield from `walk` until something is wrong; then read to its end and raise with all faults.

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
    return valid_rows(_walk(file, found, {}, rows=True), found)


def _walk(file: TaskFile, found: Findings, fields: TaskFields, *, rows: bool) -> Iterator[Instance]:
    """Yield the valid instances of a file; the task's fields go to `fields` and what is wrong to `found`.

    Without `rows` no instance is yielded, and none is decoded if this can be avoided.
    """
    text = read_text(file.path, file.root, found)
    if text is not None:
        yield from walk(file.schema, Cursor(text), found, fields, rows=rows)


def walk(schema: Schema, cursor: Cursor, found: Findings, fields: TaskFields, *, rows: bool) -> Iterator[Instance]:
    """Yield the valid instances of a task's text, as `read_task` and `Task.instances` read it.

    When an instance is yielded, its row is the text between the cursor's `start` and `at`.
    """
    found.line_at = cursor.line
    try:
        yield from _members(schema, cursor, found, fields, rows)
    except (json.JSONDecodeError, RecursionError) as fault:
        note_oddities(cursor.oddities, found)
        note_fault(cursor, fault, found)


def _members(schema: Schema, cursor: Cursor, found: Findings, fields: TaskFields, rows: bool) -> Iterator[Instance]:
    found.position = cursor.at
    if not cursor.opens("{"):
        found.error("wrong-type", f"the file contains {rules.kind_of(cursor.value())}", "it must be one task's object")
        return
    keys: dict[str, None] = {}
    seen: dict[str, int] = {}
    for key in cursor.members():
        found.position = cursor.at
        if key in schema.rows:
            if rows and key not in keys:
                yield from _rows(schema, key, cursor, seen, found)
            elif not _skip_list(cursor) and schema.elements.keys() <= keys.keys():
                return
        elif key in schema.elements:
            new = schema.elements[key](cursor.value(), key, found)
            if key not in keys and any(fields.get(name) for name in new if name != "extra"):
                found.error("duplicate-field", f"{key} sets a field that another key has set", "keep one of them")
            _add(new, fields)
        else:
            value = cursor.value()
            if rules.is_plain(value, clip(key), found) and rules.is_text(key, "the key", found):
                _add({"extra": {key: value}}, fields)
        keys[key] = None
        note_oddities(cursor.oddities, found)
    cursor.end()
    note_oddities(cursor.oddities, found)
    found.position = None
    _note_missing(schema, keys, found)
    if rows and not seen and len(schema.rows) > 1 and not found.failed:
        found.error("no-instances", f"{' and '.join(schema.rows)} have no rows", "give at least one instance")


def _skip_list(cursor: Cursor) -> bool:
    """Move past the list of instances; False if it is broken, which is reported when the instances are read."""
    if cursor.jumps_list():
        return True
    try:
        cursor.value()
    except (json.JSONDecodeError, RecursionError):
        cursor.oddities.clear()
        return False
    return True


def _add(new: Mapping[str, Any], fields: TaskFields) -> None:
    extra = {**fields.get("extra", {}), **new.get("extra", {})}
    fields.update(new)
    if extra:
        fields["extra"] = extra


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
        found.error("no-instances", f"{key} is empty", "give at least one instance to train or evaluate on")


def _note_missing(schema: Schema, keys: Mapping[str, None], found: Findings) -> None:
    missing = [key for key in schema.required if key not in keys]
    if not any(key in keys for key in schema.rows):
        missing.append(" or ".join(schema.rows))
    for key in missing:
        near = difflib.get_close_matches(key, [other for other in list(keys)[:50] if len(other) < 50], n=1)
        hint = f"; did you mean it by {near[0]!r}?" if near else ""
        found.error("missing-key", f"there is no {key!r}", f"every task has one{hint}")
    for key, help_ in schema.expected.items():
        if key not in keys:
            found.warning("missing-key", f"there is no {key!r}", help_)
