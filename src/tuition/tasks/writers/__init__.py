"""Writers: one module per format that collections can be written in, and the function that writes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.files import atomic_path
from tuition.base.registry import Registry
from tuition.tasks.collection import Collection
from tuition.tasks.writers.writer import Loss, Record, Writer

WRITERS: Registry[Writer] = Registry("target format", plugins="tuition.writers")
WRITERS.add("superni", "tuition.tasks.writers.superni:WRITER")
WRITERS.add("jsonl", "tuition.tasks.writers.jsonl:WRITER")
WRITERS.add("chat", "tuition.tasks.writers.chat:WRITER")
WRITERS.add("alpaca", "tuition.tasks.writers.alpaca:WRITER")

# What conversions write at the top of a folder. A folder with anything else is not replaced, even with `--force`, which
# on a wrong path would delete the user's files.
_FOLDERS = frozenset({"tasks", "splits", "instances", "train", "validation", "test"})
_ENDINGS = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion: what was written, and what was dropped since the target's format has no place for it.

    `extra_keys` was written under keys that are not part of the format; `renamed` gives the new names of tasks.
    """

    path: Path
    target: str
    tasks: int
    instances: int
    dropped: tuple[Loss, ...]
    extra_keys: tuple[Loss, ...]
    renamed: dict[str, str]


def convert_collection(collection: Collection, path: Path, target: str, *, force: bool = False) -> Conversion:
    """Write a collection in another format, atomically: `path` is complete or does not exist.

    Args:
        collection: the collection to write; each task is read once, one row at a time.
        path: the new folder, or the new file if the format can be one file.
        target: a name in `WRITERS`.
        force: replace the result of an earlier conversion at `path`.

    Raises:
        UserError: the format is unknown; `path` exists, or is or contains the source, or cannot be written; or nothing
            in the collection can be written in the format.
        ProblemsError: tasks cannot be read, or their names cannot be used as file names; all of them are listed.
    """
    writer = WRITERS[target]
    _require_usable(collection.path, path, writer, force)
    record = Record()
    with atomic_path(path) as draft:
        problems: list[Problem] = []
        with writer.writing(draft, collection, record) as write:
            for name in collection.names:
                try:
                    write(collection.read_task(name))
                except ProblemsError as error:
                    problems.extend(error.problems)
        if problems:
            raise ProblemsError(problems)
        if not record.tasks:
            why = "; ".join(str(loss) for loss in record.dropped) or "it has no tasks"
            raise UserError(f"{collection.path}: nothing in it can be written as {target} ({why}); use --to jsonl")
    return Conversion(
        path, target, record.tasks, record.instances, record.dropped, record.extra_keys, dict(record.renamed)
    )


def _require_usable(source: Path, path: Path, writer: Writer, force: bool) -> None:
    """Refuse a path that overlaps the source, exists already, or is a file where a folder is written (or vice versa).

    Raises:
        UserError: the path cannot be used.
    """
    one_file = path.suffix in writer.one_file
    if not one_file and path.suffix in _ENDINGS:
        raise UserError(f"{path}: {writer.name} is written as {writer.output}; give a folder, without {path.suffix}")
    ours, theirs = path.resolve(), source.resolve()
    if ours == theirs or theirs.is_relative_to(ours) or ours.is_relative_to(theirs):
        raise UserError(f"{path}: it is, contains or is inside the source {source}; choose another path")
    if not os.path.lexists(path):
        return
    if path.is_symlink() or path.is_dir() == one_file or not (path.is_dir() or path.is_file()):
        kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "not a folder"
        raise UserError(
            f"{path}: it exists and is {kind}, but {writer.name} is written as {writer.output}; choose another name"
        )
    content = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else [""] if path.stat().st_size else []
    if content and not force:
        raise UserError(f"{path}: it exists and is not empty; choose another name, or replace it with --force")
    foreign = [name for name in content if path.is_dir() and name not in _FOLDERS and not name.endswith(_ENDINGS)]
    if foreign:
        raise UserError(
            f"{path}: it contains {clip(foreign[0], 60)!r}, which no conversion wrote, so it is not replaced; "
            "choose another name, or empty it yourself"
        )


__all__ = ["WRITERS", "Conversion", "Loss", "Record", "Writer", "convert_collection"]
