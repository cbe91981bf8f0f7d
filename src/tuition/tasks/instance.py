"""One labelled row of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RowSplit = Literal["", "train", "validation", "test"]
"""The set that a row's source puts it in; empty where the source does not divide its rows."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One labelled row: an input with one or more accepted outputs, the main one first.

    `fields` holds the row's named columns where its source has any: templates are told from these. `rationale` is the
    reasoning that leads to the output, where the source has it.
    """

    id: str
    input: str
    outputs: tuple[str, ...]
    rationale: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    split: RowSplit = ""
