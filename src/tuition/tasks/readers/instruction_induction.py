"""Instruction induction (Honovich et al. 2022, arXiv:2205.10782): one JSON file per task.

`instructions` are several wordings of one definition; `train` and `test` have rows of the form [input, [outputs]].
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tuition.tasks.readers.common import file_tasks, rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import Schema, TaskFile, audit_task, element, read_task
from tuition.tasks.readers.common.sniff import keys_at
from tuition.tasks.types import Instance, RowSplit

_EXPECTED = "a folder of .json files, or one, with instructions and rows [input, [outputs]] in train and test"


def _instance(row: object, index: int, split: RowSplit, seen: dict[str, int], found: Findings) -> Instance | None:
    if not isinstance(row, list) or len(row) != 2:
        what = f"a list of {len(row)}" if isinstance(row, list) else rules.kind_of(row)
        found.error("wrong-type", f"it is {what}", "a row is a list of two: the input and a list of outputs")
        return None
    return rules.instance({"input": row[0], "output": row[1]}, index, seen, found, split=split)


def _name(value: object, what: str, found: Findings) -> Mapping[str, object]:
    """Keep the name in the file only if it differs from the task's name, which is the file's name."""
    if not rules.is_text(value, what, found) or value == found.task:
        return {}
    found.warning("other-name", f"{what} is {rules.kind_of(value)}", "the task is named after its file")
    return {"extra": {"name": value}}


INDUCTION = Schema(
    elements={"name": _name, "instructions": element("definitions", rules.definitions)},
    rows={"train": "train", "test": "test"},
    row=_instance,
    required=("instructions",),
)


def _recognises(path: Path) -> bool:
    keys = keys_at(path, ".json")
    return "instructions" in keys and (not path.is_file() or bool(keys & {"train", "test", "name"}))


def _lay_out(path: Path, found: Findings) -> dict[str, TaskFile]:
    if path.is_file():
        files = {path.stem: TaskFile(path, path.stem, path, INDUCTION)}
    else:
        names = file_tasks.list_files(path, ".json", _EXPECTED, found)
        stems = [(name, name[: -len(".json")]) for name in names]
        files = {stem: TaskFile(path / name, stem, path, INDUCTION) for name, stem in stems}
    file_tasks.drop_unsafe(files, found)
    return files


READER = file_tasks.reader("instruction_induction", _EXPECTED, _recognises, _lay_out, read_task, audit_task)
