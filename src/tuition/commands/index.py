"""`tuition index`: build the whole index of a large collection, with several processes."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tuition.commands.console import console, notes
from tuition.tasks.index.many import index_collection
from tuition.tasks.index.source import MIN_BYTES, IndexedFiles
from tuition.tasks.readers import open_collection


def index_and_print(path: Path, format: str | None) -> int:  # noqa: A002 - the word that users know
    """Index all tasks that are not indexed yet; return 1 if some could not be indexed, else 0.

    Raises:
        UserError: the collection cannot be opened.
    """
    collection = open_collection(path, format)
    if not isinstance(collection.read_task, IndexedFiles):
        least = f"{MIN_BYTES >> 20} MiB of superni files"
        console().print(escape(f"{path}: needs no index, since it has less than {least} and is read quickly without"))
        return 0
    shown = notes()
    bar = Progress(
        TextColumn("indexing"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=shown,
        transient=True,
        disable=not shown.is_terminal,
    )
    with bar:
        row = bar.add_task("", total=len(collection))
        left = index_collection(collection, progress=lambda done, total: bar.update(row, completed=done, total=total))
    for name in left:
        console().print(escape(f"not indexed: {name}; `tuition check` says why"))
    console().print(escape(f"{path}: {len(collection) - len(left)} of {len(collection)} tasks indexed"))
    return 1 if left else 0
