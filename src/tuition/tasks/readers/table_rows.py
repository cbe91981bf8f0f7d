"""A table's row as an instance, by what the task card says of the columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.tasks.readers import rules
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.task_card import FROM_DATA, TaskCard, is_pattern
from tuition.tasks.templating import Pattern, compile_pattern
from tuition.tasks.types import Instance, RowSplit

_SETS: Mapping[str, RowSplit] = {
    "": "", "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "test": "test",
}  # fmt: skip
_SETS_HELP = "a row is of train, validation (valid, val, dev) or test"


def set_of(name: str) -> RowSplit | None:
    """Return the set that a split's name stands for; None if it stands for none.

    Examples:
        >>> set_of("dev"), set_of("Train"), set_of("unsupervised")
        ('validation', 'train', None)
    """
    return _SETS.get(name.strip().casefold())


def nearest(name: str, columns: Iterable[str]) -> str:
    """Say which columns there are, and which is likely meant by a name that is not among them."""
    names = [column for column in columns if len(column) < 200]
    near = difflib.get_close_matches(name[:200], names, n=1, cutoff=0.5) or [
        column for column in names if column.strip().casefold() == name.strip().casefold()
    ]
    shown = ", ".join(repr(clip(column, 40)) for column in names[:20]) + (", …" if len(names) > 20 else "")
    return (f"is {clip(near[0], 60)!r} meant? " if near else "") + f"its columns are {shown or 'none'}"


@dataclass(frozen=True, slots=True)
class RowRule:
    """How a row of a table becomes an instance: `of` makes one from a card that says which columns to take."""

    card: TaskCard
    column: str
    input: Pattern | None
    output: Pattern | None

    @staticmethod
    def of(card: TaskCard, split_column: str) -> RowRule:
        """Return the rule of a sound card; `split_column` holds each row's set, if it is not empty."""
        told = card.output[0]
        return RowRule(
            card,
            split_column,
            compile_pattern(card.template, what="the template") if card.template else None,
            compile_pattern(told, what="the pattern output") if is_pattern(told) else None,
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that must be there."""
        card = self.card
        inputs = card.input if self.input is None else sorted(self.input.names)
        outputs = card.output if self.output is None else sorted(self.output.names)
        others = [name for name in (card.rationale, card.id, self.column) if name]
        return tuple(dict.fromkeys([*inputs, *outputs, *others]))

    def instance(
        self, cells: dict[str, Any], row: int, split: RowSplit, seen: dict[str, int], found: Findings
    ) -> Instance | None:
        """Return a row as an instance; None, with the reasons in `found`, where it has faults.

        `row` is its number, from 1; `seen` holds the ids met so far with their rows and is added to.
        """
        if missing := [name for name in self.wanted if name not in cells]:
            for name in missing:
                message = f"the row has no {clip(name, 60)!r}"
                found.error("missing-column", message, f"every row has it; {nearest(name, cells)}")
            return None
        told = self._input(cells, found)
        outputs = self._outputs(cells, found)
        rationale: str | None = ""
        if self.card.rationale:
            rationale = _text(cells, self.card.rationale, found, empty=True)
        identity = self._id(cells, row, seen, found)
        side = self._set(cells, found) if self.column else split
        plain = rules.is_plain(self._others(cells), "the row", found)
        if told is None or outputs is None or rationale is None or identity is None or side is None or not plain:
            return None
        return Instance(identity, told, outputs, rationale=rationale, fields=cells, split=side)

    def _others(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return the cells that are not read as text, so that no fault is told twice."""
        card = self.card
        told = {*(() if self.output else card.output), *card.input, card.rationale, card.id, self.column}
        return {name: value for name, value in cells.items() if name not in told}

    def _input(self, cells: dict[str, Any], found: Findings) -> str | None:
        if self.input is not None:
            return _rendered(self.input, cells, "input", found)
        texts = {name: _text(cells, name, found) for name in self.card.input}
        if None in texts.values():
            return None
        if not any(str(text).strip() for text in texts.values()):
            found.warning("empty-input", "the input is empty", "say what the output answers")
        if len(texts) == 1:
            return next(iter(texts.values()))
        return "\n".join(f"{name}: {text}" for name, text in texts.items())

    def _outputs(self, cells: dict[str, Any], found: Findings) -> tuple[str, ...] | None:
        if self.output is not None:
            rendered = _rendered(self.output, cells, "output", found)
            texts: list[str | None] = [rendered]
        else:
            several = len(self.card.output) > 1
            texts = [text for name in self.card.output for text in _texts(cells, name, found, empty=several)]
        if None in texts:
            return None
        outputs = [str(text) for text in texts]
        if self.card.separator:
            outputs = [part.strip() for text in outputs for part in text.split(self.card.separator)]
        outputs = list(dict.fromkeys(text for text in outputs if text.strip()))
        if not outputs:
            found.error("no-output", f"the output ({self._outputs_told()}) is empty", "give at least one accepted text")
            return None
        options = self.card.options
        if options and options != FROM_DATA:
            for output in outputs:
                if output not in options:
                    expected = f"the card's options are {', '.join(clip(option, 40) for option in options[:10])}"
                    found.error("unknown-option", f"the output is {clip(output, 60)!r}", expected)
                    return None
        return tuple(outputs)

    def _outputs_told(self) -> str:
        return "by its pattern" if self.output else ", ".join(clip(name, 40) for name in self.card.output)

    def _id(self, cells: dict[str, Any], row: int, seen: dict[str, int], found: Findings) -> str | None:
        if not self.card.id:
            return f"{found.task}-{row}"
        name = _text(cells, self.card.id, found)
        if name is not None and not name.strip():
            found.error("empty-id", f"the id ({clip(self.card.id, 40)}) is empty", "give each row its own id")
            return None
        if name is not None and seen.setdefault(name, row) != row:
            message = f"the id {clip(name, 60)!r} is that of row {seen[name]} too"
            found.error("duplicate-id", message, "give each row its own id")
            return None
        return name

    def _set(self, cells: dict[str, Any], found: Findings) -> RowSplit | None:
        name = _text(cells, self.column, found, empty=True)
        split = None if name is None else set_of(name)
        if name is not None and split is None:
            message = f"{clip(self.column, 40)} is {clip(name, 40)!r}"
            found.error("unknown-split", message, _SETS_HELP)
        return split


def _rendered(pattern: Pattern, cells: Mapping[str, Any], what: str, found: Findings) -> str | None:
    try:
        text = pattern.render({name: "" if value is None else value for name, value in cells.items()})
    except UserError as error:
        found.error("template-fault", clip(str(error), 400), "mend the pattern in the card, or the row")
        return None
    if not text.strip():
        found.error("template-without-text", f"the pattern makes no {what} of this row", "fill the row, or take it out")
        return None
    return text if rules.is_text(text, f"the {what}", found) else None


def _texts(cells: Mapping[str, Any], name: str, found: Findings, *, empty: bool) -> list[str | None]:
    value = cells[name]
    if not isinstance(value, list):
        return [_text(cells, name, found, empty=empty)]
    return [_text({name: item}, name, found, empty=empty) for item in value]


def _text(cells: Mapping[str, Any], name: str, found: Findings, *, empty: bool = False) -> str | None:
    """Return a cell as text: numbers as they were written, `true` and `false`; null only where it may be `empty`."""
    value = cells[name]
    if isinstance(value, str):
        return value if rules.is_text(value, clip(name, 40), found) else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if value is None and empty:
        return ""
    kind = "missing-value" if value is None else "wrong-type"
    found.error(kind, f"{clip(name, 40)} is {rules.kind_of(value)}", "it must be text (or a number)")
    return None


# Pairs of names that tables of texts and answers go by, the likelier first. Alpaca's rows each have an instruction.
_KNOWN = (
    ("input", "output"), ("prompt", "completion"), ("text", "label"), ("sentence", "label"), ("question", "answer"),
    ("instruction", "output"), ("instruction", "response"),
)  # fmt: skip
_ALPACA = "{{ %s }}{%% if %s %%}\n\n{{ %s }}{%% endif %%}"


def guessed(card: TaskCard, columns: Iterable[str]) -> TaskCard | None:
    """Return the card with input and output told, from columns of well-known names; None if there are none such."""
    named = {column.strip().casefold(): column for column in reversed(tuple(columns))}
    if {"instruction", "input", "output"} <= named.keys():
        first, second = named["instruction"], named["input"]
        if first.isidentifier() and second.isidentifier():
            return card.model_copy(update={"output": (named["output"],), "template": _ALPACA % (first, second, second)})
    for told, answer in _KNOWN:
        if told in named and answer in named:
            return card.model_copy(update={"output": (named[answer],), "input": (named[told],)})
    return None


_ANSWERS = frozenset(
    {"output", "completion", "label", "answer", "target", "response", "class", "category", "department", "intent"}
    | {"sentiment", "topic", "summary", "translation", "reply", "gold", "y"}
)


def likely_columns(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> tuple[str, str]:
    """Return the columns that are likely the input and the output: by their names, else by some of the rows.

    The output is the one that tells an answer by its name, or else has the fewest different values; the input the
    longest texts of the others.
    """
    if (known := guessed(TaskCard(), columns)) is not None and known.input:
        return known.input[0], known.output[0]
    if len(columns) < 2:
        return (columns[0] if columns else "input"), "output"
    texts = {name: [str(row.get(name) or "") for row in rows] for name in columns}

    def length(name: str) -> int:
        return sum(map(len, texts[name]))

    def kinds(name: str) -> tuple[bool, int, int]:
        different = len(set(texts[name]))
        return different < 2, different, length(name)

    answer = next((name for name in columns if name.strip().casefold() in _ANSWERS), None)
    told = max((name for name in columns if name != answer), key=length)
    return told, answer or min((name for name in reversed(columns) if name != told), key=kinds)
