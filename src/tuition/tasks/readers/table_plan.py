"""How a table is to be read: which columns, by which rule, and which files make up which set."""

from __future__ import annotations

from dataclasses import dataclass

from tuition.base.errors import UserError, clip
from tuition.tasks.readers.card_files import SUFFIXES
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.table_files import (
    Part,
    columns_of,
    is_table,
    names_columns_once,
    rows_of,
    table_parts,
)
from tuition.tasks.readers.table_hub import hub_files
from tuition.tasks.readers.table_places import TablePlace
from tuition.tasks.readers.table_rows import RowRule, guessed, likely_columns, nearest, set_of
from tuition.tasks.readers.task_card import Splits, TaskCard
from tuition.tasks.types import RowSplit


@dataclass(frozen=True, slots=True)
class Plan:
    """How a table is read: a card that tells all columns, the rule it makes, and the files with the set each is of."""

    card: TaskCard
    rule: RowRule
    parts: tuple[tuple[Part, RowSplit], ...]


def make_plan(place: TablePlace, found: Findings) -> Plan | None:
    """Return how a table is read; None, with all the reasons in `found`, where it cannot be."""
    parts = parts_of(place, found)
    if found.failed:
        return None
    card = place.card
    columns = columns_of_first(parts, found)
    if columns is None:
        return None
    if not card.output:
        filled = guessed(card, columns)
        if filled is None:
            _note_unknown(place, columns, found)
            return None
        card = filled
        _note_guess(card, columns, found)
    divided = not isinstance(card.split, str) or any(part.split for part, _ in parts)
    rule = RowRule.of(card, "" if divided else str(card.split))
    for part, _ in parts:
        _require_columns(rule, part, found)
    return None if found.failed else Plan(card, rule, tuple(parts))


def parts_of(place: TablePlace, found: Findings) -> list[tuple[Part, RowSplit]]:
    """Return the files of a table with the set that each is of, by its source or by its card."""
    parts = _with_sets(place, found)
    for part, _ in parts:
        if not is_table(part.path):
            message = f"{clip(part.path.name, 60)!r} is no table that can be read"
            found.error("unknown-kind", message, f"save it as a file that ends in {', '.join(SUFFIXES)}")
    return parts


def _with_sets(place: TablePlace, found: Findings) -> list[tuple[Part, RowSplit]]:
    split = place.card.split
    if place.table is None and not place.card.dataset:
        wanted = _told(split)
        if not wanted:
            found.error("card-value", "'split' names no files", "name a file for train, validation or test")
        return [(Part(place.root / name, place.root), side) for name, side in wanted.items()]
    parts = _hub_parts(place, found) if place.table is None else table_parts(place.table, place.root, found)
    names = list(dict.fromkeys(part.split for part in parts))
    if names in ([], [""]):
        if isinstance(split, Splits):
            found.error("card-value", "'split' names splits, but the table has none", "name the column that tells them")
        return [(part, "") for part in parts]
    wanted = _told(split) if split else _usual(names, found)
    for name in wanted:
        if name not in names:
            shown = ", ".join(clip(known, 40) for known in names[:20])
            found.error("unknown-split", f"it has no split {clip(name, 60)!r}", f"its splits are {shown}")
    return [(part, wanted[part.split]) for part in parts if part.split in wanted]


def _told(split: str | Splits) -> dict[str, RowSplit]:
    """Return the files or splits that a card names, each with its set; a single one is divided by nobody."""
    if isinstance(split, str):
        return {split: ""} if split else {}
    sides: dict[RowSplit, tuple[str, ...]] = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: side for side, names in sides.items() for name in names}


def _usual(names: list[str], found: Findings) -> dict[str, RowSplit]:
    """Return the sets of splits by their usual names; `found` hears of those that have another name."""
    wanted: dict[str, RowSplit] = {}
    for name in names:
        side = set_of(name)
        if side is None:
            message = f"its split {clip(name, 60)!r} is none of train, validation and test"
            expected = f"say in a card which to take, such as 'split: {{test: {clip(name, 40)}}}'"
            found.error("unknown-split", message, expected)
        else:
            wanted[name] = side
    return wanted


def _hub_parts(place: TablePlace, found: Findings) -> list[Part]:
    card = place.card
    try:
        files = hub_files(card.dataset, card.subset, card.revision)
    except UserError as error:
        found.error("hub", clip(str(error), 500), "see the card")
        return []
    return [Part(path, path, split) for split, paths in files.items() for path in paths]


def columns_of_first(parts: list[tuple[Part, RowSplit]], found: Findings) -> tuple[str, ...] | None:
    """Return the columns of a table's first file; None, with the reasons in `found`, if it cannot be read."""
    if not parts:
        return ()
    part = parts[0][0]
    quiet = Findings(part.path, found.task)  # its warnings are told with its rows
    columns = columns_of(part, quiet)
    if columns is None:
        found.include(quiet)
    return columns


def _require_columns(rule: RowRule, part: Part, found: Findings) -> None:
    if not names_columns_once(part):
        return
    found.file = part.path
    columns = columns_of(part, Findings(part.path))  # its faults are told with its rows
    for name in rule.wanted if columns is not None else ():
        if name not in (columns or ()):
            message = f"there is no column {clip(name, 60)!r}"
            found.error("missing-column", message, nearest(name, columns or ()))


def _note_guess(card: TaskCard, columns: tuple[str, ...], found: Findings) -> None:
    told = [*(card.input or sorted({name for name in columns if name in card.template})), *card.output]
    others = [name for name in columns if name not in told]
    shown = ", ".join(repr(clip(name, 40)) for name in told[:-1])
    message = f"no card says what its columns are: {shown} taken as the input, {clip(told[-1], 40)!r} as the output"
    if others:
        message += f"; not told: {', '.join(clip(name, 40) for name in others[:10])}"
    found.warning("guessed-columns", message, 'write a card: tuition card TABLE --instruction "what is to be done"')


def _note_unknown(place: TablePlace, columns: tuple[str, ...], found: Findings) -> None:
    rows = [] if place.table is None or place.table.is_dir() else _sample(Part(place.table, place.root))
    told, answer = likely_columns(columns, rows)
    shown = ", ".join(repr(clip(name, 40)) for name in columns[:20]) + (", …" if len(columns) > 20 else "")
    message = f"which columns are the input and the output cannot be told; it has {shown or 'none'}"
    lines = f"{{definition: what is to be done, input: {clip(told, 40)!r}, output: {clip(answer, 40)!r}}}"
    where = "task.yaml" if place.card_file is None else place.card_file.name
    found.error("unknown-columns", message, f"write {where} beside it, such as {lines}, or have tuition card write it")


def _sample(part: Part) -> list[dict[str, object]]:
    rows = rows_of(part, Findings(part.path))
    return [cells for _, (_, cells) in zip(range(50), rows, strict=False)]
