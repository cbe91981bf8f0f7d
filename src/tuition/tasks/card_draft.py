"""A task card made from a table and a sentence of instruction: columns, worked examples and options from the data."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from tuition.base.errors import ProblemsError, UserError, clip
from tuition.tasks.content import content_hash
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.card import TaskCard, parse_card
from tuition.tasks.readers.table.card_files import CARD, ENDING, SUFFIXES
from tuition.tasks.readers.table.discovery import TablePlace, set_folders
from tuition.tasks.readers.table.files import is_saved_dataset, is_table, split_names, table_names
from tuition.tasks.readers.table.guess import Sample, guessed, left_out, likely_columns
from tuition.tasks.readers.table.plan import Plan, columns_of_first, make_plan, parts_of, sample_of, used_columns
from tuition.tasks.readers.table.reader import walk
from tuition.tasks.readers.table.unsupported import remedy_for

# Outputs are options where there are at most so many different ones, each short, and each on so many rows on average.
_MOST_OPTIONS, _LONGEST_OPTION, _ROWS_AN_OPTION = 20, 60, 3


@dataclass(frozen=True, slots=True)
class CardWish:
    """What the user asks of a card; columns that are not named are chosen from the data."""

    instruction: str
    input: tuple[str, ...] = ()
    output: str = ""
    examples: int = 2
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class CardDraft:
    """A card that was made: its place, its text, what it says, and how many rows are left to train and evaluate on."""

    path: Path
    text: str
    card: TaskCard
    rows: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is remembered of a row while examples are chosen."""

    row: int
    content: int
    length: int
    output: str


def card_path(table: Path) -> Path:
    """Return where the card of a table is written: `<stem>.task.yaml` beside a file, `task.yaml` in a folder."""
    return table / CARD if table.is_dir() else table.with_name(f"{table.stem}{ENDING}")


def draft_card(table: Path, wish: CardWish) -> CardDraft:
    """Return a sound card for a table; nothing is written.

    The worked examples are typical rows (of the middle length) of different outputs, the most frequent outputs first;
    they come from rows that are not held out by their source, and whose input stands once. They are then no instances.

    Raises:
        ProblemsError: the table cannot be read, or a column is not there; all of it together.
        UserError: there is no table, the instruction is blank, or the rows do not suffice for the examples.
    """
    _require_table(table)
    if not wish.instruction.strip():
        raise UserError("the instruction is blank; say in a sentence what is to be done with an input")
    place = TablePlace(table.name if table.is_dir() else table.stem, table, TaskCard(), table)
    found = place.findings()
    told = {"definition": wish.instruction, **_columns(place, wish, found)}
    if wish.outputs:
        told["outputs"] = wish.outputs
    place = TablePlace(place.name, table, _valid(told, table), table)
    plan = make_plan(place, found)
    seen, outputs, rows = _survey(place, plan, found) if plan is not None else ([], Counter(), 0)
    if plan is None or found.failed:
        raise ProblemsError(found.errors())
    if (few := _options(outputs, rows)) is not None:
        told["options"] = few
    chosen = _choose(seen, wish.examples)
    if len(chosen) < wish.examples or rows <= len(chosen):
        raise UserError(
            f"{table}: {wish.examples} worked examples were asked for; of {rows} rows, {len(chosen)} could stand as "
            "such (inputs that stand once, of rows to learn by); ask for fewer with --examples"
        )
    if chosen:
        by_row = {row: instance for row, instance in walk(place, plan, Findings(table)) if row in chosen}
        told["examples"] = [{"input": by_row[n].input, "output": by_row[n].outputs[0]} for n in chosen]
        told["example_rows"] = sorted(chosen)
    if not table.is_dir():
        told["table"] = table.name
    text = _written(told)
    return CardDraft(card_path(table), text, _valid(told, table, text), rows - len(chosen))


def _require_table(table: Path) -> None:
    if not table.exists():
        raise UserError(f"{table}: there is no such table; give a file or a folder")
    if table.is_dir():
        names = table_names(table, Findings(table))
        if not names and (sets := set_folders(table)):
            side = next(iter(sets))
            raise UserError(
                f"{table}: a folder of {' and '.join(sets)}; give a table in it, such as {side}/{sets[side][0]}"
            )
        if not names and not is_saved_dataset(table):
            raise UserError(f"{table}: there is no table in it; {_readable(table)}")
        if not is_saved_dataset(table) and not split_names(names) and not all(n.endswith(".parquet") for n in names):
            raise UserError(f"{table}: a folder of {len(names)} tables; give one of them, such as {clip(names[0], 60)}")
    elif not is_table(table):
        raise UserError(f"{table}: is no table that can be read; {_readable(table)}")


def _readable(path: Path) -> str:
    try:
        remedy = remedy_for(path)
    except OSError:
        remedy = None
    if remedy is None:
        return f"give a file that ends in {', '.join(SUFFIXES)} (of .json, a list)"
    return f"it is {remedy.what}: {remedy.advice}" if path.is_file() else f"{remedy.what}: {remedy.advice}"


