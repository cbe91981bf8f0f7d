"""Plan how a table is read: which columns, by which rule, and which files belong to which split."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError, clip
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import is_inside
from tuition.tasks.readers.table.card import Splits, TaskCard, is_pattern
from tuition.tasks.readers.table.card_files import SUFFIXES
from tuition.tasks.readers.table.discovery import TableLocation
from tuition.tasks.readers.table.files import (
    Part,
    columns_of,
    is_table,
    names_columns_once,
    rows_of,
    table_parts,
)
from tuition.tasks.readers.table.guess import Sample, guessed, left_out, likely_columns
from tuition.tasks.readers.table.hub import hub_files
from tuition.tasks.readers.table.rows import RowRule, nearest, split_named
from tuition.tasks.readers.table.unsupported import remedy_for
from tuition.tasks.types import RowSplit

_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How a table is read: a card that names all columns, the rule for its rows, and the files with their splits."""

    card: TaskCard
    rule: RowRule
    parts: tuple[tuple[Part, RowSplit], ...]


def make_plan(location: TableLocation, found: Findings) -> Plan | None:
    """Return how a table is read; None, with all reasons in `found`, if it cannot be read."""
    parts = parts_of(location, found)
    if found.failed:
        return None
    card = location.card
    columns = columns_of_first(parts, found)
    if columns is None:
        return None
    if not card.output:
        rows = sample_of(parts)
        filled = guessed(card, columns, rows)
        if filled is None:
            _note_unknown(location, columns, rows, found)
            return None
        card = filled
        _note_guess(location, card, columns, rows, found)
    split_by_files = not isinstance(card.split, str) or any(part.split for part, _ in parts)
    rule = RowRule.of(card, "" if split_by_files else str(card.split))
    for part, _ in parts:
        _require_columns(rule, part, found)
    return None if found.failed else Plan(card, rule, tuple(parts))


def parts_of(location: TableLocation, found: Findings) -> list[tuple[Part, RowSplit]]:
    """Return the files of a table, each with its split, by its source or by its card."""
    parts = _with_splits(location, found)
    for part, _ in parts:
        if not is_table(part.path):
            message = f"{clip(part.path.name, 60)!r} is not a table that can be read"
            found.error("unknown-kind", message, _advice(part))
    return parts


def _advice(part: Part) -> str:
    """Describe how to convert a file to a table that can be read."""
    expected = f"save it as a file that ends in {', '.join(SUFFIXES)}"
    try:
        remedy = remedy_for(part.path) if is_inside(part.path, part.root, Findings(part.path)) else None
    except (OSError, RuntimeError):
        remedy = None
    return expected if remedy is None else f"it is {remedy.what}: {remedy.advice}"


def _with_splits(location: TableLocation, found: Findings) -> list[tuple[Part, RowSplit]]:
    split = location.card.split
    if location.table is None and not location.card.dataset:
        wanted = _named_in_card(split)
        if not wanted:
            found.error("card-value", "'split' names no files", "name a file for train, validation or test")
        return [(Part(location.root / name, location.root), side) for name, side in wanted.items()]
    table = location.table
    parts = _hub_parts(location, found) if table is None else table_parts(table, location.root, found)
    names = list(dict.fromkeys(part.split for part in parts))
    if names in ([], [""]):
        if isinstance(split, Splits):
            found.error("card-value", "'split' names splits, but the table has none", "name the column with the splits")
        return [(part, "") for part in parts]
    wanted = _named_in_card(split) if split else _by_usual_name(names, found)
    for name in wanted:
        if name not in names:
            shown = ", ".join(clip(known, 40) for known in names[:20])
            found.error("unknown-split", f"it has no split {clip(name, 60)!r}", f"its splits are {shown}")
    return [(part, wanted[part.split]) for part in parts if part.split in wanted]


def _named_in_card(split: str | Splits) -> dict[str, RowSplit]:
    """Return the files or splits that a card names, each with its split; a single one has no split."""
    if isinstance(split, str):
        return {split: ""} if split else {}
    sides: dict[RowSplit, tuple[str, ...]] = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: side for side, names in sides.items() for name in names}


def _by_usual_name(names: list[str], found: Findings) -> dict[str, RowSplit]:
    """Map a source's split names to train, validation and test; other names are errors in `found`."""
    wanted: dict[str, RowSplit] = {}
    for name in names:
        side = split_named(name)
        if side is None:
            message = f"its split {clip(name, 60)!r} is none of train, validation and test"
            expected = f"name in a card the splits to use, such as 'split: {{test: {clip(name, 40)}}}'"
            found.error("unknown-split", message, expected)
        else:
            wanted[name] = side
    return wanted


