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
"""The field that PromptSource's templates index their choices by: the place of the row's label among the labels."""

ANSWER = "answer_"
"""The field with the answer in words, for FLAN's `{answer}`: the label, or the choice that the label stands for."""

_KEYS = (
    *("fields", "labels", "label_meaning", "rows", "splits", "source", "source_labels"),
    *("promptsource", "promptsource_fields", "choice_fields", "templates"),
)
_TEMPLATE_KEYS = ("name", "input", "target", "jinja", "answer_choices", "original_task")
_INDEX_RULE = re.compile(r"index of the label(?: \+ ([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the cluster file says of one dataset.

    `derived` are fields made for its templates: from another field (by its name) or from the label's index (by the
    number added to it). `choice_fields` is for rows that bring their own choices: label → field.
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
    def told_fields(self) -> frozenset[str]:
        """The names that a template of this dataset can read."""
        return frozenset({*self.fields, LABEL, ANSWER, *(self.derived or {})})


def note_name(name: str, what: str, line: int, found: Findings) -> bool:
    """Whether a name is fit for paths and tables; if not, `found` hears why."""
    fault = name_fault(name)
    if fault:
        found.error(
            "unsafe-name", f"the {what} name {clip(name)!r} {fault}", "use letters, digits, '_', '-'", line=line
        )
    return fault is None


