"""Prompt and completion as JSON lines: one file per task, like the rows of T0's training mixture.

The instruction is inside each prompt, so the task has no definition. A `templates.csv` (template, dataset, rows) in the
same folder gives the dataset of each task.
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
from tuition.tasks.readers.common.json_task import valid_rows
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
    'set which it is in a card: tuition card TABLE --instruction "what to do" --outputs references (each item is a '
    "correct answer by itself) or --outputs text (only all together are correct: the output is one text)"
)
_WHOLE_PROMPT = (
    "the prompt must contain the whole input; write a card that names all columns of the input, with tuition card "
    'TABLE --instruction "what to do" --input … --output completion'
)


@dataclass(frozen=True, slots=True)
class _File:
    """One task's file, its dataset, and the number of rows it should have, if the list gives it."""

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
    extra_files = [folder / _LIST] if os.path.lexists(folder / _LIST) else []
    return file_tasks.collection(path, files, _read_task, found, extra_files=extra_files)


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
    """Return the dataset and the number of rows of each template in the list; empty if there is no list."""
    file = folder / _LIST
    if not os.path.lexists(file):
        return {}
    findings = Findings(file)
    lines = (read_text(file, folder, findings) or "").split("\n")
    columns = _cells(lines[0], findings, 1)
    listed: dict[str, tuple[str, int | None]] = {}
    if not {"template", "dataset"} <= set(columns):
        message = f"the first line is {clip(lines[0])!r}"
        findings.warning("unknown-columns", message, "it must be template,dataset,rows", line=1)
        lines = []
    for number, line in enumerate(lines[1:], start=2):
        cells = _cells(line, findings, number)
        row = dict(zip(columns, cells, strict=False))
        if not cells:
            continue
        if len(cells) != len(columns):
            message = f"{len(cells)} columns where the first line has {len(columns)}; the line is ignored"
            findings.warning("ragged-row", message, "give each line the same number", line=number)
        elif row["template"] in listed:
            findings.warning("listed-twice", f"{clip(row['template'])!r} occurs twice", "once is enough", line=number)
        elif all(rules.is_text(row[column], column, findings) for column in ("template", "dataset")):
            rows = row.get("rows", "")
            listed[row["template"]] = (row["dataset"], int(rows) if rows.isdecimal() and len(rows) < 10 else None)
    found.include(findings)
    return listed


def _cells(line: str, findings: Findings, number: int) -> list[str]:
    try:
        return next(csv.reader([line.removesuffix("\r")], strict=True), [])
    except csv.Error as fault:
        findings.warning("broken-csv", f"the line cannot be split ({fault})", "check its quotes", line=number)
        return []


def _compare(
    listed: Mapping[str, tuple[str, int | None]], files: Mapping[str, _File], folder: Path, found: Findings
) -> None:
    findings = Findings(folder / _LIST)
    for name, (_, rows) in listed.items():
        if name not in files and rows:
            findings.warning("unknown-task", f"there is no file of the template {clip(name)!r}", "add its file")
    for name in files if listed else ():
        if name not in listed:
            findings.warning("not-listed", f"{clip(name)!r} is not listed; its dataset is not known", "add its line")
    found.include(findings)


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
    return valid_rows(_walk(file, found), found)


def _audit_task(file: _File) -> Audit:
    found = file.findings()
    count = sum(1 for _ in _walk(file, found))
    if file.rows is not None and count != file.rows and not found.failed:
        found.warning("other-count", f"it has {count} rows", f"{_LIST} gives {file.rows}: is the file complete?")
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
            found.error("column-left-out", f"it has {named} in addition to prompt and completion", _WHOLE_PROMPT)
        found.index = None
        if instance is not None:
            yield instance