def _hub_parts(location: TableLocation, found: Findings) -> list[Part]:
    card = location.card
    try:
        files = hub_files(card.dataset, card.subset, card.revision)
    except UserError as error:
        found.error("hub", clip(str(error), 500), "check the card")
        return []
    return [Part(path, path, split) for split, paths in files.items() for path in paths]


def columns_of_first(parts: list[tuple[Part, RowSplit]], found: Findings) -> tuple[str, ...] | None:
    """Return the columns of a table's first file; None, with the reasons in `found`, if it cannot be read."""
    if not parts:
        return ()
    part = parts[0][0]
    unreported = Findings(part.path, found.task)  # its warnings are reported with its rows
    columns = columns_of(part, unreported)
    if columns is None:
        found.include(unreported)
    return columns


def _require_columns(rule: RowRule, part: Part, found: Findings) -> None:
    if not names_columns_once(part):
        return
    found.file = part.path
    columns = columns_of(part, Findings(part.path))  # its faults are reported with its rows
    for name in rule.wanted if columns is not None else ():
        if name not in (columns or ()):
            message = f"there is no column {clip(name, 60)!r}"
            found.error("missing-column", message, nearest(name, columns or ()))


def used_columns(card: TaskCard, columns: tuple[str, ...]) -> list[str]:
    """Return the columns of a table that a card reads as its input or output."""
    rule = RowRule.of(card, "")
    return [name for name in columns if name in rule.wanted]


def _note_guess(
    location: TableLocation, card: TaskCard, columns: tuple[str, ...], rows: Sample, found: Findings
) -> None:
    used = used_columns(card, columns)
    message = f"no card describes its columns: {_guess(card, used)}"
    if ignored := left_out(used, columns, rows):
        shown = ", ".join(repr(clip(name, 40)) for name in ignored[:10])
        message += f", which would leave out {shown}: text that looks like a part of the input"
        found.error("column-left-out", message, _name_inputs(location, card, ignored))
        return
    if others := [name for name in columns if name not in used]:
        message += f"; not used: {', '.join(clip(name, 40) for name in others[:10])}"
    found.warning("guessed-columns", message, 'write a card: tuition card TABLE --instruction "what to do"')


def _guess(card: TaskCard, used: list[str]) -> str:
    if is_pattern(card.output[0]):
        return f"{clip(used[0], 40)!r} is used as chats, whose last turn is the output"
    inputs = ", ".join(repr(clip(name, 40)) for name in used if name not in card.output)
    return f"{inputs} is used as the input, {clip(card.output[0], 40)!r} as the output"


def _name_inputs(location: TableLocation, card: TaskCard, others: list[str]) -> str:
    """Describe how to name the input's columns: in the existing card, or with the command that writes one."""
    if not card.input:
        return "write a card with a template that has all columns of the input, or remove these columns"
    inputs = [*others, *card.input]
    if location.card_file is not None or location.table is None:
        where = location.card_file.name if location.card_file is not None else "a card"
        named = f"input: [{', '.join(inputs)}] and output: {card.output[0]}"
        return f"name the input's columns in {where}, such as {clip(named, 200)}; leave out those that it does not need"
    options = " ".join(f"--input {shlex.quote(name)}" for name in inputs)
    command = f'tuition card {shlex.quote(str(location.table))} --instruction "what to do" {options}'
    command = clip(f"{command} --output {shlex.quote(card.output[0])}", 400)
    return f"name the input's columns, without those that it does not need: {command}"


def _note_unknown(location: TableLocation, columns: tuple[str, ...], rows: Sample, found: Findings) -> None:
    shown = ", ".join(repr(clip(name, 40)) for name in columns[:20]) + (", …" if len(columns) > 20 else "")
    message = f"its input and output columns cannot be guessed; its columns are {shown or 'none'}"
    where = "task.yaml" if location.card_file is None else location.card_file.name
    likely = likely_columns(columns, rows)
    if likely is None:
        expected = (
            "a table needs a text column for the input and one for the output (ids, lists and objects are neither)"
        )
        found.error(
            "unknown-columns", message, f"{expected}; write {where} with a template that turns its columns into text"
        )
        return
    lines = f"{{definition: what to do, input: {clip(likely[0], 40)!r}, output: {clip(likely[1], 40)!r}}}"
    found.error("unknown-columns", message, f"write {where} next to it, such as {lines}, or run tuition card")


def sample_of(parts: Sequence[tuple[Part, RowSplit]]) -> list[dict[str, object]]:
    """Return the first rows of a table's first file; their faults are reported when all rows are read."""
    if not parts:
        return []
    part = parts[0][0]
    rows = rows_of(part, Findings(part.path))
    return [cells for _, (_, cells) in zip(range(_SAMPLE), rows, strict=False)]