def note_unknown(
    told: Mapping[str, Any], known: Iterable[str], path: tuple[str | int, ...], document: YamlText, found: Findings
) -> None:
    """Note the keys of a mapping at `path` that are not among the known ones."""
    for key in told:
        if key not in known:
            line = document.line(*path, key)
            found.warning("unknown-key", f"the key {clip(key)!r} is passed over", nearest(key, known), line=line)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what would be right in the place of an unknown name: the nearest, or what there is."""
    listed = sorted(known)
    near = difflib.get_close_matches(name[:100], listed, n=1)
    shown = ", ".join(clip(other, 40) for other in listed[:20])
    return f"is {near[0]!r} meant?" if near else f"there are {shown or 'none'}"


class Entry:
    """One dataset's entry, read key by key; what is wrong is noted with its line."""

    def __init__(self, document: YamlText, found: Findings, cluster: str, name: str) -> None:
        """Look at the entry of the dataset `name` in the cluster `cluster`."""
        self._document = document
        self._found = found
        self._path = ("clusters", cluster, name)
        self._told = document.value["clusters"][cluster][name]
        self._cluster, self._name = cluster, name

    def dataset(self) -> Dataset | None:
        """Return the dataset, or None where its entry cannot be used."""
        line = self._line()
        if not note_name(self._name, "dataset", line, self._found):
            return None
        if not isinstance(self._told, dict):
            self._error("wrong-type", f"{self._name} is {rules.kind_of(self._told)}", "it has keys such as fields")
            return None
        note_unknown(self._told, _KEYS, self._path, self._document, self._found)
        fields = self._texts("fields")
        if not fields:
            self._error("missing-key", f"{self._name} has no fields", "list the names of its rows' fields")
            return None
        labels = self._texts("labels")
        for reserved in {LABEL, ANSWER} & {*fields}:
            message = f"a field of {self._name} is named {reserved!r}, which stands for the row's label"
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
        value: Any = self._told
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
        sound = rules.is_text(written, str(more[-1]), self._found)
        self._found.line = None
        return sound

    def _texts(self, key: str) -> tuple[str, ...]:
        if self._told.get(key) is None:
            return ()
        written = self._document.written_list(*self._path, key)
        if written is None or not all(text.strip() and self._is_text(text, key) for text in written):
            found = (
                f"{key} is {rules.kind_of(self._told[key])}" if written is None else f"one of {key} is blank or no text"
            )
            self._error("wrong-type", found, "it must be a list of texts", key)
            return ()
        if len(set(written)) < len(written):
            self._error("listed-twice", f"something stands twice in {key}", "once is enough", key)
        return tuple(dict.fromkeys(written))

    def _mapping(self, key: str) -> dict[str, str]:
        told = self._told.get(key)
        if told is None:
            return {}
        if not isinstance(told, dict):
            self._error("wrong-type", f"{key} is {rules.kind_of(told)}", "it has names and what they stand for", key)
            return {}
        return {name: self._text(key, name) for name in told}

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
                message = f"promptsource_fields makes {clip(name)!r}, which every row has"
                self._error("reserved-field", message, "leave it out, or name another", "promptsource_fields", name)
            elif rule in fields:
                derived[name] = rule
            elif match := _INDEX_RULE.fullmatch(rule.strip()):
                derived[name] = int(match[1] or 0)
            else:
                message = f"{clip(name)!r} is made of {clip(rule)!r}"
                expected = f"it is made of a field ({', '.join(fields)}), or of 'index of the label + 1'"
                self._error("unknown-field", message, expected, "promptsource_fields", name)
        return derived

    def _choice_fields(self, fields: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, str]:
        told = self._mapping("choice_fields")
        if told and (set(told) != set(labels) or not set(told.values()) <= set(fields)):
            message = f"choice_fields has {', '.join(f'{clip(k, 20)}: {clip(v, 20)}' for k, v in told.items())}"
            expected = f"it has a field for each label ({', '.join(labels)})"
            self._error("unknown-field", message, expected, "choice_fields")
            return {}
        return {label: told[label] for label in labels if label in told}

    def _declared_rows(self) -> dict[str, int]:
        told = self._told.get("rows")
        sound = isinstance(told, dict) and all(type(count) is int for count in told.values())
        if told is not None and not sound:
            self._error("wrong-type", f"rows is {rules.kind_of(told)}", "it has a number of rows by split", "rows")
        return dict(told) if sound and told is not None else {}

    def _templates(self, fields: tuple[str, ...]) -> tuple[Template, ...]:
        told = self._told.get("templates")
        if told is None:
            return ()
        if not isinstance(told, list) or not all(isinstance(item, dict) for item in told):
            self._error(
                "wrong-type", f"templates is {rules.kind_of(told)}", "it lists name, input, target", "templates"
            )
            return ()
        made = [self._template(number, item, fields) for number, item in enumerate(told)]
        return tuple(template for template in made if template is not None)

    def _template(self, number: int, told: dict[str, Any], fields: tuple[str, ...]) -> Template | None:
        path = ("templates", number)
        note_unknown(told, _TEMPLATE_KEYS, (*self._path, *path), self._document, self._found)
        name = self._text(*path, "name") or f"{self._name} {number + 1}"
        if "jinja" not in told and not ("input" in told and "target" in told):
            self._error("missing-key", f"template {clip(name)!r} has not both input and target", "or jinja", *path)
            return None
        original = told.get("original_task")
        if original is not None and not isinstance(original, bool):
            self._error("wrong-type", f"original_task is {rules.kind_of(original)}", "it must be true or false", *path)
            return None
        try:
            template = self._patterns(path, name, told, fields, original is not False)
            faults = pattern_faults(template)
            if not faults:
                names = {*fields, LABEL, ANSWER, *self._mapping("promptsource_fields")}
                unknown = sorted(template_names(template) - names)
                faults = [f"there is no field {clip(name)!r}; {nearest(name, names)}" for name in unknown]
        except UserError as error:
            faults = [str(error)]
        for fault in faults:
            self._error("unusable-template", f"template {clip(name)!r}: {fault}", "mend it or take it out", *path)
        return None if faults else template

    def _patterns(
        self, path: tuple[str, int], name: str, told: dict[str, Any], fields: tuple[str, ...], original: bool
    ) -> Template:
        choices = self._text(*path, "answer_choices")
        if "jinja" in told:
            return Template(name, self._text(*path, "jinja"), "", choices, original, joined=True)
        if not choices and (own := self._told.get("choice_fields")) and isinstance(own, dict):
            # The row's own choices, in the order of the labels that stand for them.
            choices = "|||".join(
                f"{{{{ {own[label]} }}}}"
                for label in self._document.written_list(*self._path, "labels") or ()
                if label in own
            )
        slots = {} if "answer" in fields else {"answer": ANSWER}
        told_input, told_target = (
            from_flan(self._text(*path, side), what=f"its {side}", names=slots) for side in ("input", "target")
        )
        return Template(name, told_input, told_target, choices, original, choices_in_prompt="options_" in told_input)
