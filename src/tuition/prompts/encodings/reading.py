"""Encodings from text: YAML descriptions, users' Jinja templates, and the JSON saved with a trained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.typed_json import typed
from tuition.base.yamltext import load_yaml
from tuition.prompts.fill import places
from tuition.prompts.types import Element, ElementKind, Encoding, OptionsStyle, TextRule

_KEYS = {field.name for field in dataclasses.fields(Encoding)}
_ELEMENT_KEYS = {"count", "explanation", "suggestion", "end", "fill"}
_SLOTS: Mapping[str, set[str]] = {"body": {"input", "options"}, "target": {"output", "rationale"}}
_EXAMPLE_SLOTS = {"number", "input", "output", "definition"}


def read_encodings(text: str, path: Path, known: Mapping[str, Encoding] | Any) -> list[Encoding]:
    """Return the encodings that a YAML text describes: a mapping of names, each with its description.

    An encoding may start as a copy of another, named by `like`, and override some of its keys.

    Args:
        text: the YAML.
        path: its file, for messages.
        known: encodings by name, which `like` and `one_of` may name in addition to those of this text.

    Raises:
        ProblemsError: all mistakes in the YAML or in the descriptions together.
        UserError: the text is not a mapping.
    """
    data = load_yaml(text, path)
    if not isinstance(data, dict):
        raise UserError(f"{path}: an encoding's file maps names to descriptions")
    made: dict[str, Encoding] = {}
    problems: list[Problem] = []
    for name, described in data.items():
        reader = _Reader(str(name), path, made, known, problems)
        if (encoding := reader.read(described)) is not None:
            made[encoding.name] = encoding
    if problems:
        raise ProblemsError(problems)
    return list(made.values())


def encoding_from_jinja(text: str, path: Path) -> Encoding:
    """Return an encoding whose whole prompt is a user's own Jinja template.

    Raises:
        UserError: the template cannot be used; it must contain the instance's `input` or its `fields`.
    """
    from tuition.tasks.templating import compile_pattern

    names = compile_pattern(text, what=str(path)).names
    if not {"input", "fields"} & set(names):
        raise UserError(
            f"{path}: the template does not contain the instance; put {{{{ input }}}} where the instance's text belongs"
        )
    return Encoding(name=path.stem, description=f"the template {path.name}", jinja=text)


def encoding_to_json(encoding: Encoding) -> dict[str, Any]:
    """Return an encoding as plain data, as it is saved with a trained model."""
    return dataclasses.asdict(encoding)


def encoding_from_json(data: object) -> Encoding:
    """Return the encoding that `encoding_to_json` wrote.

    Raises:
        UserError: the data is not such an encoding.
    """
    return typed(Encoding, data, "the stored encoding")


class _Reader:
    """Reads one description and collects its problems."""

    def __init__(self, name: str, path: Path, made: dict[str, Encoding], known: Any, problems: list[Problem]) -> None:
        self.name, self.path, self.made, self.known, self.problems = name, path, made, known, problems

    def read(self, described: object) -> Encoding | None:
        before = len(self.problems)
        if not isinstance(described, dict):
            self.wrong(f"is {clip(repr(described))}", "describe an encoding by keys such as prefix, body, target")
            return None
        settings = dict(described)
        start = self.named(settings.pop("like")) if "like" in settings else Encoding(self.name, "")
        if unknown := sorted(map(str, settings.keys() - (_KEYS - {"name"}))):
            self.wrong(
                f"has unknown keys: {', '.join(map(clip, unknown))}", f"an encoding has {', '.join(sorted(_KEYS))}"
            )
            return None
        changes = {key: self.setting(key, value) for key, value in settings.items()}
        if len(self.problems) > before or start is None:
            return None
        return dataclasses.replace(start, **{"name": self.name, **changes})

    def setting(self, key: str, value: object) -> Any:
        if key == "prefix":
            return tuple(e for item in self.listed(key, value) if (e := self.element(item)) is not None)
        if key == "one_of":
            return tuple(other for item in self.listed(key, value) if (other := self.named(item)) is not None)
        if key == "options":
            return self.options(value)
        if key == "chat":
            if not isinstance(value, bool):
                self.wrong(f"{key} is {clip(repr(value))}", "write true or false")
            return value
        if not isinstance(value, str):
            self.wrong(f"{key} is {clip(repr(value))}", "write text in double quotes")
        elif key in _SLOTS:
            self.check_slots(key, value, _SLOTS[key])
        elif key == "text_rule" and value not in get_args(TextRule):
            self.wrong(f"text_rule is {clip(value)!r}", f"it is {', '.join(get_args(TextRule))}")
        return value

    def element(self, item: object) -> Element | None:
        kinds_named = [key for key in item if key not in _ELEMENT_KEYS] if isinstance(item, dict) else []
        if not isinstance(item, dict) or len(kinds_named) != 1 or kinds_named[0] not in get_args(ElementKind):
            self.wrong(f"prefix has {clip(repr(item))}", f"an element is one of {', '.join(get_args(ElementKind))}")
            return None
        kind, more = kinds_named[0], {key: value for key, value in item.items() if key in _ELEMENT_KEYS}
        text = item[kind]
        kinds = {"count": int, "fill": bool}
        bad = [key for key, value in {"text": text, **more}.items() if not isinstance(value, kinds.get(key, str))]
        if bad:
            self.wrong(f"the element {kind} has no usable {', '.join(bad)}", "patterns are text, count is a number")
            return None
        if kind == "text":
            return Element("text", text)
        listed = kind in ("positive", "negative", "exemplars", "demonstrations")
        self.check_slots(kind, text, _EXAMPLE_SLOTS if listed else {"value"})
        for key in ("explanation", "suggestion"):
            self.check_slots(key, more.get(key, ""), {"value", "number"})
        if listed and more.get("count", 0) < 1:
            self.wrong(f"the element {kind} has no count", "set count to the most examples")
        return Element(kind, text, **more)

    def options(self, value: object) -> OptionsStyle:
        if not isinstance(value, dict) or not value.keys() <= {"before", "each"}:
            self.wrong(f"options is {clip(repr(value))}", "it has the keys before and each")
            return OptionsStyle()
        if not all(isinstance(text, str) for text in value.values()):
            self.wrong(f"options is {clip(repr(value))}", "before and each are text")
            return OptionsStyle()
        return OptionsStyle(**value)

    def named(self, name: object) -> Encoding | None:
        if isinstance(name, str) and name in self.made:
            return self.made[name]
        try:
            found: Encoding = self.known[str(name)]
        except UserError as error:
            self.wrong(str(error), "name an encoding defined above, or a built-in one")
            return None
        return found

    def listed(self, key: str, value: object) -> list[object]:
        if isinstance(value, list):
            return value
        self.wrong(f"{key} is {clip(repr(value))}", "it is a list")
        return []

    def check_slots(self, key: str, pattern: str, allowed: set[str]) -> None:
        if odd := sorted(places(pattern) - allowed):
            self.wrong(f"{key} has the slots {', '.join(odd)}", f"it may have {', '.join(sorted(allowed))}")

    def wrong(self, found: str, expected: str) -> None:
        self.problems.append(Problem("encoding", f"encoding {clip(self.name)!r}: {found}", expected, self.path))