def _columns(place: TablePlace, wish: CardWish, found: Findings) -> dict[str, Any]:
    """Return the columns that were named, and likely ones in place of those that were not."""
    if wish.input and wish.output:
        return {"input": list(wish.input), "output": wish.output}
    parts = parts_of(place, found)
    columns = None if found.failed else columns_of_first(parts, found)
    if columns is None:
        raise ProblemsError(found.errors())
    rows = sample_of(parts)
    known = None if wish.input or wish.output else guessed(TaskCard(), columns, rows)
    if known is None:
        known = _likely(place.path, columns, rows, wish)
    if not wish.input and (others := left_out(used_columns(known, columns), columns, rows)):
        named = ", ".join(repr(clip(name, 40)) for name in others[:10])
        likely = " and ".join(repr(clip(name, 40)) for name in used_columns(known, columns))
        options = " ".join(f"--input {shlex.quote(clip(name, 60))}" for name in [*others[:10], *known.input])
        raise UserError(
            f"{place.path}: {likely} are likely the input and the output, but {named} looks like text to be read too; "
            f"name all the columns of the input, such as {options}"
        )
    told = {key: getattr(known, key) for key in ("input", "template", "output") if getattr(known, key)}
    return {
        key: list(value) if key == "input" else value if key == "template" else value[0] for key, value in told.items()
    }


def _likely(table: Path, columns: Sequence[str], rows: Sample, wish: CardWish) -> TaskCard:
    """Return a card with the columns that were named, and likely ones in place of those that were not."""
    open_ = [name for name in columns if name not in wish.input and name != wish.output]
    if len(open_) == 1:
        told = answer = open_[0]
    else:
        likely = likely_columns(open_, rows)
        if likely is None:
            raise UserError(
                f"{table}: which of {', '.join(clip(name, 40) for name in columns[:20])} are the input and the output "
                "is not clear (ids, lists and objects are neither); name them with --input and --output"
            )
        told, answer = likely
    return TaskCard(input=wish.input or (told,), output=(wish.output or answer,))


def _survey(place: TablePlace, plan: Plan, found: Findings) -> tuple[list[_Seen], Counter[str], int]:
    """Return the rows that may stand as examples, the count of each output, and how many rows there are."""
    seen: list[_Seen] = []
    contents: Counter[int] = Counter()
    outputs: Counter[str] = Counter()
    for row, instance in walk(place, plan, found):
        content = content_hash(instance.input)
        contents[content] += 1
        outputs.update(instance.outputs)
        if instance.split in ("", "train") and instance.input.strip():
            seen.append(_Seen(row, content, len(instance.input), instance.outputs[0]))
    return [row for row in seen if contents[row.content] == 1], outputs, contents.total()


def _options(outputs: Counter[str], rows: int) -> list[str] | None:
    """Return the outputs, sorted, where they look like a closed set of labels; None where they do not."""
    few = 1 < len(outputs) <= _MOST_OPTIONS and len(outputs) * _ROWS_AN_OPTION <= rows
    return sorted(outputs) if few and all(len(output) <= _LONGEST_OPTION for output in outputs) else None


def _choose(seen: Sequence[_Seen], count: int) -> list[int]:
    """Return the rows of the examples: one of each output in turn, those nearest to the middle length first."""
    frequent = Counter(row.output for row in seen)
    labels = len(frequent) * 2 <= len(seen)  # otherwise free text, and its rows are measured by one middle
    groups: dict[str, list[_Seen]] = {}
    for row in seen:
        groups.setdefault(row.output if labels else "", []).append(row)
    queues = []
    for group in sorted(groups.values(), key=len, reverse=True)[: max(count, 1)]:
        middle = sorted(row.length for row in group)[len(group) // 2]
        queues.append(sorted(group, key=lambda row, middle=middle: (abs(row.length - middle), row.row)))  # type: ignore[misc]
    turns = (row for turn in zip_longest(*queues) for row in turn if row is not None)
    chosen: list[int] = []
    told: set[str] = set()
    for row in turns:
        if len(chosen) == count:
            break
        if labels or row.output not in told:
            chosen.append(row.row)
            told.add(row.output)
    return chosen


_HEAD = "# What this table's columns are, and what is to be done with them. All text stays as it is written."
_ROWS = "# These rows, counted from 1, stand above as examples; they are neither learnt from nor judged by."


def _written(told: Mapping[str, Any]) -> str:
    """Return a card's text: its keys in an order to read, lists of texts in one line."""
    lines = [_HEAD]
    for key in ("table", "definition", "input", "template", "output", "outputs", "options", "examples", "example_rows"):
        if key not in told:
            continue
        value = told[key][0] if key == "input" and len(told[key]) == 1 else told[key]
        lines += [_ROWS] if key == "example_rows" else []
        if isinstance(value, list) and key != "examples":
            lines.append(f"{key}: {_dumped(value, default_flow_style=True)}")
        else:
            lines.append(_dumped({key: value}, default_flow_style=False))
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes texts so that they come back exactly: what does not print, or ends lines in YAML alone, as escapes."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)


def _dumped(value: object, *, default_flow_style: bool) -> str:
    options: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": 110}
    text = str(yaml.dump(value, Dumper=_Dumper, default_flow_style=default_flow_style, **options)).rstrip("\n")
    return text.replace("\n", "\n  ") if default_flow_style else text


def _valid(told: dict[str, Any], table: Path, text: str | None = None) -> TaskCard:
    """Return the card that a text (by default what is told, written out) reads as: what was written, exactly.

    Raises:
        ProblemsError: it cannot be a card.
    """
    place = Findings(card_path(table))
    card = parse_card(text or _written(told), place)
    if card is None:
        raise ProblemsError(place.errors())
    return card
