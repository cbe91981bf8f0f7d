"""One dataset's entry in a FLAN-style cluster file: its fields, labels, choices and templates."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.tasks.collection import name_fault
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.yaml_text import YamlText
from tuition.tasks.templating import from_flan, pattern_faults, template_names
from tuition.tasks.types import Template

LABEL = "label"
"""The field by which PromptSource's templates index their choices: the index of the row's label among the labels."""

ANSWER = "answer_"
"""The field with the answer in words, for FLAN's `{answer}`: the label, or the choice that the label refers to."""

_KEYS = (
    *("fields", "labels", "label_meaning", "rows", "splits", "source", "source_labels"),
    *("promptsource", "promptsource_fields", "choice_fields", "templates"),
)
_TEMPLATE_KEYS = ("name", "input", "target", "jinja", "answer_choices", "original_task")
_INDEX_RULE = re.compile(r"index of the label(?: \+ ([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset as the cluster file describes it.

    `derived` are extra fields for its templates: a copy of another field (given by its name) or the label's index plus
    a number (given by the number). `choice_fields` is for rows with their own choices: label → field.
    """

    name: str
    cluster: str
    line: int
    fields: tuple[str, ...]
    labels: tuple[str, ...] = ()
    meaning: str = ""
    source: str = ""
    promptsource: str = ""
    derived: Mapping[str, str | int] | None = None
    choice_fields: Mapping[str, str] | None = None
    templates: tuple[Template, ...] = ()
    declared_rows: Mapping[str, int] | None = None

    @property
    def template_fields(self) -> frozenset[str]:
        """The names that a template of this dataset can read."""
        return frozenset({*self.fields, LABEL, ANSWER, *(self.derived or {})})


def note_name(name: str, what: str, line: int, found: Findings) -> bool:
    """Whether a name can be used in paths and tables; if not, the reason goes to `found`."""
    fault = name_fault(name)
    if fault:
        found.error(
            "unsafe-name", f"the {what} name {clip(name)!r} {fault}", "use letters, digits, '_', '-'", line=line
        )
    return fault is None


def note_unknown(
    mapping: Mapping[str, Any], known: Iterable[str], path: tuple[str | int, ...], document: YamlText, found: Findings
) -> None:
    """Warn about the keys of a mapping at `path` that are not known."""
    for key in mapping:
        if key not in known:
            line = document.line(*path, key)
            found.warning("unknown-key", f"the key {clip(key)!r} is ignored", nearest(key, known), line=line)


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a name in place of an unknown one: the nearest, or all known names."""
    listed = sorted(known)
    near = difflib.get_close_matches(name[:100], listed, n=1)
    shown = ", ".join(clip(other, 40) for other in listed[:20])
    return f"did you mean {near[0]!r}?" if near else f"the known names are {shown or 'none'}"


class Entry:
    """One dataset's entry, read key by key; what is wrong is reported with its line."""

    def __init__(self, document: YamlText, found: Findings, cluster: str, name: str) -> None:
        """Read the entry of the dataset `name` in the cluster `cluster`."""
        self._document = document
        self._found = found
        self._path = ("clusters", cluster, name)
        self._entry = document.value["clusters"][cluster][name]
        self._cluster, self._name = cluster, name

    def dataset(self) -> Dataset | None:
        """Return the dataset, or None if its entry cannot be used."""
        line = self._line()
        if not note_name(self._name, "dataset", line, self._found):
            return None
        if not isinstance(self._entry, dict):
            self._error("wrong-type", f"{self._name} is {rules.kind_of(self._entry)}", "it has keys such as fields")
            return None
        note_unknown(self._entry, _KEYS, self._path, self._document, self._found)
        fields = self._texts("fields")
        if not fields:
            self._error("missing-key", f"{self._name} has no fields", "list the names of its rows' fields")
            return None
        labels = self._texts("labels")
        for reserved in {LABEL, ANSWER} & {*fields}:
            message = f"a field of {self._name} is named {reserved!r}, which is reserved for the row's label"
            self._error("reserved-field", message, "rename the field", "fields")
        return Dataset(
            self._name,
            self._cluster,
            line,
            fields,
            labels,
            meaning=self._text("label_meaning"),
            source=self._text("source"),
            promptsource=self._promptsource(),
            derived=self._derived(fields),
            choice_fields=self._choice_fields(fields, labels),
            templates=self._templates(fields),
            declared_rows=self._declared_rows(),
        )

    def _line(self, *more: str | int) -> int:
        return self._document.line(*self._path, *more)

    def _error(self, kind: str, found: str, expected: str, *more: str | int) -> None:
        self._found.error(kind, found, expected, line=self._line(*more))

    def _text(self, *more: str | int) -> str:
        value: Any = self._entry
        for step in more:
            value = value[step] if isinstance(step, int) else value.get(step)
        if value is None:
            return ""
        written = self._document.written(*self._path, *more)
        if written is None:
            self._error("wrong-type", f"{more[-1]} is {rules.kind_of(value)}", "it must be text", *more)
        return written if written is not None and self._is_text(written, *more) else ""

    def _is_text(self, written: str, *more: str | int) -> bool:
        self._found.line = self._line(*more)
        valid = rules.is_text(written, str(more[-1]), self._found)
        self._found.line = None
        return valid

    def _texts(self, key: str) -> tuple[str, ...]:
        if self._entry.get(key) is None:
            return ()
        written = self._document.written_list(*self._path, key)
        if written is None or not all(text.strip() and self._is_text(text, key) for text in written):
            found = (
                f"{key} is {rules.kind_of(self._entry[key])}"
                if written is None
                else f"one of {key} is blank or not text"
            )
            self._error("wrong-type", found, "it must be a list of texts", key)
            return ()
        if len(set(written)) < len(written):
            self._error("listed-twice", f"{key} lists a name twice", "once is enough", key)
        return tuple(dict.fromkeys(written))

    def _mapping(self, key: str) -> dict[str, str]:
        value = self._entry.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._error("wrong-type", f"{key} is {rules.kind_of(value)}", "it maps names to values", key)
            return {}
        return {name: self._text(key, name) for name in value}

    def _promptsource(self) -> str:
        path = self._text("promptsource")
        if path and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path):
            self._error("outside-link", f"{clip(path)!r} leads out of the folder", "name a file in it", "promptsource")
            return ""
        return path

    def _derived(self, fields: tuple[str, ...]) -> dict[str, str | int]:
        derived: dict[str, str | int] = {}
        for name, rule in self._mapping("promptsource_fields").items():
            if name in (*fields, LABEL, ANSWER):
                message = f"promptsource_fields defines {clip(name)!r}, which every row has"
                self._error("reserved-field", message, "remove it, or rename it", "promptsource_fields", name)
            elif rule in fields:
                derived[name] = rule
            elif match := _INDEX_RULE.fullmatch(rule.strip()):
                derived[name] = int(match[1] or 0)
            else:
                message = f"{clip(name)!r} is defined as {clip(rule)!r}"
                expected = f"define it as a field ({', '.join(fields)}) or as 'index of the label + 1'"
                self._error("unknown-field", message, expected, "promptsource_fields", name)
        return derived

    def _choice_fields(self, fields: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, str]:
        choices = self._mapping("choice_fields")
        if choices and (set(choices) != set(labels) or not set(choices.values()) <= set(fields)):
            message = f"choice_fields has {', '.join(f'{clip(k, 20)}: {clip(v, 20)}' for k, v in choices.items())}"
            expected = f"it has a field for each label ({', '.join(labels)})"
            self._error("unknown-field", message, expected, "choice_fields")
            return {}
        return {label: choices[label] for label in labels if label in choices}

    def _declared_rows(self) -> dict[str, int]:
        rows = self._entry.get("rows")
        valid = isinstance(rows, dict) and all(type(count) is int for count in rows.values())
        if rows is not None and not valid:
            self._error("wrong-type", f"rows is {rules.kind_of(rows)}", "it has a number of rows by split", "rows")
        return dict(rows) if valid and rows is not None else {}

    def _templates(self, fields: tuple[str, ...]) -> tuple[Template, ...]:
        items = self._entry.get("templates")
        if items is None:
            return ()
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self._error(
                "wrong-type", f"templates is {rules.kind_of(items)}", "it lists name, input, target", "templates"
            )
            return ()
        templates = [self._template(number, item, fields) for number, item in enumerate(items)]
        return tuple(template for template in templates if template is not None)

    def _template(self, number: int, item: dict[str, Any], fields: tuple[str, ...]) -> Template | None:
        path = ("templates", number)
        note_unknown(item, _TEMPLATE_KEYS, (*self._path, *path), self._document, self._found)
        name = self._text(*path, "name") or f"{self._name} {number + 1}"
        if "jinja" not in item and not ("input" in item and "target" in item):
            message = f"template {clip(name)!r} has neither both input and target nor jinja"
            self._error("missing-key", message, "give input and target, or jinja", *path)
            return None
        original = item.get("original_task")
        if original is not None and not isinstance(original, bool):
            self._error("wrong-type", f"original_task is {rules.kind_of(original)}", "it must be true or false", *path)
            return None
        try:
            template = self._patterns(path, name, item, fields, original is not False)
            faults = pattern_faults(template)
            if not faults:
                names = {*fields, LABEL, ANSWER, *self._mapping("promptsource_fields")}
                unknown = sorted(template_names(template) - names)
                faults = [f"there is no field {clip(name)!r}; {nearest(name, names)}" for name in unknown]
        except UserError as error:
            faults = [str(error)]
        for fault in faults:
            self._error("unusable-template", f"template {clip(name)!r}: {fault}", "fix it or remove it", *path)
        return None if faults else template

    def _patterns(
        self, path: tuple[str, int], name: str, item: dict[str, Any], fields: tuple[str, ...], original: bool
    ) -> Template:
        choices = self._text(*path, "answer_choices")
        if "jinja" in item:
            return Template(name, self._text(*path, "jinja"), "", choices, original, joined=True)
        if not choices and (own := self._entry.get("choice_fields")) and isinstance(own, dict):
            # The row's own choices, in the order of their labels.
            choices = "|||".join(
                f"{{{{ {own[label]} }}}}"
                for label in self._document.written_list(*self._path, "labels") or ()
                if label in own
            )
        slots = {} if "answer" in fields else {"answer": ANSWER}
        input_pattern, target_pattern = (
            from_flan(self._text(*path, side), what=f"its {side}", names=slots) for side in ("input", "target")
        )
        in_prompt = "options_" in input_pattern
        return Template(name, input_pattern, target_pattern, choices, original, choices_in_prompt=in_prompt)
