"""YAML as people mean it: `on` is a word, `5e-5` a number, and a key that stands twice a mistake."""

from __future__ import annotations

import re
from typing import Any

import yaml

_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain words and numbers of YAML 1.2's core schema."""

    # PyYAML follows YAML 1.1, where on, off, yes and no are truth values and 5e-5 is text.
    yaml_implicit_resolvers = {  # noqa: RUF012 - the parent's own attribute
        sign: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}null", f"{_TAG}merge")]
        for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


for _kind, _pattern, _signs in (
    ("bool", _BOOLEAN, "tTfF"),
    ("int", _INTEGER, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"(?:{_pattern.pattern})$"), list(_signs))


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.YAMLError(f"the key at line {line} is no plain word")
        if key.value in seen:
            raise yaml.YAMLError(f"the key {key.value!r} at line {line} stands at line {seen[key.value]} too")
        seen[key.value] = line
    loader.flatten_mapping(node)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(f"{_TAG}int", _integer)
_Loader.add_constructor(f"{_TAG}map", _mapping)


def load_yaml(text: str) -> Any:
    """Return the plain data that a YAML text holds.

    Raises:
        yaml.YAMLError: it is no YAML, names a tag that makes an object, or repeats a key.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
