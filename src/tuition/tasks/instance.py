"""One labelled row of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RowSplit = Literal["", "train", "validation", "test"]
"""A row's split in its source; empty if the source does not split its rows."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One labelled row: an input with one or more accepted outputs, the main one first.

    `fields` has the row's named columns, if its source has any; templates are rendered from them. `rationale` is the
    reasoning that leads to the output, if the source has it.
    """

    id: str
    input: str
    outputs: tuple[str, ...]
    rationale: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    split: RowSplit = ""
