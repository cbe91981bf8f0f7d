"""A task's rows for audits: read once, with derived data that several audits need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tuition.base.errors import clip
from tuition.splits.content import content_key
from tuition.tasks.types import Instance, RowSplit, Task

# The protocol of the label-budget studies on Super-NaturalInstructions: rows 0-99 are test, the next 10 validation.
TEST, VALIDATION = 100, 10
# The shortest input that counts as a leak: "yes" in two tasks does not.
MIN_LETTERS = 8
# A task counts as classification, with a closed set of labels, if its rows have few distinct outputs, each frequent.
_MOST_LABELS, _ROWS_A_LABEL = 30, 10


@dataclass(frozen=True, slots=True)
class TaskRows:
    """A task with its rows. `keys` are the rows' inputs, normalised by `content_key`, `splits` the rows' splits.

    `has_splits` is true if the source itself splits its rows; otherwise `splits` are the studies' (the first 100 rows
    test, the next 10 validation, the rest train), or empty for a task too small for these. `labels` counts the main
    outputs of a task with a closed set of labels, and is empty for a task with free-text answers.
    """

    task: Task
    rows: tuple[Instance, ...]
    keys: tuple[str, ...]
    splits: tuple[RowSplit, ...]
    has_splits: bool
    labels: Counter[str]

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    def row(self, index: int) -> str:
        """Return a row's number and id, for messages."""
        return f"[{index}] {clip(self.rows[index].id, 60)}"

    def where(self, *indices: int) -> str:
        """Return the location of rows in words, in the format of `Finding.where`."""
        rows = " and ".join(self.row(index) for index in indices)
        return f"task {clip(self.name, 80)}" + (f", instance {rows}" if rows else "")


def task_rows(task: Task) -> TaskRows:
    """Read a task's rows.

    Raises:
        ProblemsError: they cannot be read.
    """
    rows = tuple(task.instances())
    has_splits = any(row.split for row in rows)
    splits = tuple(row.split for row in rows) if has_splits else _studies_splits(len(rows))
    keys = tuple(content_key(row.input) for row in rows)
    return TaskRows(task, rows, keys, splits, has_splits, _labels(task, rows))


def indices_by_key(keys: Iterable[str]) -> dict[str, list[int]]:
    """Return the indices of each key, in order; the empty key (a blank input) is left out."""
    indices: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        if key:
            indices.setdefault(key, []).append(index)
    return indices


def _studies_splits(count: int) -> tuple[RowSplit, ...]:
    train = count - TEST - VALIDATION
    sizes: list[tuple[RowSplit, int]] = [("test", TEST), ("validation", VALIDATION), ("train", train)]
    if train <= 0:
        sizes = [("", count)]
    return tuple(split for split, size in sizes for _ in range(size))


def _labels(task: Task, rows: tuple[Instance, ...]) -> Counter[str]:
    outputs = Counter(row.outputs[0] for row in rows if row.outputs)
    few = len(outputs) <= max(2, min(_MOST_LABELS, len(rows) // _ROWS_A_LABEL))
    repeated = len(outputs) < len(rows)
    return outputs if repeated and (few or (task.options and len(outputs) <= len(task.options))) else Counter()
