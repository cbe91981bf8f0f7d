"""A table's row as an instance, by what the task card says of the columns."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.card import FROM_DATA, REFERENCES, TEXT, TaskCard, is_pattern
from tuition.tasks.readers.table.class_names import NamelessClass
from tuition.tasks.templating import Pattern, compile_pattern
from tuition.tasks.types import Instance, RowSplit

_SETS: Mapping[str, RowSplit] = {
    "": "", "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "test": "test",
}  # fmt: skip
_LONGEST_LIST = 10_000
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
            kept = self.card.outputs
            texts = [text for name in self.card.output for text in _texts(cells, name, kept, found, empty=several)]
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


def _is_nothing(value: object) -> bool:
    return value is None or isinstance(value, NamelessClass)


def _rendered(pattern: Pattern, cells: Mapping[str, Any], what: str, found: Findings) -> str | None:
    try:
        text = pattern.render({name: "" if _is_nothing(value) else value for name, value in cells.items()})
    except UserError as error:
        found.error("template-fault", clip(str(error), 400), "mend the pattern in the card, or the row")
        return None
    if not text.strip():
        found.error("template-without-text", f"the pattern makes no {what} of this row", "fill the row, or take it out")
        return None
    return text if rules.is_text(text, f"the {what}", found) else None


_WHICH = (
    "say in a card (or by --outputs of tuition card) which it is: 'outputs: references' (each one alone is a right "
    "answer; the first is learnt), or 'outputs: text' (they are right together: learnt and judged as one text)"
)


def _texts(cells: Mapping[str, Any], name: str, kept: str, found: Findings, *, empty: bool) -> list[str | None]:
    """Return the outputs that a cell holds; `kept` is the card's word on what a list of them is."""
    value = cells[name]
    if isinstance(value, str) and (listed := _listed(value)) is not None:
        if kept == REFERENCES:
            value = listed
        elif not kept:
            message = f"{clip(name, 40)} is a list that is written as text"
            found.warning("list-as-text", f"{message}; it is learnt as that text", _WHICH)
    if not isinstance(value, list):
        return [_text(cells, name, found, empty=empty)]
    if kept == TEXT:
        sound = rules.is_plain(value, clip(name, 40), found)
        return [json.dumps(value, ensure_ascii=False)] if sound else [None]
    if len(value) > 1 and not kept:
        found.error(
            "list-of-outputs", f"{clip(name, 40)} is a list: several accepted answers, or a set of labels", _WHICH
        )
        return [None]
    return [_text({name: item}, name, found, empty=empty) for item in value]


def _listed(text: str) -> list[object] | None:
    """Return the texts and numbers of a list that a cell holds as JSON or as Python writes it; None if it is none."""
    if not (text.startswith("[") and text.endswith("]") and len(text) <= _LONGEST_LIST):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list) and len(value) > 1:
            return value if all(isinstance(item, (str, int, float)) for item in value) else None
    return None


def _text(cells: Mapping[str, Any], name: str, found: Findings, *, empty: bool = False) -> str | None:
    """Return a cell as text: numbers as they were written, `true` and `false`; null only where it may be `empty`."""
    value = cells[name]
    if isinstance(value, str):
        return value if rules.is_text(value, clip(name, 40), found) else None
    if isinstance(value, NamelessClass):
        found.error(*value.explained(clip(name, 40)))
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if value is None and empty:
        return ""
    kind = "missing-value" if value is None else "wrong-type"
    found.error(kind, f"{clip(name, 40)} is {rules.kind_of(value)}", "it must be text (or a number)")
    return None
