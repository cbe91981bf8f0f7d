"""The task card: a small YAML file next to a table that describes its columns and the task."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tuition.base.errors import UserError, clip
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.common.yaml_text import YamlText, parse_yaml
from tuition.tasks.templating import compile_pattern
from tuition.tasks.types import Example

FROM_DATA = "from data"
REFERENCES, TEXT = "references", "text"

C = TypeVar("C", bound="_Strict")


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
RowNumber = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardExample(_Strict):
    """A few-shot example in a card."""

    input: str
    output: Annotated[str, Field(min_length=1)]
    explanation: str = ""
    suggestion: str = ""

    def to_example(self) -> Example:
        """Return the example as a task has it."""
        return Example(self.input, self.output, self.explanation, self.suggestion)


class Splits(_Strict):
    """The files, or the names of a dataset's splits, with the rows of train, validation and test."""

    train: Texts = ()
    validation: Texts = ()
    test: Texts = ()

    @model_validator(mode="after")
    def _differ(self) -> Splits:
        names = [*self.train, *self.validation, *self.test]
        if duplicates := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(duplicates))} occurs twice; name each file or split once")
        return self


def _split(value: object) -> object:
    return Splits.model_validate(value) if isinstance(value, dict) else value


def is_pattern(text: str) -> bool:
    """Whether an output is a Jinja pattern, and not a column's name.

    Examples:
        >>> is_pattern("{{ first }} {{ last }}"), is_pattern("label")
        (True, False)
    """
    return "{{" in text or "{%" in text


class TaskCard(_Strict):
    """A description of a table's columns and of the task.

    `input` names columns, or `template` is a Jinja pattern over them. `output` is one column, several (each with an
    accepted output), or a Jinja pattern; `separator` splits an output into several. `outputs` defines what a list in an
    output cell is: `references`, each item an accepted output, or `text`, one output as JSON writes it. If neither
    input nor output is given, they are guessed from columns with well-known names. `example_rows` are the rows, counted
    from 1, that are used as `examples` and so are not instances. The table is the file (or folder) `table`, the files
    of `split`, or a `dataset` of the hub; by default it is the table next to the card.
    """

    name: str = ""
    definition: str = ""
    input: Texts = ()
    template: str = ""
    output: Texts = ()
    outputs: Literal["", "references", "text"] = ""
    separator: str = ""
    examples: tuple[CardExample, ...] = ()
    negative_examples: tuple[CardExample, ...] = ()
    example_rows: tuple[RowNumber, ...] = ()
    options: tuple[str, ...] | Literal["from data"] = ()
    category: Texts = ()
    source: Texts = ()
    languages: Texts = ()
    rationale: str = ""
    id: str = ""
    split: Annotated[str | Splits, BeforeValidator(_split)] = ""
    table: str = ""
    dataset: str = ""
    subset: str = ""
    revision: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> TaskCard:
        for faulty, message in (
            (self.input and self.template, "give input or template, not both"),
            (bool(self.input or self.template) != bool(self.output),
             "the input (or a template) and the output go together; give both, or neither to use columns with "
             "well-known names"),
            (self.table and self.dataset, "give table (a file) or dataset (an id of the hub), not both"),
            (not self.dataset and (self.subset or self.revision), "subset and revision belong to a dataset; name it"),
            (len(self.output) > 1 and any(map(is_pattern, self.output)),
             "output is one Jinja pattern or a list of columns, not both"),
            (self.outputs and any(map(is_pattern, self.output)),
             "outputs defines what lists in an output's column are, but a pattern produces one text; remove outputs"),
        ):  # fmt: skip
            if faulty:
                raise ValueError(message)
        return self


def read_card(file: Path, root: Path, found: Findings) -> TaskCard | None:
    """Read the card in `file`, within `root`; None, with all faults in `found`, if it has any."""
    text = read_text(file, root, found)
    return None if text is None or found.failed else parse_card(text, found)


