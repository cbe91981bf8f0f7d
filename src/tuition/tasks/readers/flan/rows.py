"""The rows of a FLAN-style dataset: JSON lines of named fields, a label and a split."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from tuition.base.errors import clip
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.flan.entry import ANSWER, LABEL, Dataset
from tuition.tasks.types import Instance, RowSplit

_SPLITS: tuple[str, ...] = get_args(RowSplit)
_ROW = 'a row is an object with "fields", "label" and "split"'


def read_rows(dataset: Dataset, file: Path, root: Path, found: Findings) -> Iterator[Instance]:
    """Yield the valid rows of a dataset's file within `root`; what is wrong goes to `found`, also wrong row counts."""
    counts: Counter[str] = Counter()
    for number, row in read_json_lines(file, root, found):
        instance = _instance(dataset, row, number, found)
        if instance is not None:
            counts[instance.split] += 1
            yield instance
    if not counts and not found.failed:
        found.error("no-instances", "there are no rows in it", "give at least one row to train or evaluate on")
    for split, declared in (dataset.declared_rows or {}).items():
        if not found.failed and counts[split] != declared:
            message = f"it has {counts[split]:,} rows of the split {clip(split, 20)!r}, not {declared:,}"
            found.warning("row-count", message, "get the whole file again, or correct the count in the cluster file")


def _instance(dataset: Dataset, row: object, number: int, found: Findings) -> Instance | None:
    if not isinstance(row, dict) or not isinstance(row.get("fields"), dict):
        what = "its fields are " + rules.kind_of(row.get("fields")) if isinstance(row, dict) else rules.kind_of(row)
        found.error("wrong-type", f"it is not a row: {what}", _ROW)
        return None
    fields = _fields(dataset, row["fields"], found)
    label = _label(dataset, row.get("label"), found)
    split = row.get("split", "")
    if split not in _SPLITS:
        shown = repr(clip(split, 40)) if isinstance(split, str) else rules.kind_of(split)
        found.error("unknown-split", f"the split is {shown}", "it is train, validation or test, or left out")
        return None
    if fields is None or label is None:
        return None
    return Instance(
        f"{dataset.name}-{number}",
        _input(dataset, fields),
        (label,),
        fields=_template_fields(dataset, fields, label),
        split=cast("RowSplit", split),
    )


def _fields(dataset: Dataset, row: Mapping[str, Any], found: Findings) -> dict[str, Any] | None:
    valid = True
    for name in dataset.fields:
        if name not in row:
            near = difflib.get_close_matches(name, [key for key in list(row)[:50] if len(key) < 100], n=1)
            expected = f"did you mean {near[0]!r}?" if near else "every row has all the fields of the cluster file"
            found.error("missing-field", f"there is no field {name!r}", expected)
            valid = False
        elif not _is_field(row[name], name, found):
            valid = False
    for name in row.keys() - {*dataset.fields}:
        message = f"the field {clip(name)!r} is ignored"
        found.warning("unknown-field", message, f"the cluster file names {', '.join(dataset.fields)}")
    if valid and not any(str(row[name]).strip() for name in dataset.fields):
        found.warning("empty-input", "all its fields are empty", "write the input of this label")
    return {name: row[name] for name in dataset.fields} if valid else None


def _is_field(value: object, name: str, found: Findings) -> bool:
    """Whether a template can render a field: text, a number, or a list of texts."""
    if isinstance(value, list):
        valid = [rules.is_text(item, f"{name}[{number}]", found) for number, item in enumerate(value)]
        return all(valid)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return True
    return rules.is_text(value, name, found)


def _label(dataset: Dataset, label: object, found: Findings) -> str | None:
    if label is None:
        found.error("no-output", 'there is no "label"', "every row has one")
        return None
    if not rules.is_text(label, LABEL, found):
        return None
    text = cast("str", label)
    if not dataset.labels and not text.strip():
        found.error("no-output", "the label is blank", "every row has one")
        return None
    if dataset.labels and text not in dataset.labels:
        found.error("unknown-label", f"the label is {clip(text, 60)!r}", f"the labels are {', '.join(dataset.labels)}")
        return None
    return text


def _input(dataset: Dataset, fields: Mapping[str, Any]) -> str:
    """Return the row's input without a template: a line `name: value` per field, or the bare value if there is one."""
    texts = {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in fields.items()}
    if len(texts) == 1:
        return texts[dataset.fields[0]]
    return "\n".join(f"{name}: {text}" for name, text in texts.items())


def _template_fields(dataset: Dataset, fields: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the fields of a row that a template can read."""
    index = dataset.labels.index(label) if dataset.labels else None
    choice = (dataset.choice_fields or {}).get(label)
    readable = {
        **fields,
        LABEL: label if index is None else index,
        ANSWER: label if choice is None else str(fields[choice]),
    }
    for name, rule in (dataset.derived or {}).items():
        readable[name] = fields[rule] if isinstance(rule, str) else (index or 0) + rule
    return readable
