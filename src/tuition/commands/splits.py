"""`tuition split`: divide a collection's tasks into seen and unseen ones, and list what the two sides share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tuition.base.errors import UserError, clip
from tuition.base.files import write_atomically
from tuition.commands.console import console, notes, print_json
from tuition.splits.leaks import InputLeaks, LeakRecord, Shared, excerpt, find_leaks, without_shared_sources
from tuition.splits.seen import TASK_SPLITS, divide_tasks, each_fold
from tuition.splits.seen.facts import read_facts
from tuition.splits.seen.lists import LIST_FILES
from tuition.splits.seen.record import TasksDivided
from tuition.tasks.collection import Collection
from tuition.tasks.readers import open_collection

_MAX_LISTED = 10


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """The arguments of `tuition split`: the collection, how to divide it, and how many rows per task to compare."""

    path: Path
    by: str
    seed: int = 0
    disjoint_sources: bool = False
    rows: str = "1000"

    @property
    def row_limit(self) -> int | None:
        """The number of rows of each task that are compared; None for all.

        Raises:
            UserError: it is neither a number nor `all`.
        """
        if self.rows == "all":
            return None
        if self.rows.isascii() and self.rows.isdigit() and len(self.rows) < 12:
            return int(self.rows)
        raise UserError(f"--rows {clip(self.rows)!r}: write a number of rows (0 for none) or 'all'")

    @property
    def all_folds(self) -> bool:
        """Whether the kind of split has no value, so that each possible value is held out in turn.

        Raises:
            UserError: the kind is unknown.
        """
        return "=" not in self.by and TASK_SPLITS[self.by.strip()].folds is not None


def split_and_print(request: SplitRequest, *, as_json: bool, write: Path | None = None) -> None:
    """Print a split and what its sides share, or all folds of a kind, one per line; write the lists if requested.

    Raises:
        UserError: the kind, value or list is unknown, there are no folds, or other lists exist in the folder.
        ProblemsError: unknown names in lists, tasks that cannot be read.
    """
    limit = request.row_limit
    if request.all_folds:
        if write is not None:
            expects = TASK_SPLITS[request.by.strip()].expects
            raise UserError(f"--write needs one split; give {request.by.strip()} a value: {expects}")
        _print_folds(request, as_json=as_json)
        return
    collection = open_collection(request.path)
    split = divide_tasks(collection, request.by, seed=request.seed)
    if request.disjoint_sources:
        split = without_shared_sources(collection, split)
    leaks = find_leaks(collection, split, rows=limit)
    if write is not None:
        write_lists(split, write)
        notes().print(f"wrote {escape(', '.join(LIST_FILES.values()))} to {escape(str(write))}")
    if as_json:
        print_json(_as_json(collection, split, leaks))
        return
    _print_split(collection, split)
    _print_leaks(leaks)


def write_lists(split: TasksDivided, folder: Path) -> None:
    """Write a split's lists in the format of `splits/<name>/` in a Super-NaturalInstructions checkout.

    Raises:
        UserError: a list with other tasks exists there, or the folder cannot be written.
    """
    sides = {"seen": split.seen, "unseen": split.unseen, "excluded": tuple(one.task for one in split.excluded)}
    texts = {folder / LIST_FILES[side]: "".join(f"{name}\n" for name in names) for side, names in sides.items()}
    for file, text in texts.items():
        if file.exists() and file.read_bytes() != text.encode():
            raise UserError(f"{file}: exists already and lists other tasks; give another folder, or move it")
    for file, text in texts.items():
        write_atomically(file, text)


def _as_json(collection: Collection, split: TasksDivided, leaks: LeakRecord) -> dict[str, object]:
    counts = {"seen": len(split.seen), "unseen": len(split.unseen), "excluded": len(split.excluded)}
    fields = {"path": str(collection.path), **dataclasses.asdict(split), "counts": counts}
    return {**fields, "leaks": {**dataclasses.asdict(leaks), "clean": leaks.clean}}


def _print_folds(request: SplitRequest, *, as_json: bool) -> None:
    collection = open_collection(request.path)
    splits = each_fold(collection, request.by)
    if not splits:
        raise UserError(f"{collection.path}: it has no {request.by.strip()} to split its tasks by")
    if request.disjoint_sources:
        facts = read_facts(collection)
        splits = tuple(without_shared_sources(collection, one, facts) for one in splits)
    folds = [_fold(split) for split in splits]
    if as_json:
        print_json(folds)
        return
    table = Table(escape(request.by.strip()), "seen", "unseen", "excluded", box=None, pad_edge=False)
    for fold in folds:
        value = str(fold["by"]).partition("=")[2]
        table.add_row(escape(clip(value)), str(fold["seen"]), str(fold["unseen"]), str(fold["excluded"]))
    console().print(table)
    for note in dict.fromkeys(note for split in splits for note in split.notes):
        console().print(escape(f"note: {note}"), soft_wrap=True)


def _fold(split: TasksDivided) -> dict[str, object]:
    seen, unseen, excluded = len(split.seen), len(split.unseen), len(split.excluded)
    return {"by": split.by, "seen": seen, "unseen": unseen, "excluded": excluded, "notes": split.notes}


def _print_split(collection: Collection, split: TasksDivided) -> None:
    out = console()
    seed = "" if split.seed is None else f", seed {split.seed}"
    out.print(
        escape(
            f"{collection.path}, {clip(split.by, 400)}{seed}: {len(split.seen)} seen, {len(split.unseen)} unseen,"
            f" {len(split.excluded)} excluded"
        ),
        soft_wrap=True,
    )
    for note in split.notes:
        out.print(escape(f"note: {note}"), soft_wrap=True)
    reasons = {one.task: one.reason for one in split.excluded}
    for title, names in (("unseen", split.unseen), ("excluded", tuple(reasons)), ("seen", split.seen)):
        if not names:
            continue
        out.print(f"\n{title}", style="bold")
        shown = names if title == "unseen" else names[:_MAX_LISTED]
        for name in shown:
            out.print(escape(f"  {name}" + (f" ({reasons[name]})" if name in reasons else "")), soft_wrap=True)
        if len(shown) < len(names):
            out.print(f"  … and {len(names) - len(shown)} more; --json lists them all")


def _print_leaks(leaks: LeakRecord) -> None:
    out = console()
    out.print("\nshared by seen and unseen tasks", style="bold")
    out.print(f"  names: {len(leaks.names)}")
    for title, shared in (("source datasets", leaks.sources), ("definitions", leaks.definitions)):
        out.print(f"  {title}: {len(shared)}")
        for one in shared[:_MAX_LISTED]:
            out.print(escape(f"    {_shared_line(one)}"), soft_wrap=True)
        if len(shared) > _MAX_LISTED:
            out.print(f"    … and {len(shared) - _MAX_LISTED} more; --json lists them all")
    if leaks.inputs is None:
        out.print("  inputs: not compared (--rows 0)")
    else:
        _print_inputs(leaks.inputs)


def _shared_line(one: Shared) -> str:
    return f"{excerpt(one.what)}: {_side(one.seen)} seen, {_side(one.unseen)} unseen"


def _side(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} ({names[0]}, …)"


def _print_inputs(inputs: InputLeaks) -> None:
    out = console()
    compared = "all rows" if inputs.rows_per_task is None else f"the first {inputs.rows_per_task} rows of each task"
    found = f"{inputs.leaked} of {inputs.unseen_rows} unseen rows are among {inputs.seen_rows} seen rows"
    out.print(f"  inputs: {found} ({compared})", soft_wrap=True)
    for pair in inputs.pairs[:_MAX_LISTED]:
        out.print(escape(f"    {pair.rows} of {pair.unseen} in {pair.seen}"), soft_wrap=True)
    if len(inputs.pairs) > _MAX_LISTED:
        out.print(f"    … and {len(inputs.pairs) - _MAX_LISTED} more pairs; --json lists them all")