def parse_card(text: str, found: Findings) -> TaskCard | None:
    """Parse a card, like `read_card`. Every scalar is the text that was written: `1.0`, `no` and `007`."""
    document = parse_yaml(text, found)
    if document is None:
        return None
    if not isinstance(document.value, dict):
        found.error("wrong-type", f"the card is {rules.kind_of(document.value)}", _help(), line=1)
        return None
    failed, found.failed = found.failed, False
    written = _as_written(document.value, document, (), found)
    card = None
    try:
        card = TaskCard.model_validate(written)
    except ValidationError as error:
        # A union (options) reports a value once for each of its branches; one finding per path is enough.
        faults: dict[tuple[str | int, ...], Any] = {}
        for fault in error.errors():
            faults.setdefault(_path(fault), fault)
        for path in sorted(faults, key=lambda path: (document.line(*path), path == ())):
            _note_fault(faults[path], path, document, found)
    if card is not None:
        _check_patterns(card, document, found)
    valid = not found.failed
    found.failed = failed or found.failed
    return card if valid else None


def _as_written(value: object, document: YamlText, path: tuple[str | int, ...], found: Findings) -> object:
    if isinstance(value, dict):
        return {
            key: _as_written(item, document, (*path, key), found)
            for key, item in value.items()
            if not (item is None and len(path) == 0)  # a key without a value counts as absent
        }
    if isinstance(value, list):
        return [_as_written(item, document, (*path, index), found) for index, item in enumerate(value)]
    text = document.written(*path) if value is not None else None
    if text is not None:
        found.line = document.line(*path)
        rules.is_text(text, clip(".".join(map(str, path)), 60), found)
        found.line = None
    return text


def _check_patterns(card: TaskCard, document: YamlText, found: Findings) -> None:
    for key, source in (("template", card.template), ("output", card.output[0] if card.output else "")):
        if source and (key == "template" or is_pattern(source)):
            try:
                compile_pattern(source, what=f"the pattern {key}")
            except UserError as error:
                found.error("broken-template", clip(str(error), 400), "see Jinja's manual", line=document.line(key))


def _path(fault: Any) -> tuple[str | int, ...]:
    return tuple(part for part in fault["loc"] if isinstance(part, int) or part not in _BRANCHES)


def _note_fault(fault: Any, path: tuple[str | int, ...], document: YamlText, found: Findings) -> None:
    key = clip(".".join(map(str, path)), 60)
    line = document.line(*path)
    if fault["type"] == "extra_forbidden":
        keys = [*_keys(path)]
        near = difflib.get_close_matches(str(path[-1])[:60], keys, n=1)
        expected = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(keys)}"
        found.error("unknown-key", f"the key {key!r}", expected, line=line)
    elif fault["type"] == "missing":
        found.error("missing-key", f"{key} is missing", "add it", line=line)
    else:
        wanted = _WANTED.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
        if path[:1] == ("options",):
            wanted = f"it must be a list of texts, or '{FROM_DATA}'"
        if path == ("outputs",):
            wanted = _OUTPUTS
        shown = fault["input"]
        what = f"{key} is {rules.kind_of(shown)}" if key else "the card contradicts itself"
        found.error("card-value", what, clip(wanted[:1].lower() + wanted[1:], 300), line=line)


_OUTPUTS = (
    f"it is '{REFERENCES}' (each item of a list is an accepted output) or '{TEXT}' (the list is one output, as text); "
    "tasks whose outputs are sets of labels are not supported yet; write such a set as one text (the key output "
    "names the column)"
)
_ROW_NUMBER = "it must be a row's number, from 1"
_WANTED = {
    "string_type": "it must be text",
    "string_too_short": "it must not be empty",
    "tuple_type": "it must be a list (or one text, for columns or names)",
    "int_parsing": _ROW_NUMBER,
    "int_type": _ROW_NUMBER,
    "greater_than_equal": _ROW_NUMBER,
    "model_type": "it must be an object with these keys: input, output, explanation",
}

# What pydantic adds to a path to name the branch of a union that it tried.
_BRANCHES = frozenset({"str", "Splits", "tuple[str, ...]", "literal['from data']", "function-before"})


def _keys(path: tuple[str | int, ...]) -> Mapping[str, Any]:
    models: Mapping[str | int, type[_Strict]] = {
        "examples": CardExample,
        "negative_examples": CardExample,
        "split": Splits,
    }
    return models.get(path[0], TaskCard).model_fields if len(path) > 1 else TaskCard.model_fields


def _help() -> str:
    return "write lines such as 'definition: …', 'input: a column', 'output: a column'"
