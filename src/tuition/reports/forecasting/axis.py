"""Which labels a study varies: those of the tasks themselves, or those of the seen tasks trained on before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

_STUDY = "study.json"
Row = tuple[int, dict[str, str]]
"""A row of a table of scores, with its line."""


def on_the_axis_that_varies(rows: Sequence[Row], folder: Path) -> tuple[list[Row], str]:
    """Return scores by the labels that vary, and a sentence on which labels these are (empty for the tasks' own).

    If every curve has one number of labels, and a study's arms differ only in the labels of a seen stage (the scaling
    studies of Wang et al. 2022, Figure 5), the points of those arms are one curve over these labels.
    """
    sizes: dict[tuple[str, ...], set[str]] = {}
    for _, row in rows:
        key = tuple(row.get(name, "") for name in ("task", "arm", "metric"))
        sizes.setdefault(key, set()).add(row.get("labels", ""))
    if any(len(own) > 1 for own in sizes.values()):
        return list(rows), ""
    seen = _seen_labels(folder)
    moved = [
        (line, {**row, "arm": seen[row["arm"]][0], "labels": str(seen[row["arm"]][1])})
        for line, row in rows
        if row.get("arm") in seen
    ]
    if moved:
        return moved, "the numbers of labels are those of each seen task, which this study varies"
    return list(rows), ""


def _seen_labels(folder: Path) -> dict[str, tuple[str, int]]:
    """Return, for arms that differ only in a seen stage's labels, the name of their group and these labels."""
    try:
        arms = orjson.loads((folder / _STUDY).read_bytes())["arms"]
        groups: dict[bytes, dict[int, str]] = {}
        for name, stages in arms.items():
            labels = [stage["labels"] for stage in stages if stage.get("on") == "seen"]
            if len(set(labels)) == 1:
                groups.setdefault(_but_for_labels(stages), {})[int(labels[0])] = name
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {
        name: (_group_name(list(own.values())), labels)
        for own in groups.values()
        if len(own) > 1
        for labels, name in own.items()
    }


def _but_for_labels(stages: Sequence[Mapping[str, Any]]) -> bytes:
    kept = [
        {key: value for key, value in stage.items() if key != "labels" or stage.get("on") != "seen"} for stage in stages
    ]
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def _group_name(names: Sequence[str]) -> str:
    """Return the words that all the arms' names share."""
    first, *others = [name.split() for name in names]
    return " ".join(word for word in first if all(word in other for other in others)) or "seen tasks"
