"""Formats for training programs, which hold an instruction, an input and one answer a row: chat messages and Alpaca."""

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
from tuition.tasks.writers.writer import Record, Writer, WriteTask, labelled, note_lists

Tell = Callable[[Task, Instance], Mapping[str, Any]]
"""Returns one row of the format."""

_AddRow = Callable[[str], None]
_ENDINGS = (".jsonl", ".json")


def row_writer(name: str, tell: Tell, ending: str) -> Writer:
    """Return the writer of a format of rows: a folder with a file a task, or one file where its name ends so.

    Rows whose source puts them into train, validation or test go into folders of these names, so that nobody trains on
    test rows unknowing; in one file they stand together, and the split falls.

    Args:
        name: the format's name.
        tell: makes one row.
        ending: of the files in a folder: `.jsonl` has a row a line, `.json` one list of rows.
    """
    makes = f"a folder with a {ending} file for each task, or one file (a name that ends in .jsonl or .json)"
    return Writer(name, makes, partial(_writing, tell, ending), one_file=_ENDINGS)


@contextmanager
def _writing(tell: Tell, ending: str, place: Path, collection: Collection, record: Record) -> Iterator[WriteTask]:
    note_lists(collection, record, splits=False)
    if place.suffix in _ENDINGS:
        with _open(place) as add:
            yield partial(_write_into, add, tell, record)
    else:
        require_file_names(collection.names, collection.path)
        place.mkdir()
        yield partial(_write_files, place, ending, tell, record)


def _write_files(folder: Path, ending: str, tell: Tell, record: Record, task: Task) -> None:
    """Write a task's rows into a file for each split that its rows are in."""
    with ExitStack() as files:
        adds: dict[RowSplit, _AddRow] = {}
        for row in labelled(task, record):
            if row.split not in adds:
                place = folder / row.split
                place.mkdir(exist_ok=True)
                adds[row.split] = files.enter_context(_open(place / f"{task.name}{ending}"))
            _write_row(adds[row.split], tell, task, row, record, holds=frozenset({"split"}))
    _count_task(task, record, written=bool(adds))


def _write_into(add: _AddRow, tell: Tell, record: Record, task: Task) -> None:
    """Write a task's rows among those of the others."""
    written = False
    for row in labelled(task, record):
        _write_row(add, tell, task, row, record, holds=frozenset())
        written = True
    if written:
        record.fell("name", "tasks")
    _count_task(task, record, written=written)


def _write_row(add: _AddRow, tell: Tell, task: Task, row: Instance, record: Record, *, holds: frozenset[str]) -> None:
    record.count_row(row, holds)
    add(dumps(tell(task, row), record, "instances"))


def _count_task(task: Task, record: Record, *, written: bool) -> None:
    if written:
        record.count_task(task, frozenset())
    else:
        record.fell("all (there is no row to write)", "tasks")


def _open(file: Path) -> AbstractContextManager[_AddRow]:
    """Give a function that adds one row to a new file, as the file's ending wants it."""
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
