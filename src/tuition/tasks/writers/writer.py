"""The interface of a writer, and the record of what its format drops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tuition.tasks.collection import Collection
from tuition.tasks.types import Instance, Task

Of = Literal["collection", "tasks", "instances"]

# A task's elements other than its name and first definition, by their names in messages about losses.
_TASK_ELEMENTS: dict[str, Callable[[Task], bool]] = {
    "further definitions": lambda task: len(task.definitions) > 1,
    "title": lambda task: bool(task.title),
    "prompt": lambda task: bool(task.prompt),
    "things to avoid": lambda task: bool(task.things_to_avoid),
    "emphasis": lambda task: bool(task.emphasis),
    "positive examples": lambda task: bool(task.positive_examples),
    "negative examples": lambda task: bool(task.negative_examples),
    "categories": lambda task: bool(task.categories),
    "sources": lambda task: bool(task.sources),
    "domains": lambda task: bool(task.domains),
    "languages": lambda task: bool(task.input_languages or task.output_languages or task.instruction_languages),
    "options": lambda task: bool(task.options),
    "templates": lambda task: bool(task.templates),
    "other keys": lambda task: bool(task.extra),
}
_ROW_ELEMENTS: dict[str, Callable[[Instance], bool]] = {
    "id": lambda row: bool(row.id),
    "further accepted outputs": lambda row: len(row.outputs) > 1,
    "rationale": lambda row: bool(row.rationale),
    "named fields": lambda row: bool(row.fields),
    "split": lambda row: bool(row.split),
}


@dataclass(frozen=True, slots=True)
class Loss:
    """An element that the target's format does not have, and how many tasks or instances had it."""

    what: str
    of: Of
    count: int

    def __str__(self) -> str:
        """Return a readable text: `rationale of 12 instances`."""
        if self.of == "collection":
            return self.what
        return f"{self.what} of {self.count:,} {self.of if self.count != 1 else self.of[:-1]}"


@dataclass(slots=True)
class Record:
    """What was written, what was dropped, and what was kept under extra keys that are not part of the format.

    `renamed` gives the new name of each task that could not keep its name.
    """

    tasks: int = 0
    instances: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    _dropped: Counter[tuple[str, Of]] = field(default_factory=Counter)
    _extra: Counter[tuple[str, Of]] = field(default_factory=Counter)

    def drop(self, what: str, of: Of) -> None:
        """Count one task or instance from which `what` is dropped."""
        self._dropped[what, of] += 1

    def keep_as_extra(self, what: str, of: Of) -> None:
        """Count one task or instance of which `what` is written under a key that is not part of the format."""
        self._extra[what, of] += 1

    def count_task(self, task: Task, kept: frozenset[str]) -> None:
        """Count a written task, and its elements that are not in `kept` as dropped."""
        self.tasks += 1
        for what, has in _TASK_ELEMENTS.items():
            if what not in kept and has(task):
                self.drop(what, "tasks")

    def count_row(self, row: Instance, kept: frozenset[str]) -> None:
        """Count a written instance, and its elements that are not in `kept` as dropped."""
        self.instances += 1
        for what, has in _ROW_ELEMENTS.items():
            if what not in kept and has(row):
                self.drop(what, "instances")

    @property
    def dropped(self) -> tuple[Loss, ...]:
        """What was dropped, in order of first occurrence."""
        return _losses(self._dropped)

    @property
    def extra_keys(self) -> tuple[Loss, ...]:
        """What was kept under extra keys."""
        return _losses(self._extra)


def _losses(counts: Counter[tuple[str, Of]]) -> tuple[Loss, ...]:
    return tuple(Loss(what, of, count) for (what, of), count in counts.items())


WriteTask = Callable[[Task], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """A format that collections can be written in.

    `output` describes in words what is written. `writing` opens a path that does not exist yet, a folder or (with an
    ending in `one_file`) a file, and returns a function that writes one task there; on exit everything is written. It
    raises ProblemsError if a task's rows cannot be read; the caller then discards what was written.
    """

    name: str
    output: str
    writing: Callable[[Path, Collection, Record], AbstractContextManager[WriteTask]]
    one_file: tuple[str, ...] = ()


def labelled(task: Task, record: Record) -> Iterator[Instance]:
    """Yield the rows of a task that have an output; the others are dropped."""
    for row in task.instances():
        if row.outputs:
            yield row
        else:
            record.drop("all (they have no output)", "instances")


def drop_lists(collection: Collection, record: Record, *, splits: bool) -> None:
    """Record the dropping of a collection's task splits (unless the format has them) and its related categories."""
    if collection.splits and not splits:
        record.drop("the task splits", "collection")
    if collection.related:
        record.drop("which categories are related", "collection")
