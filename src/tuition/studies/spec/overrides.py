"""Settings of a study said otherwise than its file says them: what a command's options change before it is checked."""

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
"""Keys of a stage that hold a name, or a mapping of a name and the settings that differ from it."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is said otherwise; None and empty leave what the study says.

    `collection` is a path or `starter`; `names` are the tasks that are judged; `split` divides tasks into seen and
    unseen; `labels` and `seeds` are the study's; `seen_labels` is the budget of each stage that has one of its own;
    `arms` are those that are kept, by name or by a pattern with `*`; `settings` are `KEY=VALUE`.
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
    """Return a study as its file holds it with changes made; what is no mapping comes back as it is, to be refused.

    Raises:
        UserError: a setting is no `KEY=VALUE`, leads nowhere, or names an arm that is not there.
    """
    if not isinstance(data, dict):
        return data
    study = with_new_keys(_own(data), Path("study"))
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
    """Set one thing in a study, in place.

    A key leads through the file by its keys, divided by dots: `evaluate.test=20`, `tasks.order=file`. In `arms` a `*`
    stands for every arm, and a key of a stage for every stage of them: `arms.*.recipe.epochs=1`; a number for one
    stage, from 0 on. Values are read as YAML: `seeds=[1, 2]`.

    Raises:
        UserError: it is no `KEY=VALUE`, leads nowhere, or names an arm that is not there.
    """
    key, sign, text = setting.partition("=")
    key = key.strip()
    if not sign or not key:
        raise UserError(f"{clip(setting)!r} sets nothing; write KEY=VALUE, such as evaluate.test=20")
    value = None
    if text.strip():  # nothing behind the sign sets null
        document, faults = parse_yaml_text(text, CORE)
        if document is None:
            raise UserError(f"{clip(setting)!r}: the value is no YAML ({faults[0].found}); {faults[0].expected}")
        value = document.value
    parts = key.split(".")
    if parts[0] == "judge":  # its former name
        parts[0] = "evaluate"
        key = ".".join(parts)
    if parts[0] == "arms" and len(parts) > 1 and not _matched(_arms(study), key.removeprefix("arms.")):
        raise UserError(f"{clip(setting)!r}: {_no_arm(_arms(study), parts[1])}")
    _put(study, key, value, key)


def _put(place: Any, key: str, value: Any, whole: str) -> None:
    """Set a key that leads on from `place`; `whole` is the key from the beginning, for messages."""
    if isinstance(place, list):
        _put_in_list(place, key, value, whole)
        return
    if not isinstance(place, dict):
        raise UserError(f"{clip(whole)}: {clip(repr(place))} has no setting {clip(key)!r}; nothing lies below it")
    for head, rest in _matched(place, key) or [_parted(key)]:
        if not rest:
            place[head] = value
            continue
        if place.get(head) is None:
            place[head] = {}
        elif isinstance(place[head], str) and head in _NAMED:
            place[head] = {"name": place[head]}
        _put(place[head], rest, value, whole)


def _put_in_list(place: list[Any], key: str, value: Any, whole: str) -> None:
    """Set a key in the entry that it numbers, or in every entry."""
    head, rest = _parted(key)
    chosen = range(len(place))
    if head.isdecimal():
        if int(head) >= len(place):
            raise UserError(f"{clip(whole)}: there is no number {head} of {len(place)}; they are counted from 0")
        chosen = range(int(head), int(head) + 1)
    elif head != "*":
        rest = key
    for at in chosen:
        if rest:
            _put(place[at], rest, value, whole)
        else:
            place[at] = value


def _matched(place: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Return the keys of a mapping that a dotted key begins with, each with what follows: all of them for `*`.

    A key that is there may hold dots itself (an arm's name), so the longest that fits is meant.
    """
    head, rest = _parted(key)
    if head == "*":
        return [(name, rest) for name in place]
    fitting = [name for name in map(str, place) if key == name or key.startswith(f"{name}.")]
    return [(longest, key[len(longest) + 1 :]) for longest in sorted(fitting, key=len)[-1:]]


def _parted(key: str) -> tuple[str, str]:
    head, _, rest = key.partition(".")
    return head, rest


def _own(node: Any) -> Any:
    """Return a copy in which nothing is shared: stages that a YAML alias repeats are changed one by one."""
    if isinstance(node, dict):
        return {key: _own(value) for key, value in node.items()}
    return [_own(value) for value in node] if isinstance(node, list) else node


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
