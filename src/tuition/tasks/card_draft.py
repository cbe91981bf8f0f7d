"""Draft a task card from a table and an instruction: columns, few-shot examples and options come from the data."""

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
from tuition.tasks.readers.table.discovery import TableLocation, split_folders
from tuition.tasks.readers.table.files import is_saved_dataset, is_table, split_names, table_names
from tuition.tasks.readers.table.guess import Sample, guessed, left_out, likely_columns
from tuition.tasks.readers.table.plan import Plan, columns_of_first, make_plan, parts_of, sample_of, used_columns
from tuition.tasks.readers.table.reader import walk
from tuition.tasks.readers.table.unsupported import remedy_for

# The outputs are answer options if they are few, short, and each has several rows on average.
_MOST_OPTIONS, _LONGEST_OPTION, _ROWS_AN_OPTION = 20, 60, 3


@dataclass(frozen=True, slots=True)
class CardWish:
    """The user's settings for a card; columns that are not named are guessed from the data."""

    instruction: str
    input: tuple[str, ...] = ()
    output: str = ""
    examples: int = 2
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class CardDraft:
    """A drafted card: its path, its text, the parsed card, and the number of rows left to train and evaluate on."""

    path: Path
    text: str
    card: TaskCard
    rows: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is kept of a row to choose examples from."""

    row: int
    content: int
    length: int
    output: str


def card_path(table: Path) -> Path:
    """Return the path of a table's card: `<stem>.task.yaml` next to a file, `task.yaml` in a folder."""
    return table / CARD if table.is_dir() else table.with_name(f"{table.stem}{ENDING}")


def draft_card(table: Path, wish: CardWish) -> CardDraft:
    """Return a valid card for a table; nothing is written.

    The few-shot examples are typical rows (of median length) with different outputs, the most frequent outputs first.
    They are rows that the source does not hold out and whose input occurs once. They are then not instances.

    Raises:
        ProblemsError: the table cannot be read, or columns are missing; all problems together.
        UserError: there is no table, the instruction is blank, or there are too few rows for the examples.
    """
    _require_table(table)
    if not wish.instruction.strip():
        raise UserError("the instruction is blank; write a sentence that describes what to do with an input")
    location = TableLocation(table.name if table.is_dir() else table.stem, table, TaskCard(), table)
    found = location.findings()
    content = {"definition": wish.instruction, **_columns(location, wish, found)}
    if wish.outputs:
        content["outputs"] = wish.outputs
    location = TableLocation(location.name, table, _valid(content, table), table)
    plan = make_plan(location, found)
    candidates, outputs, rows = _survey(location, plan, found) if plan is not None else ([], Counter(), 0)
    if plan is None or found.failed:
        raise ProblemsError(found.errors())
    if (few := _options(outputs, rows)) is not None:
        content["options"] = few
    chosen = _choose(candidates, wish.examples)
    if len(chosen) < wish.examples or rows <= len(chosen):
        raise UserError(
            f"{table}: {wish.examples} few-shot examples were requested; of {rows} rows, {len(chosen)} can be used "
            "(training rows whose input occurs once); request fewer with --examples"
        )
    if chosen:
        by_row = {row: instance for row, instance in walk(location, plan, Findings(table)) if row in chosen}
        content["examples"] = [{"input": by_row[n].input, "output": by_row[n].outputs[0]} for n in chosen]
        content["example_rows"] = sorted(chosen)
    if not table.is_dir():
        content["table"] = table.name
    text = _written(content)
    return CardDraft(card_path(table), text, _valid(content, table, text), rows - len(chosen))


def _require_table(table: Path) -> None:
    if not table.exists():
        raise UserError(f"{table}: there is no such table; give a file or a folder")
    if table.is_dir():
        names = table_names(table, Findings(table))
        if not names and (splits := split_folders(table)):
            split = next(iter(splits))
            raise UserError(
                f"{table}: a folder of {' and '.join(splits)}; give a table in it, such as {split}/{splits[split][0]}"
            )
        if not names and not is_saved_dataset(table):
            raise UserError(f"{table}: there is no table in it; {_advice(table)}")
        if not is_saved_dataset(table) and not split_names(names) and not all(n.endswith(".parquet") for n in names):
            raise UserError(f"{table}: a folder of {len(names)} tables; give one of them, such as {clip(names[0], 60)}")
    elif not is_table(table):
        raise UserError(f"{table}: is not a table that can be read; {_advice(table)}")


def _advice(path: Path) -> str:
    try:
        remedy = remedy_for(path)
    except OSError:
        remedy = None
    if remedy is None:
        return f"give a file that ends in {', '.join(SUFFIXES)} (of .json, a list)"
    return f"it is {remedy.what}: {remedy.advice}" if path.is_file() else f"{remedy.what}: {remedy.advice}"


