"""YAML as plain data: bounded before it is built, no tags but those asked for, and text kept as it was written."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from tuition.base.errors import clip
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.textfile import read_text

_SIZE_LIMIT = 4_000_000  # characters
_NODE_LIMIT = 100_000  # counted as if every alias were written out
_DEPTH_LIMIT = 50
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_QUOTED = frozenset("'\"|>")
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))

# libyaml reads many times faster; what it reads is the same.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Only ever asked for events and nodes, never to construct; a plain scalar is text until `_value` looks at it."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class YamlText:
    """A document that was read: its `value`, and where and how each thing in it was written.

    Plain `null`, `true` and `false`, whole numbers and decimals are what they say; all else is text, so that `no`,
    `NA`, `1_000`, `12:30` and `2024-01-01` stay what they are. `written` has even the numbers as they stand.
    """

    def __init__(self, root: Node) -> None:
        """Build the value of a tree that was found sound."""
        self._root = root
        self.value: Any = _value(root)

    def line(self, *path: str | int) -> int:
        """Return the line of what stands at `path` (keys and indices), or of the nearest thing around it, from 1."""
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
        """Return the scalars of the list at `path`, as text exactly as written; None if it is no list of scalars."""
        node: Node | None = self._root
        for step in path:
            _, node = _child(node, step)
        if not isinstance(node, SequenceNode) or not all(isinstance(item, ScalarNode) for item in node.value):
            return None
        return tuple(str(item.value) for item in node.value)


def read_yaml(file: Path, root: Path, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Read a YAML file within `root`; None, with the reason in `found`, where it cannot be used.

    Args:
        file: the file.
        root: the folder that it must lie in, or itself.
        found: hears what is wrong: broken YAML, a tag, a key twice, aliases that unfold without end, too large a file.
        tags: the tags (`"!Template"`) that may stand before a mapping; they are passed over.
    """
    text = read_text(file, root, found)
    return None if text is None else parse_yaml(text, found, tags)


def parse_yaml(text: str, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Read one YAML document from text, as `read_yaml` does."""
    if len(text) > _SIZE_LIMIT:
        found.error("file-too-large", f"it has {len(text):,} characters", f"a YAML file may have {_SIZE_LIMIT:,}")
        return None
    failed, found.failed = found.failed, False
    try:
        root = _composed(text, found, tags)
    except yaml.YAMLError as error:
        _note_fault(error, found)
        root = None
    except UnicodeEncodeError:
        found.error("lone-surrogate", "it holds half a character", "write the whole character")
        root = None
    sound = not found.failed
    found.failed = failed or found.failed
    return YamlText(root) if root is not None and sound else None


def _composed(text: str, found: Findings, tags: Collection[str]) -> Node | None:
    if not _is_bounded(text, found):
        return None
    root: Node | None = yaml.compose(text, Loader=_Loader)
    if root is None:
        found.error("empty-file", "there is nothing in it", "it holds one YAML document", line=1)
        return None
    _judge(root, found, tags)
    return root


def _is_bounded(text: str, found: Findings) -> bool:
    """Whether the document stays small when all its aliases are written out; nothing is built to see it."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(str(event.anchor), 0)  # an alias to what surrounds it has no size yet: refused by _judge
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
            message = f"it holds more than {_NODE_LIMIT:,} values, its aliases written out"
            found.error("yaml-bomb", message, "write less, without aliases of aliases", line=line)
            return False
        if len(open_) > _DEPTH_LIMIT:
            found.error("deep-nesting", f"values nested more than {_DEPTH_LIMIT} deep", "nest a few levels", line=line)
            return False
    return True


def _judge(root: Node, found: Findings, tags: Collection[str]) -> None:
    """Note what is unfit anywhere in a tree of bounded size: tags, keys that are no text or stand twice, circles."""
    waiting: list[tuple[Node, frozenset[int]]] = [(root, frozenset())]
    while waiting:
        node, around = waiting.pop()
        line = node.start_mark.line + 1
        if id(node) in around:
            found.error("yaml-circle", "an alias stands within what it names", "write it out", line=line)
            return
        if node.tag not in _PLAIN_TAGS and not (node.tag in tags and isinstance(node, MappingNode)):
            known = f"only {', '.join(tags)} may stand here" if tags else "no tags are read here"
            found.error("yaml-tag", f"the tag {clip(node.tag, 60)!r}", f"{known}; take it out", line=line)
        if isinstance(node, MappingNode):
            _judge_keys(node, found)
            waiting.extend((child, around | {id(node)}) for pair in reversed(node.value) for child in reversed(pair))
        elif isinstance(node, SequenceNode):
            waiting.extend((child, around | {id(node)}) for child in reversed(node.value))


def _judge_keys(node: MappingNode, found: Findings) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            found.error("wrong-type", "a key is no text", "write a word before the colon", line=line)
        elif key.value == "<<":
            found.error("yaml-merge", "the key '<<' merges another mapping in", "write its keys out", line=line)
        elif key.value in seen:
            message = f"the key {clip(key.value)!r} stands here and at line {seen[key.value]}"
            found.error("duplicate-key", message, "keep one of them", line=line)
        else:
            seen[key.value] = line


def _value(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {key.value: _value(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_value(item) for item in node.value]
    text = str(node.value)
    if isinstance(node, ScalarNode) and node.style in _QUOTED:
        return text
    if _NULL.fullmatch(text):
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _child(node: Node | None, step: str | int) -> tuple[Node | None, Node | None]:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), (None, None))
    if isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None, None


def _note_fault(error: yaml.YAMLError, found: Findings) -> None:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    place = "" if mark is None else f" at column {mark.column + 1}"
    found.error(
        "broken-yaml",
        f"broken YAML{place}: {clip(str(reason))}",
        "mend the file at this place (a text with ': ' or '#' in it stands in quotes)",
        line=None if mark is None else mark.line + 1,
    )
