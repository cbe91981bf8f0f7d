"""Super-NaturalInstructions as a collection: one task's file, a folder of them, or a checkout with lists of splits."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.collection import Collection, TaskSplit, name_fault
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.readers.superni_task import TaskFile, audit_task, read_task
from tuition.tasks.readers.textfile import read_bytes, read_text
from tuition.tasks.types import Task

_TASK_FILE = re.compile(r"task([0-9]+)(_.*)?\.json", re.DOTALL)
_EXPECTED = "a folder of taskNNN_*.json, a checkout with tasks/ and splits/, or one task's .json file"
_SAFE_NAME = "use letters, digits, '_' and '-'"


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a collection's file names and lists say, before any task is read."""

    files: Mapping[str, TaskFile]
    splits: Mapping[str, TaskSplit]


def _recognises(path: Path) -> bool:
    if path.is_file():
        return path.suffix == ".json"
    return (path / "tasks").is_dir() or any(_TASK_FILE.fullmatch(entry.name) for entry in os.scandir(path))


def _open(path: Path) -> Collection:
    found = Findings(path)
    layout = _lay_out(path, found)
    if found.failed:
        raise ProblemsError(found.errors())
    files = layout.files
    return Collection(
        path,
        tuple(files),
        read_task=partial(_read_named, files),
        splits=layout.splits,
        fingerprint_of=partial(_fingerprint, files),
    )


def _read_named(files: Mapping[str, TaskFile], name: str) -> Task:
    return read_task(files[name])


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    layout = _lay_out(path, found)
    yield Audit(0, 0, found.all())
    yield from map(audit_task, layout.files.values())


READER = Reader("superni", _EXPECTED, _recognises, _open, _audit)


def _lay_out(path: Path, found: Findings) -> _Layout:
    if path.is_file():
        files = {path.stem: TaskFile(path, path.stem, path)}
        splits: dict[str, TaskSplit] = {}
    else:
        folder = path / "tasks" if (path / "tasks").is_dir() else path
        files = _list_tasks(folder, path, found)
        splits = _list_splits(path, files, found) if folder is not path else {}
    for name in list(files):
        if fault := name_fault(name):
            found.error("unsafe-name", f"the task name {clip(name)!r} {fault}", _SAFE_NAME)
            del files[name]
    return _Layout(files, splits)


def _list_tasks(folder: Path, root: Path, found: Findings) -> dict[str, TaskFile]:
    """Return the tasks in the order of their numbers; everything comes from the folder's own listing."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        found.error("unreadable-folder", f"{folder} cannot be listed ({error.strerror})", "check its rights")
        return {}
    numbered = sorted((int(match[1]), name) for name in names if (match := _TASK_FILE.fullmatch(name)))
    others = [name for name in names if name.endswith(".json") and not _TASK_FILE.fullmatch(name)]
    if not numbered:
        seen = f", only files such as {clip(others[0], 60)!r}" if others else ""
        found.error("no-tasks", f"there are no tasks in it{seen}", f"expected {_EXPECTED}")
        return {}
    for name in others:
        found.warning("not-a-task-file", f"{clip(name)!r} is left out", "a task's file is named taskNNN_*.json")
    folded: dict[str, str] = {}
    for _, name in numbered:
        if (first := folded.setdefault(name.casefold(), name)) != name:
            both = f"{clip(first)!r} and {clip(name)!r} are one name but for upper and lower case"
            found.error("duplicate-name", both, "rename one: many file systems can hold only one of them")
    return {name[: -len(".json")]: TaskFile(folder / name, name[: -len(".json")], root) for _, name in numbered}


def _list_splits(root: Path, files: Mapping[str, TaskFile], found: Findings) -> dict[str, TaskSplit]:
    if not os.path.lexists(root / "splits"):
        return {}
    try:
        folders = sorted(entry for entry in (root / "splits").iterdir() if entry.is_dir())
    except OSError as error:
        found.error("unreadable-folder", f"splits/ cannot be listed ({error.strerror})", "check its rights")
        return {}
    splits: dict[str, TaskSplit] = {}
    for folder in folders:
        lists = [folder / f"{side}_tasks.txt" for side in ("train", "test")]
        if not any(os.path.lexists(file) for file in lists):
            continue
        if fault := name_fault(folder.name):
            found.error("unsafe-name", f"the split name {clip(folder.name)!r} {fault}", _SAFE_NAME)
            continue
        train, test = (_split_list(file, root, files, found) for file in lists)
        if both := [name for name in train if name in set(test)]:
            names = ", ".join(both[:3]) + (", …" if len(both) > 3 else "")
            message = f"the split {folder.name!r} has {len(both)} tasks both in train and in test: {names}"
            found.error("seen-and-unseen", message, "a task is either trained on or held out")
        splits[folder.name] = TaskSplit(train, test)
    return splits


def _split_list(file: Path, root: Path, files: Mapping[str, TaskFile], found: Findings) -> tuple[str, ...]:
    """Return the names of a list that have a file, in its order. The names are compared, never made into paths."""
    if not os.path.lexists(file):
        return ()
    place = Findings(file)
    lines: dict[str, int] = {}
    for line, row in enumerate((read_text(file, root, place) or "").split("\n"), start=1):
        name = row.strip()
        if name and name in lines:
            message = f"{clip(name)!r} stands here and at line {lines[name]}"
            place.warning("listed-twice", message, "once is enough", line=line)
        elif name and (fault := name_fault(name)):
            message = f"the name {clip(name)!r} {fault}; it is left out"
            place.warning("unsafe-name", message, _SAFE_NAME, line=line)
        elif name and name not in files:
            message = f"there is no file of the task {clip(name)!r}; it is left out"
            place.warning("unknown-task", message, _nearest(name, files), line=line)
        if name:
            lines.setdefault(name, line)
    found.include(place)
    return tuple(name for name in lines if name in files)


def _nearest(name: str, files: Mapping[str, TaskFile]) -> str:
    word = name.split("_")[0]
    same = next((other for other in files if other.split("_")[0] == word), None)
    return f"is {same!r} meant?" if same else "add its file, or take the line out"


def _fingerprint(files: Mapping[str, TaskFile]) -> str:
    digest = hashlib.sha256()
    for file in files.values():
        found = file.findings()
        data = read_bytes(file.path, file.root, found)
        if data is None:
            raise ProblemsError(found.errors())
        digest.update(f"{file.name}\0{hashlib.sha256(data).hexdigest()}\0".encode())
    return digest.hexdigest()