def _columns(location: TableLocation, wish: CardWish, found: Findings) -> dict[str, Any]:
    """Return the columns that the user named, and guesses for those that were not named."""
    if wish.input and wish.output:
        return {"input": list(wish.input), "output": wish.output}
    parts = parts_of(location, found)
    columns = None if found.failed else columns_of_first(parts, found)
    if columns is None:
        raise ProblemsError(found.errors())
    rows = sample_of(parts)
    known = None if wish.input or wish.output else guessed(TaskCard(), columns, rows)
    if known is None:
        known = _likely(location.path, columns, rows, wish)
    if not wish.input and (others := left_out(used_columns(known, columns), columns, rows)):
        named = ", ".join(repr(clip(name, 40)) for name in others[:10])
        likely = " and ".join(repr(clip(name, 40)) for name in used_columns(known, columns))
        options = " ".join(f"--input {shlex.quote(clip(name, 60))}" for name in [*others[:10], *known.input])
        raise UserError(
            f"{location.path}: {likely} are likely the input and the output, but {named} looks like input text too; "
            f"name all the columns of the input, such as {options}"
        )
    set_keys = {key: getattr(known, key) for key in ("input", "template", "output") if getattr(known, key)}
    return {
        key: list(value) if key == "input" else value if key == "template" else value[0]
        for key, value in set_keys.items()
    }


def _likely(table: Path, columns: Sequence[str], rows: Sample, wish: CardWish) -> TaskCard:
    """Return a card with the columns that the user named, and guesses for those that were not named."""
    unnamed = [name for name in columns if name not in wish.input and name != wish.output]
    if len(unnamed) == 1:
        input_ = output = unnamed[0]
    else:
        likely = likely_columns(unnamed, rows)
        if likely is None:
            raise UserError(
                f"{table}: which of {', '.join(clip(name, 40) for name in columns[:20])} are the input and the output "
                "is not clear (ids, lists and objects are neither); name them with --input and --output"
            )
        input_, output = likely
    return TaskCard(input=wish.input or (input_,), output=(wish.output or output,))


def _survey(location: TableLocation, plan: Plan, found: Findings) -> tuple[list[_Candidate], Counter[str], int]:
    """Return the rows that can be examples, the count of each output, and the number of rows."""
    candidates: list[_Candidate] = []
    contents: Counter[int] = Counter()
    outputs: Counter[str] = Counter()
    for row, instance in walk(location, plan, found):
        content = content_hash(instance.input)
        contents[content] += 1
        outputs.update(instance.outputs)
        if instance.split in ("", "train") and instance.input.strip():
            candidates.append(_Candidate(row, content, len(instance.input), instance.outputs[0]))
    return [row for row in candidates if contents[row.content] == 1], outputs, contents.total()


def _options(outputs: Counter[str], rows: int) -> list[str] | None:
    """Return the outputs, sorted, if they look like a closed set of labels; else None."""
    few = 1 < len(outputs) <= _MOST_OPTIONS and len(outputs) * _ROWS_AN_OPTION <= rows
    return sorted(outputs) if few and all(len(output) <= _LONGEST_OPTION for output in outputs) else None


def _choose(candidates: Sequence[_Candidate], count: int) -> list[int]:
    """Return the rows of the examples: one per output in turn, those nearest to the median length first."""
    frequent = Counter(row.output for row in candidates)
    labels = len(frequent) * 2 <= len(candidates)  # otherwise free text, whose rows have one median length
    groups: dict[str, list[_Candidate]] = {}
    for row in candidates:
        groups.setdefault(row.output if labels else "", []).append(row)
    queues = []
    for group in sorted(groups.values(), key=len, reverse=True)[: max(count, 1)]:
        median = sorted(row.length for row in group)[len(group) // 2]
        queues.append(sorted(group, key=lambda row, median=median: (abs(row.length - median), row.row)))  # type: ignore[misc]
    turns = (row for turn in zip_longest(*queues) for row in turn if row is not None)
    chosen: list[int] = []
    used_outputs: set[str] = set()
    for row in turns:
        if len(chosen) == count:
            break
        if labels or row.output not in used_outputs:
            chosen.append(row.row)
            used_outputs.add(row.output)
    return chosen


_HEAD = "# This table's columns, and the task. All values are read as text, exactly as written."
_ROWS = "# These rows, counted from 1, are the examples above; they are used neither for training nor for evaluation."


def _written(content: Mapping[str, Any]) -> str:
    """Return a card's text: its keys in reading order, lists of texts in one line."""
    lines = [_HEAD]
    for key in ("table", "definition", "input", "template", "output", "outputs", "options", "examples", "example_rows"):
        if key not in content:
            continue
        value = content[key][0] if key == "input" and len(content[key]) == 1 else content[key]
        lines += [_ROWS] if key == "example_rows" else []
        if isinstance(value, list) and key != "examples":
            lines.append(f"{key}: {_dumped(value, default_flow_style=True)}")
        else:
            lines.append(_dumped({key: value}, default_flow_style=False))
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes texts so that they are read back exactly: unprintable characters and YAML's line breaks are escaped."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)


def _dumped(value: object, *, default_flow_style: bool) -> str:
    options: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": 110}
    text = str(yaml.dump(value, Dumper=_Dumper, default_flow_style=default_flow_style, **options)).rstrip("\n")
    return text.replace("\n", "\n  ") if default_flow_style else text


def _valid(content: dict[str, Any], table: Path, text: str | None = None) -> TaskCard:
    """Return the card parsed from `text`, by default the text of `content`.

    Raises:
        ProblemsError: it is not a valid card.
    """
    findings = Findings(card_path(table))
    card = parse_card(text or _written(content), findings)
    if card is None:
        raise ProblemsError(findings.errors())
    return card
