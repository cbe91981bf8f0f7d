"""Collections with one task per file: the tasks' names, in order and checked, and the collection's fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tuition.base.errors import ProblemsError, clip
from tuition.base.fingerprints import file_sha256
from tuition.tasks.collection import Collection, TaskSplit, name_fault
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import is_inside, note_unreadable
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.types import Task

SAFE_NAME = "use letters, digits, '_' and '-'"


class NamedFile(Protocol):
    """A file with one task: its path, the task's name, and the collection's folder, which it must be inside."""

    @property
    def path(self) -> Path:
        """The file's path."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def root(self) -> Path:
        """The collection's folder (or the file itself), which links must not lead out of."""

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this file."""


F = TypeVar("F", bound=NamedFile)


def list_names(folder: Path, found: Findings) -> list[str] | None:
    """Return the names in a folder, sorted, without hidden ones; None, with the reason in `found`, if it has none."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        found.error("unreadable-folder", f"{folder} cannot be listed ({error.strerror})", "check its permissions")
        return None


def list_files(folder: Path, ending: str, expected: str, found: Findings) -> list[str]:
    """Return the names of a folder's files with that ending, sorted; if there are none, an error goes to `found`."""
    names = list_names(folder, found)
    if names is None:
        return []
    chosen = [name for name in names if name.endswith(ending)]
    if not chosen:
        found.error("no-tasks", "there are no tasks in it", f"expected {expected}")
    note_same_names(chosen, found)
    return chosen


def drop_unsafe(files: MutableMapping[str, Any], found: Findings) -> None:
    """Remove the tasks whose names cannot be used in paths, tables and terminals; each is an error in `found`."""
    for name in list(files):
        if fault := name_fault(name):
            found.error("unsafe-name", f"the task name {clip(name)!r} {fault}", SAFE_NAME)
            del files[name]


def note_same_names(names: Iterable[str], found: Findings) -> None:
    """Note names that differ by upper and lower case alone."""
    folded: dict[str, str] = {}
    for name in names:
        if (first := folded.setdefault(name.casefold(), name)) != name:
            both = f"{clip(first)!r} and {clip(name)!r} differ only in upper and lower case"
            found.error("duplicate-name", both, "rename one: many file systems can store only one of them")


def collection(
    path: Path,
    files: Mapping[str, F],
    read: Callable[[F], Task],
    found: Findings,
    splits: Mapping[str, TaskSplit] | None = None,
    extra_files: Iterable[Path] = (),
) -> Collection:
    """Return the collection of these files; `extra_files` also affect the tasks' content, so they are fingerprinted.

    Raises:
        ProblemsError: `found` has errors.
    """
    if found.failed:
        raise ProblemsError(found.errors())
    return Collection(
        path,
        tuple(files),
        read_task=partial(_read_named, files, read),
        splits=splits or {},
        fingerprint_of=partial(_fingerprint, files, tuple(extra_files)),
    )


def reader(
    name: str,
    expects: str,
    recognises: Callable[[Path], bool],
    lay_out: Callable[[Path, Findings], Mapping[str, F]],
    read: Callable[[F], Task],
    audit: Callable[[F], Audit],
) -> Reader:
    """Return a Reader of collections that consist of task files alone, which `lay_out` finds by name."""

    def open_(path: Path) -> Collection:
        found = Findings(path)
        return collection(path, lay_out(path, found), read, found)

    def audit_(path: Path) -> Iterator[Audit]:
        found = Findings(path)
        files = lay_out(path, found)
        yield Audit(0, 0, found.all())
        yield from map(audit, files.values())

    return Reader(name, expects, recognises, open_, audit_)


def _read_named(files: Mapping[str, F], read: Callable[[F], Task], name: str) -> Task:
    return read(files[name])


def _fingerprint(files: Mapping[str, NamedFile], extra_files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    hashed = [(file.name, file.path, file.root, file.findings()) for file in files.values()]
    hashed += [(file.name, file, file.parent, Findings(file)) for file in extra_files]
    for name, path, root, found in hashed:
        digest.update(f"{name}\0{content_sha256(path, root, found)}\0".encode())
    return digest.hexdigest()


def content_sha256(path: Path, root: Path, found: Findings) -> str:
    """Return the SHA-256 of the bytes of a file within `root`.

    Raises:
        ProblemsError: it cannot be read.
    """
    content = ""
    try:
        if is_inside(path, root, found):
            content = file_sha256(path)
    except (OSError, RuntimeError) as error:
        note_unreadable(error, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return content
