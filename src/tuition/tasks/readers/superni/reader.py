"""Super-NaturalInstructions as a collection: one task's file, a folder of such files, or a checkout with splits/."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.collection import Collection, TaskSplit, name_fault
from tuition.tasks.index.source import with_index
from tuition.tasks.readers.common import file_tasks
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import TaskFile, audit_task, read_task
from tuition.tasks.readers.common.sniff import first_is_table, keys_at
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.readers.superni.task import SUPERNI

_TASK_FILE = re.compile(r"task([0-9]+)(_.*)?\.json", re.DOTALL)
_TYPICAL_KEYS = {"Definition", "Instances", "Positive Examples"}
_EXPECTED = "a folder of taskNNN_*.json, a checkout with tasks/ and splits/, or one task's .json file"


@dataclass(frozen=True, slots=True)
class _Layout:
    """A collection's task files and splits, before any task is read."""

    files: Mapping[str, TaskFile]
    splits: Mapping[str, TaskSplit]


def _recognises(path: Path) -> bool:
    if path.is_file():
        if path.suffix != ".json":
            return False
        keys = keys_at(path, ".json")
        if not keys and first_is_table([path]):  # a table, whatever its name
            return False
        if {"Title", "Prompt"} <= keys or "instructions" in keys:  # other formats
            return False
        return len(keys & _TYPICAL_KEYS) > 1 or _TASK_FILE.fullmatch(path.name) is not None
    if (path / "tasks").is_dir():
        return True
    named = sorted(entry.path for entry in os.scandir(path) if _TASK_FILE.fullmatch(entry.name))
    return bool(named) and not first_is_table(map(Path, named))


def _open(path: Path) -> Collection:
    found = Findings(path)
    layout = _lay_out(path, found)
    opened = file_tasks.collection(path, layout.files, read_task, found, splits=layout.splits)
    return with_index(opened, layout.files, READER.name)


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    layout = _lay_out(path, found)
    yield Audit(0, 0, found.all())
    yield from map(audit_task, layout.files.values())


READER = Reader("superni", _EXPECTED, _recognises, _open, _audit)


def _lay_out(path: Path, found: Findings) -> _Layout:
    if path.is_file():
        files = {path.stem: TaskFile(path, path.stem, path, SUPERNI)}
        splits: dict[str, TaskSplit] = {}
    else:
        folder = path / "tasks" if (path / "tasks").is_dir() else path
        files = _list_tasks(folder, path, found)
        splits = _list_splits(path, files, found) if folder is not path else {}
    file_tasks.drop_unsafe(files, found)
    return _Layout(files, splits)


def _list_tasks(folder: Path, root: Path, found: Findings) -> dict[str, TaskFile]:
    """Return the tasks in the order of their numbers, from the names in the folder."""
    names = file_tasks.list_names(folder, found)
    if names is None:
        return {}
    numbered = sorted((int(match[1]), name) for name in names if (match := _TASK_FILE.fullmatch(name)))
    others = [name for name in names if name.endswith(".json") and not _TASK_FILE.fullmatch(name)]
    if not numbered:
        seen = f", only files such as {clip(others[0], 60)!r}" if others else ""
        found.error("no-tasks", f"there are no tasks in it{seen}", f"expected {_EXPECTED}")
        return {}
    for name in others:
        found.warning("not-a-task-file", f"{clip(name)!r} is ignored", "a task's file is named taskNNN_*.json")
    file_tasks.note_same_names((name for _, name in numbered), found)
    stems = [(name, name[: -len(".json")]) for _, name in numbered]
    return {stem: TaskFile(folder / name, stem, root, SUPERNI) for name, stem in stems}


def _list_splits(root: Path, files: Mapping[str, TaskFile], found: Findings) -> dict[str, TaskSplit]:
    if not os.path.lexists(root / "splits"):
        return {}
    try:
        folders = sorted(entry for entry in (root / "splits").iterdir() if entry.is_dir())
    except OSError as error:
        found.error("unreadable-folder", f"splits/ cannot be listed ({error.strerror})", "check its permissions")
        return {}
    splits: dict[str, TaskSplit] = {}
    for folder in folders:
        lists = [folder / f"{side}_tasks.txt" for side in ("train", "test")]
        if not any(os.path.lexists(file) for file in lists):
            continue
        if fault := name_fault(folder.name):
            found.error("unsafe-name", f"the split name {clip(folder.name)!r} {fault}", file_tasks.SAFE_NAME)
            continue
        train, test = (_split_list(file, root, files, found) for file in lists)
        if both := [name for name in train if name in set(test)]:
            names = ", ".join(both[:3]) + (", …" if len(both) > 3 else "")
            message = f"the split {folder.name!r} has {len(both)} tasks both in train and in test: {names}"
            found.error("seen-and-unseen", message, "a task is either trained on or held out")
        splits[folder.name] = TaskSplit(train, test)
    return splits


def _split_list(file: Path, root: Path, files: Mapping[str, TaskFile], found: Findings) -> tuple[str, ...]:
    """Return a list's names that have a file, in its order. The names are only compared, never used as paths."""
    if not os.path.lexists(file):
        return ()
    findings = Findings(file)
    lines: dict[str, int] = {}
    for line, row in enumerate((read_text(file, root, findings) or "").split("\n"), start=1):
        name = row.strip()
        if name and name in lines:
            message = f"{clip(name)!r} is listed here and at line {lines[name]}"
            findings.warning("listed-twice", message, "once is enough", line=line)
        elif name and (fault := name_fault(name)):
            message = f"the name {clip(name)!r} {fault}; it is ignored"
            findings.warning("unsafe-name", message, file_tasks.SAFE_NAME, line=line)
        elif name and name not in files:
            message = f"there is no file of the task {clip(name)!r}; it is ignored"
            findings.warning("unknown-task", message, _nearest(name, files), line=line)
        if name:
            lines.setdefault(name, line)
    found.include(findings)
    return tuple(name for name in lines if name in files)


def _nearest(name: str, files: Mapping[str, TaskFile]) -> str:
    word = name.split("_")[0]
    same = next((other for other in files if other.split("_")[0] == word), None)
    return f"did you mean {same!r}?" if same else "add its file, or remove the line"
