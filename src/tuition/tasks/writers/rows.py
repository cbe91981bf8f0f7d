"""Formats of training programs, with an instruction, an input and one answer per row: chat messages and Alpaca."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TextIO

from tuition.tasks.collection import Collection
from tuition.tasks.types import Instance, RowSplit, Task
from tuition.tasks.writers.jsonout import create, dumps
from tuition.tasks.writers.names import require_file_names
from tuition.tasks.writers.writer import Record, Writer, WriteTask, drop_lists, labelled

FormatRow = Callable[[Task, Instance], Mapping[str, Any]]
"""A function that returns one row of the format."""

_AddRow = Callable[[str], None]
_ENDINGS = (".jsonl", ".json")


def row_writer(name: str, format_row: FormatRow, ending: str) -> Writer:
    """Return the writer of a row format: a folder with one file per task, or one file if the path has a file's ending.

    Rows that the source assigns to train, validation or test are written to folders with these names, so that test rows
    are not used for training by mistake. In one file all rows are together, and the split is dropped.

    Args:
        name: the format's name.
        format_row: returns one row.
        ending: the ending of the files in a folder: `.jsonl` has one row per line, `.json` one list of rows.
    """
    output = f"a folder with a {ending} file for each task, or one file (a name that ends in .jsonl or .json)"
    return Writer(name, output, partial(_writing, format_row, ending), one_file=_ENDINGS)


@contextmanager
def _writing(
    format_row: FormatRow, ending: str, path: Path, collection: Collection, record: Record
) -> Iterator[WriteTask]:
    drop_lists(collection, record, splits=False)
    if path.suffix in _ENDINGS:
        with _open(path) as add:
            yield partial(_write_into, add, format_row, record)
    else:
        require_file_names(collection.names, collection.path)
        path.mkdir()
        yield partial(_write_files, path, ending, format_row, record)


def _write_files(folder: Path, ending: str, format_row: FormatRow, record: Record, task: Task) -> None:
    """Write a task's rows into one file per split."""
    with ExitStack() as files:
        adds: dict[RowSplit, _AddRow] = {}
        for row in labelled(task, record):
            if row.split not in adds:
                split_folder = folder / row.split
                split_folder.mkdir(exist_ok=True)
                adds[row.split] = files.enter_context(_open(split_folder / f"{task.name}{ending}"))
            _write_row(adds[row.split], format_row, task, row, record, kept=frozenset({"split"}))
    _count_task(task, record, written=bool(adds))


def _write_into(add: _AddRow, format_row: FormatRow, record: Record, task: Task) -> None:
    """Write a task's rows into the one file of all tasks."""
    written = False
    for row in labelled(task, record):
        _write_row(add, format_row, task, row, record, kept=frozenset())
        written = True
    if written:
        record.drop("name", "tasks")
    _count_task(task, record, written=written)


def _write_row(
    add: _AddRow, format_row: FormatRow, task: Task, row: Instance, record: Record, *, kept: frozenset[str]
) -> None:
    record.count_row(row, kept)
    add(dumps(format_row(task, row), record, "instances"))


def _count_task(task: Task, record: Record, *, written: bool) -> None:
    if written:
        record.count_task(task, frozenset())
    else:
        record.drop("all (there is no row to write)", "tasks")


def _open(file: Path) -> AbstractContextManager[_AddRow]:
    """Return a context with a function that adds one row to a new file, in the syntax of the file's ending."""
    return _lines(file) if file.suffix == ".jsonl" else _list(file)


@contextmanager
def _lines(file: Path) -> Iterator[_AddRow]:
    with create(file) as out:
        yield lambda row: _print(out, row)


@contextmanager
def _list(file: Path) -> Iterator[_AddRow]:
    with create(file) as out:
        out.write("[\n")
        separators = chain([""], repeat(",\n"))
        yield lambda row: _add_element(out, next(separators), row)
        out.write("\n]\n")


def _print(out: TextIO, row: str) -> None:
    out.write(f"{row}\n")


def _add_element(out: TextIO, separator: str, row: str) -> None:
    out.write(separator + row)
