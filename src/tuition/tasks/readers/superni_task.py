"""One Super-NaturalInstructions task: a JSON object, of which no more is decoded than is asked for.

The schema is that of Wang et al. 2022 (arXiv:2204.07705): Definition, Positive Examples, Negative Examples, Instances,
Categories, Source, Domains and the three languages. Other keys are passed over.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tuition.base.errors import ProblemsError
from tuition.tasks.readers import rules
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.jsontext import Cursor, note_fault
from tuition.tasks.readers.reader import Audit
from tuition.tasks.readers.textfile import read_text
from tuition.tasks.types import Instance, Task

# The key in the file: the field of Task, and the rule that turns its value into that field.
_Rule = Callable[[object, str, Findings], tuple[Any, ...] | None]
_ELEMENTS: Mapping[str, tuple[str, _Rule]] = {
    "Definition": ("definitions", rules.definitions),
    "Positive Examples": ("positive_examples", rules.examples),
    "Negative Examples": ("negative_examples", rules.examples),
    "Categories": ("categories", rules.texts),
    "Source": ("sources", rules.texts),
    "Domains": ("domains", rules.texts),
    "Input_language": ("input_languages", rules.texts),
    "Output_language": ("output_languages", rules.texts),
    "Instruction_language": ("instruction_languages", rules.texts),
}
_Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One task's file, and the collection that it may not lead out of."""

    path: Path
    name: str
    root: Path

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this file."""
        return Findings(self.path, self.name)


def read_task(file: TaskFile) -> Task:
    """Read what a task says; its instances stay where they are until they are asked for.

    Raises:
        ProblemsError: what is read has faults; all faults of the file are in it.
    """
    found = file.findings()
    told: _Told = {}
    for _ in _walk(file, found, told, rows=False):
        pass
    if found.failed:
        found = file.findings()
        for _ in _walk(file, found, {}, rows=True):
            pass
        raise ProblemsError(found.errors())
    return Task(name=file.name, read_instances=partial(_read_instances, file), **told)


def audit_task(file: TaskFile) -> Audit:
    """Read all of a task and count its sound instances and its faults."""
    found = file.findings()
    count = sum(1 for _ in _walk(file, found, {}, rows=True))
    return Audit(1, count, found.all())


def _read_instances(file: TaskFile) -> Iterator[Instance]:
    found = file.findings()
    walk = _walk(file, found, {}, rows=True)
    for instance in walk:
        if found.failed:
            break
        yield instance
    for _ in walk:  # the rest is read for its faults only
        pass
    if found.failed:
        raise ProblemsError(found.errors())


def _walk(file: TaskFile, found: Findings, told: _Told, *, rows: bool) -> Iterator[Instance]:
    """Yield the sound instances of a file, putting the task's elements into `told` and what is wrong into `found`.

    Without `rows` no instance is yielded, and the walk ends at the instances if every element was told before them.
    """
    text = read_text(file.path, file.root, found)
    if text is None:
        return
    cursor = Cursor(text)
    found.line_at = cursor.line
    try:
        yield from _members(cursor, found, told, rows)
    except (json.JSONDecodeError, RecursionError) as fault:
        _note_oddities(cursor, found)
        note_fault(cursor, fault, found)


def _members(cursor: Cursor, found: Findings, told: _Told, rows: bool) -> Iterator[Instance]:
    found.position = cursor.at
    if not cursor.opens("{"):
        found.error("wrong-type", f"the file holds {rules.kind_of(cursor.value())}", "it must hold one task's object")
        return
    keys: dict[str, None] = {}
    for key in cursor.members():
        found.position = cursor.at
        if key == "Instances" and key not in keys:
            if rows:
                yield from _instances(cursor, found)
            elif _ELEMENTS.keys() <= keys.keys():
                return
        elif key in _ELEMENTS:
            field, rule = _ELEMENTS[key]
            told[field] = rule(cursor.value(), key, found) or ()
        else:
            cursor.value()
        keys[key] = None
        _note_oddities(cursor, found)
    cursor.end()
    _note_oddities(cursor, found)
    found.position = None
    _note_missing(keys, found)


def _instances(cursor: Cursor, found: Findings) -> Iterator[Instance]:
    if not cursor.opens("["):
        found.error("wrong-type", f"Instances is {rules.kind_of(cursor.value())}", "it must be a list of instances")
        return
    seen: dict[str, int] = {}
    index = -1
    for index, row in enumerate(cursor.elements()):
        found.index, found.position = index, cursor.start
        found.id = row.get("id") if isinstance(row, dict) else None
        if cursor.oddities:
            _note_oddities(cursor, found)
        instance = rules.instance(row, index, seen, found)
        found.index = None
        if instance is not None:
            yield instance
    if index < 0:
        found.error("no-instances", "Instances is empty", "give at least one instance to learn or judge by")


def _note_oddities(cursor: Cursor, found: Findings) -> None:
    for kind, what in cursor.oddities:
        found.error(kind, what, "keep one of them" if kind == "duplicate-key" else "write text, a number or null")
    cursor.oddities.clear()


def _note_missing(keys: Mapping[str, None], found: Findings) -> None:
    for key in ("Definition", "Instances"):
        if key not in keys:
            near = difflib.get_close_matches(key, [other for other in list(keys)[:50] if len(other) < 50], n=1)
            hint = f"; is {near[0]!r} meant for it?" if near else ""
            found.error("missing-key", f"there is no {key!r}", f"every task has one{hint}")
    if "Positive Examples" not in keys:
        found.warning("missing-key", "there is no 'Positive Examples'", "add two, or prompts will show none")
