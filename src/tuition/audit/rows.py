"""A task's rows as audits see them: read once, with what several audits need of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tuition.base.errors import clip
from tuition.splits.content import content_key
from tuition.tasks.types import Instance, RowSplit, Task

# The protocol of the label-budget studies on Super-NaturalInstructions: rows 0-99 test, the next 10 validate.
TEST, VALIDATION = 100, 10
# The shortest input that says something of its own: "yes" in two tasks is no leak.
LEAST_LETTERS = 8
# A task is taken to have a closed set of labels where its rows have few outputs and each of them often.
_MOST_LABELS, _ROWS_A_LABEL = 30, 10


@dataclass(frozen=True, slots=True)
class TaskRows:
    """A task with its rows. `keys` are the rows' inputs as `content_key` compares them, `sides` the sets they are in.

    `divided` says that the source itself puts its rows into sets; otherwise `sides` are the studies' (the first 100
    test, the next 10 validate, the rest trains), or empty for a task too small for these. `labels` counts the main
    outputs of a task with a closed set of them, and is empty for a task with free answers.
    """

    task: Task
    rows: tuple[Instance, ...]
    keys: tuple[str, ...]
    sides: tuple[RowSplit, ...]
    divided: bool
    labels: Counter[str]

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    def row(self, index: int) -> str:
        """Name a row for people: its number and id."""
        return f"[{index}] {clip(self.rows[index].id, 60)}"

    def place(self, *indices: int) -> str:
        """Say where rows stand, as `Finding.where` does."""
        told = " and ".join(self.row(index) for index in indices)
        return f"task {clip(self.name, 80)}" + (f", instance {told}" if told else "")


def task_rows(task: Task) -> TaskRows:
    """Read a task's rows.

    Raises:
        ProblemsError: they cannot be read.
    """
    rows = tuple(task.instances())
    divided = any(row.split for row in rows)
    sides = tuple(row.split for row in rows) if divided else _studies_sides(len(rows))
    keys = tuple(content_key(row.input) for row in rows)
    return TaskRows(task, rows, keys, sides, divided, _labels(task, rows))


def first_of_each(keys: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of each key, in order; the empty key (a blank input) is left out."""
    places: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        if key:
            places.setdefault(key, []).append(index)
    return places


def _studies_sides(count: int) -> tuple[RowSplit, ...]:
    train = count - TEST - VALIDATION
    sizes: list[tuple[RowSplit, int]] = [("test", TEST), ("validation", VALIDATION), ("train", train)]
    if train <= 0:
        sizes = [("", count)]
    return tuple(side for side, size in sizes for _ in range(size))


def _labels(task: Task, rows: tuple[Instance, ...]) -> Counter[str]:
    outputs = Counter(row.outputs[0] for row in rows if row.outputs)
    few = len(outputs) <= max(2, min(_MOST_LABELS, len(rows) // _ROWS_A_LABEL))
    repeated = len(outputs) < len(rows)
    return outputs if repeated and (few or (task.options and len(outputs) <= len(task.options))) else Counter()
