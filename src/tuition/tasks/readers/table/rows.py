"""Turn a table's row into an instance, as the task card describes the columns."""

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

_SPLITS: Mapping[str, RowSplit] = {
    "": "", "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "test": "test",
}  # fmt: skip
_LONGEST_LIST = 10_000
_SPLITS_HELP = "a row's split is train, validation (valid, val, dev) or test"


def split_named(name: str) -> RowSplit | None:
    """Return the split with that name, by its usual names; None if it has another name.

    Examples:
        >>> split_named("dev"), split_named("Train"), split_named("unsupervised")
        ('validation', 'train', None)
    """
    return _SPLITS.get(name.strip().casefold())


def nearest(name: str, columns: Iterable[str]) -> str:
    """List the columns, with the one that an unknown name most likely means."""
    names = [column for column in columns if len(column) < 200]
    near = difflib.get_close_matches(name[:200], names, n=1, cutoff=0.5) or [
        column for column in names if column.strip().casefold() == name.strip().casefold()
    ]
    shown = ", ".join(repr(clip(column, 40)) for column in names[:20]) + (", …" if len(names) > 20 else "")
    return (f"did you mean {clip(near[0], 60)!r}? " if near else "") + f"its columns are {shown or 'none'}"


@dataclass(frozen=True, slots=True)
class RowRule:
    """How a row of a table becomes an instance; `of` builds it from a card that names the columns."""

    card: TaskCard
    split_column: str
    input: Pattern | None
    output: Pattern | None

    @staticmethod
    def of(card: TaskCard, split_column: str) -> RowRule:
        """Return the rule of a valid card; `split_column` has each row's split, if it is not empty."""
        output = card.output[0]
        return RowRule(
            card,
            split_column,
            compile_pattern(card.template, what="the template") if card.template else None,
            compile_pattern(output, what="the pattern output") if is_pattern(output) else None,
        )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that each row must have."""
        card = self.card
        inputs = card.input if self.input is None else sorted(self.input.names)
        outputs = card.output if self.output is None else sorted(self.output.names)
        others = [name for name in (card.rationale, card.id, self.split_column) if name]
        return tuple(dict.fromkeys([*inputs, *outputs, *others]))

    def instance(
        self, cells: dict[str, Any], row: int, split: RowSplit, seen: dict[str, int], found: Findings
    ) -> Instance | None:
        """Return a row as an instance; None, with the reasons in `found`, if it has faults.

        `row` is its number, from 1; `seen` maps the ids so far to their rows, and the row's id is added.
        """
        if missing := [name for name in self.wanted if name not in cells]:
            for name in missing:
                message = f"the row has no {clip(name, 60)!r}"
                found.error("missing-column", message, f"every row has it; {nearest(name, cells)}")
            return None
        input_ = self._input(cells, found)
        outputs = self._outputs(cells, found)
        rationale: str | None = ""
        if self.card.rationale:
            rationale = _text(cells, self.card.rationale, found, empty=True)
        identity = self._id(cells, row, seen, found)
        row_split = self._split(cells, found) if self.split_column else split
        plain = rules.is_plain(self._others(cells), "the row", found)
        if input_ is None or outputs is None or rationale is None or identity is None or row_split is None or not plain:
            return None
        return Instance(identity, input_, outputs, rationale=rationale, fields=cells, split=row_split)

    def _others(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return the cells that are not read as text, so that no fault is reported twice."""
        card = self.card
        read = {*(() if self.output else card.output), *card.input, card.rationale, card.id, self.split_column}
        return {name: value for name, value in cells.items() if name not in read}

    def _input(self, cells: dict[str, Any], found: Findings) -> str | None:
        if self.input is not None:
            return _rendered(self.input, cells, "input", found)
        texts = {name: _text(cells, name, found) for name in self.card.input}
        if None in texts.values():
            return None
        if not any(str(text).strip() for text in texts.values()):
            found.warning("empty-input", "the input is empty", "write the input of this output")
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
            found.error(
                "no-output", f"the output ({self._output_source()}) is empty", "give at least one accepted text"
            )
            return None
        options = self.card.options
        if options and options != FROM_DATA:
            for output in outputs:
                if output not in options:
                    expected = f"the card's options are {', '.join(clip(option, 40) for option in options[:10])}"
                    found.error("unknown-option", f"the output is {clip(output, 60)!r}", expected)
                    return None
        return tuple(outputs)

    def _output_source(self) -> str:
        return "of its pattern" if self.output else ", ".join(clip(name, 40) for name in self.card.output)

    def _id(self, cells: dict[str, Any], row: int, seen: dict[str, int], found: Findings) -> str | None:
        if not self.card.id:
            return f"{found.task}-{row}"
        name = _text(cells, self.card.id, found)
        if name is not None and not name.strip():
            found.error("empty-id", f"the id ({clip(self.card.id, 40)}) is empty", "give each row its own id")
            return None
        if name is not None and seen.setdefault(name, row) != row:
            message = f"row {seen[name]} has the same id, {clip(name, 60)!r}"
            found.error("duplicate-id", message, "give each row its own id")
            return None
        return name

    def _split(self, cells: dict[str, Any], found: Findings) -> RowSplit | None:
        name = _text(cells, self.split_column, found, empty=True)
        split = None if name is None else split_named(name)
        if name is not None and split is None:
            message = f"{clip(self.split_column, 40)} is {clip(name, 40)!r}"
            found.error("unknown-split", message, _SPLITS_HELP)
        return split


def _renders_as_empty(value: object) -> bool:
    return value is None or isinstance(value, NamelessClass)


def _rendered(pattern: Pattern, cells: Mapping[str, Any], what: str, found: Findings) -> str | None:
    try:
        text = pattern.render({name: "" if _renders_as_empty(value) else value for name, value in cells.items()})
    except UserError as error:
        found.error("template-fault", clip(str(error), 400), "fix the pattern in the card, or the row")
        return None
    if not text.strip():
        found.error(
            "template-without-text", f"the pattern's {what} is empty for this row", "fill the row, or remove it"
        )
        return None
    return text if rules.is_text(text, f"the {what}", found) else None


_WHICH = (
    "set in a card (or with --outputs of tuition card) which it is: 'outputs: references' (each item is a correct "
    "answer by itself; the first is the training target) or 'outputs: text' (only all together are correct: the "
    "training target and the reference are one text)"
)


def _texts(cells: Mapping[str, Any], name: str, kept: str, found: Findings, *, empty: bool) -> list[str | None]:
    """Return the outputs in a cell; `kept` is the card's `outputs`: what a list is."""
    value = cells[name]
    if isinstance(value, str) and (listed := _listed(value)) is not None:
        if kept == REFERENCES:
            value = listed
        elif not kept:
            message = f"{clip(name, 40)} is a list written as text"
            found.warning("list-as-text", f"{message}; that text is the output", _WHICH)
    if not isinstance(value, list):
        return [_text(cells, name, found, empty=empty)]
    if kept == TEXT:
        valid = rules.is_plain(value, clip(name, 40), found)
        return [json.dumps(value, ensure_ascii=False)] if valid else [None]
    if len(value) > 1 and not kept:
        found.error(
            "list-of-outputs", f"{clip(name, 40)} is a list: several accepted answers, or a set of labels", _WHICH
        )
        return [None]
    return [_text({name: item}, name, found, empty=empty) for item in value]


def _listed(text: str) -> list[object] | None:
    """Return the texts and numbers of a list that a cell contains in JSON or Python notation; None if it is not one."""
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
    """Return a cell as text: numbers as they were written, `true`, `false`; null is an error unless `empty`."""
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
