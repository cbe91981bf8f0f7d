"""Writers: a file for each format that collections can be written in, and the one way to write them."""

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

# What conversions make at the top of a folder. A folder with anything else is not replaced, even where that is asked
# for: `--force` on a wrong path would be the end of somebody's files.
_FOLDERS = frozenset({"tasks", "splits", "instances", "train", "validation", "test"})
_ENDINGS = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion wrote, and what the target's format could not hold.

    `beside` was written under keys that the format does not know; `renamed` gives the new names of tasks.
    """

    path: Path
    target: str
    tasks: int
    instances: int
    fell: tuple[Loss, ...]
    beside: tuple[Loss, ...]
    renamed: dict[str, str]


def convert_collection(collection: Collection, path: Path, target: str, *, force: bool = False) -> Conversion:
    """Write a collection in another format; it appears at `path` whole, or not at all.

    Args:
        collection: what is written; each task is read once, and one row at a time.
        path: the new folder, or file where the format can be one.
        target: a name in `WRITERS`.
        force: replace what an earlier conversion left at `path`.

    Raises:
        UserError: no such format; `path` is taken, or is or holds the source; nothing that the format can hold; or it
            cannot be written there.
        ProblemsError: tasks cannot be read, or their names cannot be files' names; all such tasks.
    """
    writer = WRITERS[target]
    _require_place(collection.path, path, writer, force)
    record = Record()
    with atomic_path(path) as made:
        problems: list[Problem] = []
        with writer.writing(made, collection, record) as write:
            for name in collection.names:
                try:
                    write(collection.read_task(name))
                except ProblemsError as error:
                    problems.extend(error.problems)
        if problems:
            raise ProblemsError(problems)
        if not record.tasks:
            why = "; ".join(str(loss) for loss in record.losses) or "it has no tasks"
            raise UserError(f"{collection.path}: nothing in it can be written as {target} ({why}); use --to jsonl")
    return Conversion(path, target, record.tasks, record.instances, record.losses, record.beside, dict(record.renamed))


def _require_place(source: Path, path: Path, writer: Writer, force: bool) -> None:
    """Refuse a place that is the source's, is taken, or is of another kind than what will be made.

    Raises:
        UserError: the place cannot be used.
    """
    one_file = path.suffix in writer.one_file
    if not one_file and path.suffix in _ENDINGS:
        raise UserError(f"{path}: {writer.name} makes {writer.makes}; give a folder's name, without {path.suffix}")
    ours, theirs = path.resolve(), source.resolve()
    if ours == theirs or theirs.is_relative_to(ours) or ours.is_relative_to(theirs):
        raise UserError(f"{path}: it is, holds or lies in the source {source}; choose a place apart from it")
    if not os.path.lexists(path):
        return
    if path.is_symlink() or path.is_dir() == one_file or not (path.is_dir() or path.is_file()):
        kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "no folder"
        raise UserError(f"{path}: it is {kind} already, and {writer.name} makes {writer.makes}; choose another name")
    held = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else ["text"] if path.stat().st_size else []
    if held and not force:
        raise UserError(f"{path}: it is there already and not empty; choose another name, or replace it with --force")
    strange = [name for name in held if path.is_dir() and name not in _FOLDERS and not name.endswith(_ENDINGS)]
    if strange:
        raise UserError(
            f"{path}: it holds {clip(strange[0], 60)!r}, which no conversion wrote, and is not replaced; "
            "choose another name, or empty it yourself"
        )


__all__ = ["WRITERS", "Conversion", "Loss", "Record", "Writer", "convert_collection"]
