"""Prompt and completion as JSON lines: one file a task, as the rows of T0's training mixture are given.

The instruction is inside each prompt, so that the task has no definition. Where a `templates.csv` (template, dataset,
rows) lies beside the files, it says which dataset each task is from.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.collection import Collection
from tuition.tasks.readers.common import file_tasks, rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import sound_rows
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.sniff import keys_at
from tuition.tasks.readers.common.text_file import is_inside, note_unreadable, read_text
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.readers.table.guess import left_out
from tuition.tasks.types import Instance, Task

_EXPECTED = 'a folder of .jsonl files, or one, with rows {"prompt": …, "completion": …}'
_KEYS = rules.RowKeys("prompt", "completion")
_LIST = "templates.csv"
_WHICH = (
    'say which it is in a card: tuition card TABLE --instruction "what is to be done" --outputs references (each one '
    "alone is a right answer), or --outputs text (they are right together, and are learnt as one text)"
)
_WHOLE_PROMPT = (
    "a prompt holds all that is read; write a card that names all columns of the input, with tuition card TABLE "
    '--instruction "what is to be done" --input … --output completion'
)


@dataclass(frozen=True, slots=True)
class _File:
    """One task's file, the dataset that it is from, and the number of rows it should have, where the list tells."""

    path: Path
    name: str
    root: Path
    dataset: str = ""
    rows: int | None = None

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this file."""
        return Findings(self.path, self.name)


def _recognises(path: Path) -> bool:
    return {"prompt", "completion"} <= keys_at(path, ".jsonl")


def _open(path: Path) -> Collection:
    found = Findings(path)
    files = _lay_out(path, found)
    folder = path.parent if path.is_file() else path
    beside = [folder / _LIST] if os.path.lexists(folder / _LIST) else []
    return file_tasks.collection(path, files, _read_task, found, beside=beside)


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    files = _lay_out(path, found)
    yield Audit(0, 0, found.all())
    yield from map(_audit_task, files.values())


READER = Reader("prompted", _EXPECTED, _recognises, _open, _audit)


def _lay_out(path: Path, found: Findings) -> dict[str, _File]:
    if path.is_file():
        listed = _read_list(path.parent, found)
        files = {path.stem: _File(path, path.stem, path, *listed.get(path.stem, ()))}
    else:
        listed = _read_list(path, found)
        names = file_tasks.list_files(path, ".jsonl", _EXPECTED, found)
        stems = [(name, name[: -len(".jsonl")]) for name in names]
        files = {stem: _File(path / name, stem, path, *listed.get(stem, ())) for name, stem in stems}
        _compare(listed, files, path, found)
    file_tasks.drop_unsafe(files, found)
    return files


def _read_list(folder: Path, found: Findings) -> dict[str, tuple[str, int | None]]:
    """Return the dataset and the number of rows of each template that the list names; empty where there is no list."""
    file = folder / _LIST
    if not os.path.lexists(file):
        return {}
    place = Findings(file)
    lines = (read_text(file, folder, place) or "").split("\n")
    columns = _cells(lines[0], place, 1)
    listed: dict[str, tuple[str, int | None]] = {}
    if not {"template", "dataset"} <= set(columns):
        place.warning("unknown-columns", f"the first line is {clip(lines[0])!r}", "it is template,dataset,rows", line=1)
        lines = []
    for number, line in enumerate(lines[1:], start=2):
        cells = _cells(line, place, number)
        row = dict(zip(columns, cells, strict=False))
        if not cells:
            continue
        if len(cells) != len(columns):
            message = f"{len(cells)} columns where the first line has {len(columns)}; it is left out"
            place.warning("ragged-row", message, "give each line as many", line=number)
        elif row["template"] in listed:
            place.warning("listed-twice", f"{clip(row['template'])!r} stands twice", "once is enough", line=number)
        elif rules.is_text(row["template"], "template", place) and rules.is_text(row["dataset"], "dataset", place):
            rows = row.get("rows", "")
            listed[row["template"]] = (row["dataset"], int(rows) if rows.isdecimal() and len(rows) < 10 else None)
    found.include(place)
    return listed


def _cells(line: str, place: Findings, number: int) -> list[str]:
    try:
        return next(csv.reader([line.removesuffix("\r")], strict=True), [])
    except csv.Error as fault:
        place.warning("broken-csv", f"the line cannot be divided ({fault})", "mind its quotes", line=number)
        return []


def _compare(
    listed: Mapping[str, tuple[str, int | None]], files: Mapping[str, _File], folder: Path, found: Findings
) -> None:
    place = Findings(folder / _LIST)
    for name, (_, rows) in listed.items():
        if name not in files and rows:
            place.warning("unknown-task", f"there is no file of the template {clip(name)!r}", "add its file")
    for name in files if listed else ():
        if name not in listed:
            place.warning("not-listed", f"{clip(name)!r} is not listed; its dataset is not known", "add its line")
    found.include(place)


def _read_task(file: _File) -> Task:
    found = file.findings()
    try:
        is_inside(file.path, file.root, found)
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(
        file.name, (), read_instances=partial(_read_instances, file), sources=(file.dataset,) if file.dataset else ()
    )


def _read_instances(file: _File) -> Iterator[Instance]:
    found = file.findings()
    return sound_rows(_walk(file, found), found)


def _audit_task(file: _File) -> Audit:
    found = file.findings()
    count = sum(1 for _ in _walk(file, found))
    if file.rows is not None and count != file.rows and not found.failed:
        found.warning("other-count", f"it has {count} rows", f"{_LIST} says {file.rows}: is the file whole?")
    return Audit(1, count, found.all())


def _walk(file: _File, found: Findings) -> Iterator[Instance]:
    seen: dict[str, int] = {}
    for index, (_, row) in enumerate(read_json_lines(file.path, file.root, found)):
        found.index, found.id = index, row.get("id") if isinstance(row, dict) else None
        instance = rules.instance(row, index, seen, found, _KEYS)
        if instance is not None and len(instance.outputs) > 1:
            found.error("list-of-outputs", "completion is a list: several accepted answers, or a set of labels", _WHICH)
        if instance is not None and instance.fields and (others := left_out((), [*instance.fields], [instance.fields])):
            named = ", ".join(repr(clip(name, 40)) for name in others[:10])
            found.error("column-left-out", f"it has {named} beside prompt and completion", _WHOLE_PROMPT)
        found.index = None
        if instance is not None:
            yield instance
