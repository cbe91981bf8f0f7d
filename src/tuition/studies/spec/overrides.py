"""Overrides: what a command's options change in a study's file before it is checked."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.base.yamltext import CORE, parse_yaml_text
from tuition.studies.spec.study import with_new_keys

_NAMED = ("recipe", "mixture")
"""Keys of a stage whose value is a name, or a mapping of a name and the settings that differ from it."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The settings to override; None and empty change nothing.

    `collection` is a path or `starter`; `names` are the tasks to evaluate; `split` divides tasks into seen and unseen;
    `labels` and `seeds` are the study's; `seen_labels` is the budget of each stage that has one of its own; `arms` are
    those that are kept, by name or by a pattern with `*`; `settings` are `KEY=VALUE`.
    """

    collection: str | None = None
    names: tuple[str, ...] = ()
    split: str | None = None
    model: str | None = None
    labels: Sequence[int | str] | None = None
    seen_labels: int | None = None
    seeds: Sequence[int] | None = None
    arms: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def overridden(data: object, changes: Overrides) -> object:
    """Return a study's data with the overrides applied; what is not a mapping is returned unchanged, to be refused.

    Raises:
        UserError: a setting is not `KEY=VALUE`, its key does not exist, or it names an unknown arm.
    """
    if not isinstance(data, dict):
        return data
    study = with_new_keys(_copy(data), Path("study"))
    for key, value in (
        ("tasks.collection", changes.collection),
        ("tasks.names", list(changes.names) or None),
        ("tasks.split", changes.split),
        ("model", changes.model),
        ("labels", changes.labels if changes.labels is None else list(changes.labels)),
        ("seeds", changes.seeds if changes.seeds is None else list(changes.seeds)),
    ):
        if value is not None:
            _put(study, key, value, key)
    if changes.arms:
        study["arms"] = _kept(_arms(study), changes.arms)
    if changes.seen_labels is not None:
        for stage in _stages(study):
            if "labels" in stage:
                stage["labels"] = changes.seen_labels
    for setting in changes.settings:
        set_value(study, setting)
    return study


def set_value(study: dict[str, Any], setting: str) -> None:
    """Set one value in a study, in node.

    A key is the path of a value in the file, separated by dots: `evaluate.test=20`, `tasks.order=file`. In `arms`, `*`
    means every arm, and a key of a stage means every stage of them: `arms.*.recipe.epochs=1`; a number means one
    stage, from 0 on. Values are read as YAML: `seeds=[1, 2]`.

    Raises:
        UserError: it is not `KEY=VALUE`, its key does not exist, or it names an unknown arm.
    """
    key, sign, text = setting.partition("=")
    key = key.strip()
    if not sign or not key:
        raise UserError(f"{clip(setting)!r} sets nothing; write KEY=VALUE, such as evaluate.test=20")
    value = None
    if text.strip():  # nothing after the sign sets null
        document, faults = parse_yaml_text(text, CORE)
        if document is None:
            raise UserError(f"{clip(setting)!r}: the value is not valid YAML ({faults[0].found}); {faults[0].expected}")
        value = document.value
    parts = key.split(".")
    if parts[0] == "judge":  # its former name
        parts[0] = "evaluate"
        key = ".".join(parts)
    if parts[0] == "arms" and len(parts) > 1 and not _matched(_arms(study), key.removeprefix("arms.")):
        raise UserError(f"{clip(setting)!r}: {_no_arm(_arms(study), parts[1])}")
    _put(study, key, value, key)


def _put(node: Any, key: str, value: Any, whole: str) -> None:
    """Set a key below `node`; `whole` is the full key, for messages."""
    if isinstance(node, list):
        _put_in_list(node, key, value, whole)
        return
    if not isinstance(node, dict):
        raise UserError(f"{clip(whole)}: {clip(repr(node))} has no setting {clip(key)!r}; it is not a mapping")
    for head, rest in _matched(node, key) or [_split_key(key)]:
        if not rest:
            node[head] = value
            continue
        if node.get(head) is None:
            node[head] = {}
        elif isinstance(node[head], str) and head in _NAMED:
            node[head] = {"name": node[head]}
        _put(node[head], rest, value, whole)


def _put_in_list(node: list[Any], key: str, value: Any, whole: str) -> None:
    """Set a key in the list entry with its number, or in every entry."""
    head, rest = _split_key(key)
    chosen = range(len(node))
    if head.isdecimal():
        if int(head) >= len(node):
            raise UserError(f"{clip(whole)}: there is no number {head} of {len(node)}; they are counted from 0")
        chosen = range(int(head), int(head) + 1)
    elif head != "*":
        rest = key
    for at in chosen:
        if rest:
            _put(node[at], rest, value, whole)
        else:
            node[at] = value


def _matched(node: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the keys of a mapping with which a dotted key starts, each with the rest: all of them for `*`.

    A key may contain dots itself (an arm's name), so the longest match counts.
    """
    head, rest = _split_key(key)
    if head == "*":
        return [(name, rest) for name in node]
    fitting = [name for name in map(str, node) if key == name or key.startswith(f"{name}.")]
    return [(longest, key[len(longest) + 1 :]) for longest in sorted(fitting, key=len)[-1:]]


def _split_key(key: str) -> tuple[str, str]:
    head, _, rest = key.partition(".")
    return head, rest


def _copy(node: Any) -> Any:
    """Return a copy in which nothing is shared: stages that a YAML alias repeats are changed one by one."""
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node


def _arms(study: Mapping[str, Any]) -> dict[str, Any]:
    arms = study.get("arms")
    return arms if isinstance(arms, dict) else {}


def _stages(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    lists = [stages for stages in _arms(study).values() if isinstance(stages, list)]
    return [stage for stages in lists for stage in stages if isinstance(stage, dict)]


def _kept(arms: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    for pattern in wanted:
        if not any(name == pattern or fnmatch.fnmatchcase(name, pattern) for name in arms):
            raise UserError(_no_arm(arms, pattern))
    return {
        name: stages
        for name, stages in arms.items()
        if any(name == pattern or fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
    }


def _no_arm(arms: Mapping[str, Any], name: str) -> str:
    near = difflib.get_close_matches(name, list(arms), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"there is no arm named {clip(name)!r}{hint} Its arms: {'; '.join(map(repr, arms)) or 'none'}"
