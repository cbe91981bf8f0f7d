"""The settings of `evaluate` in a study's file: scoring rules for options, decoding, and probes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tuition.base.errors import UserError, clip
from tuition.evaluation.options.rankings import NORMALISATIONS
from tuition.models.decoding import Decoding
from tuition.prompts.probes import PROBES

ALL = "all"
"""The word for all scoring rules, or all possible probes."""


def read_scoring_rules(value: object) -> object:
    """Read the scoring rules for options: `all` (or true), none (false), one or several by name.

    Raises:
        ValueError: a name is not known, or the value is not a name.
    """
    if isinstance(value, bool) or value is None:
        return tuple(NORMALISATIONS) if value else ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"name some of {', '.join(NORMALISATIONS)}, or {ALL}")
    rules = [name.replace("-", "_") for name in names]
    if ALL in rules:
        return tuple(NORMALISATIONS)
    if unknown := [name for name in rules if name not in NORMALISATIONS]:
        raise ValueError(f"{clip(unknown[0], 40)!r} is not a scoring rule; there are {', '.join(NORMALISATIONS)}")
    return tuple(dict.fromkeys(rules))


def read_decoding(value: object, read: Callable[[object], Decoding]) -> Decoding:
    """Read the decoding settings: a mapping of those that differ from greedy decoding.

    Raises:
        ValueError: a setting is not known or out of its range.
    """
    if isinstance(value, dict):
        known = [field.name for field in dataclasses.fields(Decoding)]
        if unknown := sorted(set(map(str, value)) - set(known)):
            raise ValueError(f"unknown settings {', '.join(unknown)}; a decoding has {', '.join(known)}")
        if isinstance(value.get("stop"), str):
            value = {**value, "stop": [value["stop"]]}
    try:
        return read(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def read_probes(value: object) -> object:
    """Read the names of probes; `all` means every possible one.

    Raises:
        ValueError: a name is not known.
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        return value
    try:
        for name in names:
            if isinstance(name, str) and name != ALL:
                PROBES[name]
    except UserError as error:
        raise ValueError(str(error)) from error
    return (ALL,) if ALL in names else tuple(dict.fromkeys(names))
