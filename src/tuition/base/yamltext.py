"""YAML as plain data, for all YAML files: limited in size before it is built, and nothing in it is executed.

There are two schemas for plain scalars. `TEXT` keeps everything as text except null, true, false, whole numbers and
decimals: for files with natural language, where `no`, `NA`, `1_000` and `2024-01-01` are words. `CORE` is the core
schema of YAML 1.2, where `5e-5` and `.inf` are numbers too, and `<<` merges mappings: for studies and encodings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from tuition.base.errors import Problem, ProblemsError, clip

_SIZE_LIMIT = 4_000_000  # characters
_NODE_LIMIT = 100_000  # counted with every alias expanded
_DEPTH_LIMIT = 50
_DIGITS = 18  # of a whole number, so that it fits 64 bits
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_CORE_INTEGER = re.compile(r"[-+]?[0-9]+")
_CORE_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_QUOTED = frozenset("'\"|>")
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))
_MERGE = "<<"

# libyaml is many times faster, with the same results.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Used only for events and nodes, never to construct objects; a plain scalar is text until a schema converts it."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class YamlFault(NamedTuple):
    """What is wrong in a document, what would be right, and the line, from 1, if it is known."""

    kind: str
    found: str
    expected: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """How plain scalars are converted (`plain`), and whether the key `<<` merges mappings."""

    plain: Callable[[str], Any]
    merges: bool


def _plain_text(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _plain_core(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _CORE_INTEGER.fullmatch(text):
        return int(text)
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if _CORE_FLOAT.fullmatch(text) else text


TEXT = Schema(_plain_text, merges=False)
CORE = Schema(_plain_core, merges=True)


class YamlText:
    """A parsed document: its `value`, and the line and the exact text of each part of it.

    `written` returns numbers, too, exactly as they are in the file.
    """

    def __init__(self, root: Node, schema: Schema = TEXT) -> None:
        """Build the value of a validated tree."""
        self._root = root
        self.value: Any = _value(root, schema)

    def line(self, *path: str | int) -> int:
        """Return the line, from 1, of the value at `path` (keys and indices), or of the nearest value around it."""
        line = self._root.start_mark.line
        node: Node | None = self._root
        for step in path:
            key, node = _child(node, step)
            if node is None:
                break
            line = (key or node).start_mark.line
        return int(line) + 1

    def written(self, *path: str | int) -> str | None:
        """Return the scalar at `path` as text, exactly as it was written; None if there is none."""
        node: Node | None = self._root
        for step in path:
            _, node = _child(node, step)
        return str(node.value) if isinstance(node, ScalarNode) else None

    def written_list(self, *path: str | int) -> tuple[str, ...] | None:
        """Return the scalars of the list at `path`, exactly as written; None if it is not a list of scalars."""
        node: Node | None = self._root
        for step in path:
            _, node = _child(node, step)
        if not isinstance(node, SequenceNode) or not all(isinstance(item, ScalarNode) for item in node.value):
            return None
        return tuple(str(item.value) for item in node.value)


def load_yaml(text: str, file: Path) -> Any:
    """Return the plain data of a YAML text, by the core schema of YAML 1.2.

    Args:
        text: the text.
        file: the file it is from, for messages.

    Raises:
        ProblemsError: it is not YAML, has a tag or a duplicate key, or is too large; all faults with their lines.
    """
    document, faults = parse_yaml_text(text, CORE)
    if document is None:
        raise ProblemsError(Problem(one.kind, one.found, one.expected, file, line=one.line) for one in faults)
    return document.value


def parse_yaml_text(
    text: str, schema: Schema = TEXT, tags: Collection[str] = ()
) -> tuple[YamlText | None, list[YamlFault]]:
    """Parse one YAML document; it is None if there is any fault.

    Args:
        text: the document.
        schema: how plain scalars are converted.
        tags: the tags (`"!Template"`) that a mapping may have; they are ignored.

    Returns:
        The document, and its faults: broken YAML, a tag, a duplicate key, aliases that expand without end, too large.
    """
    faults: list[YamlFault] = []
    if len(text) > _SIZE_LIMIT:
        faults.append(
            YamlFault("file-too-large", f"it has {len(text):,} characters", f"a YAML file may have {_SIZE_LIMIT:,}")
        )
        return None, faults
    root: Node | None = None
    try:
        if _is_bounded(text, faults):
            root = yaml.compose(text, Loader=_Loader)
            if root is None:
                faults.append(YamlFault("empty-file", "there is nothing in it", "it must be one YAML document", 1))
            else:
                _check(root, schema, tags, faults)
    except yaml.YAMLError as error:
        faults.append(_syntax_fault(error))
    except UnicodeEncodeError:
        faults.append(YamlFault("lone-surrogate", "it contains half a character", "write the whole character"))
    return (None, faults) if root is None or faults else (YamlText(root, schema), faults)


def _is_bounded(text: str, faults: list[YamlFault]) -> bool:
    """Whether the document is small with all aliases expanded; determined without building it."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(str(event.anchor), 0)  # no size yet inside its own anchor: refused by _check
        elif isinstance(event, yaml.NodeEvent):
            total += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((event.anchor, total - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > _NODE_LIMIT:
            message = f"it contains more than {_NODE_LIMIT:,} values, with its aliases expanded"
            faults.append(YamlFault("yaml-bomb", message, "write less, without aliases of aliases", line))
            return False
        if len(open_) > _DEPTH_LIMIT:
            deep = f"values nested more than {_DEPTH_LIMIT} deep"
            faults.append(YamlFault("deep-nesting", deep, "nest a few levels", line))
            return False
    return True


def _check(root: Node, schema: Schema, tags: Collection[str], faults: list[YamlFault]) -> None:
    """Report faults in a tree of limited size: tags, keys that are not text or are repeated, alias loops."""
    waiting: list[tuple[Node, frozenset[int]]] = [(root, frozenset())]
    while waiting:
        node, around = waiting.pop()
        line = node.start_mark.line + 1
        if id(node) in around:
            faults.append(YamlFault("yaml-circle", "an alias is inside what it names", "write it out", line))
            return
        if node.tag not in _PLAIN_TAGS and not (node.tag in tags and isinstance(node, MappingNode)):
            known = f"only the tags {', '.join(tags)} are read" if tags else "no tags are read here"
            faults.append(YamlFault("yaml-tag", f"the tag {clip(node.tag, 60)!r}", f"{known}; remove it", line))
        if isinstance(node, MappingNode):
            _check_keys(node, schema, faults)
            waiting.extend((child, around | {id(node)}) for pair in reversed(node.value) for child in reversed(pair))
        elif isinstance(node, SequenceNode):
            waiting.extend((child, around | {id(node)}) for child in reversed(node.value))
        elif isinstance(node, ScalarNode) and schema is CORE and _has_many_digits(node):
            wrong = f"a number of {len(node.value):,} digits"
            faults.append(YamlFault("number-too-large", wrong, f"a whole number has at most {_DIGITS} digits", line))


def _check_keys(node: MappingNode, schema: Schema, faults: list[YamlFault]) -> None:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            faults.append(YamlFault("wrong-type", "a key is not text", "write a word before the colon", line))
        elif key.value == _MERGE and schema.merges:
            parts = value.value if isinstance(value, SequenceNode) else [value]
            if not all(isinstance(part, MappingNode) for part in parts):
                wrong = "the key '<<' merges something that is not a mapping"
                faults.append(YamlFault("yaml-merge", wrong, "give it an alias of a mapping", line))
        elif key.value == _MERGE:
            wrong = "the key '<<' merges another mapping in"
            faults.append(YamlFault("yaml-merge", wrong, "write its keys out", line))
        elif key.value in seen:
            wrong = f"line {seen[key.value]} has the same key, {clip(key.value)!r}"
            faults.append(YamlFault("duplicate-key", wrong, "keep one of them", line))
        else:
            seen[key.value] = line


def _has_many_digits(node: ScalarNode) -> bool:
    plain = node.style not in _QUOTED and _CORE_INTEGER.fullmatch(node.value)
    return bool(plain) and len(node.value.lstrip("+-0")) > _DIGITS


def _value(node: Node, schema: Schema) -> Any:
    if isinstance(node, MappingNode):
        return _mapping(node, schema)
    if isinstance(node, SequenceNode):
        return [_value(item, schema) for item in node.value]
    text = str(node.value)
    return text if isinstance(node, ScalarNode) and node.style in _QUOTED else schema.plain(text)


def _mapping(node: MappingNode, schema: Schema) -> dict[str, Any]:
    """Return a mapping; its own keys override merged ones, and of several merged mappings the first has priority."""
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in node.value:
        if schema.merges and key.value == _MERGE:
            parts = value.value if isinstance(value, SequenceNode) else [value]
            for part in parts:
                merged = {**_mapping(part, schema), **merged}
        else:
            own[key.value] = _value(value, schema)
    return {**merged, **own}


def _child(node: Node | None, step: str | int) -> tuple[Node | None, Node | None]:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), (None, None))
    if isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None, None


def _syntax_fault(error: yaml.YAMLError) -> YamlFault:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    column = "" if mark is None else f" at column {mark.column + 1}"
    return YamlFault(
        "broken-yaml",
        f"broken YAML{column}: {clip(str(reason))}",
        "correct the file there (quote a text that contains ': ' or '#')",
        None if mark is None else mark.line + 1,
    )
