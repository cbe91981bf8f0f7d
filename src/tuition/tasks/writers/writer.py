"""What a writer of a format is, and the record of what its format could not hold."""

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

# What a task can say beyond its name and first definition, by the words in which its loss is told.
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
    """Something that the target's format cannot hold, and how many tasks or instances had it."""

    what: str
    of: Of
    count: int

    def __str__(self) -> str:
        """As people read it: `rationale of 12 instances`."""
        if self.of == "collection":
            return self.what
        return f"{self.what} of {self.count:,} {self.of if self.count != 1 else self.of[:-1]}"


@dataclass(slots=True)
class Record:
    """What was written, what fell, and what was kept where only a reader that looks for it will find it.

    `renamed` gives the new name of each task that could not keep its own.
    """

    tasks: int = 0
    instances: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    _fell: Counter[tuple[str, Of]] = field(default_factory=Counter)
    _beside: Counter[tuple[str, Of]] = field(default_factory=Counter)

    def fell(self, what: str, of: Of) -> None:
        """Count one task or instance that lost something."""
        self._fell[what, of] += 1

    def kept_beside(self, what: str, of: Of) -> None:
        """Count one task or instance with something that was written under a key beyond the format's own."""
        self._beside[what, of] += 1

    def count_task(self, task: Task, holds: frozenset[str]) -> None:
        """Count a task that is written, and the elements that the format does not hold."""
        self.tasks += 1
        for what, has in _TASK_ELEMENTS.items():
            if what not in holds and has(task):
                self.fell(what, "tasks")

    def count_row(self, row: Instance, holds: frozenset[str]) -> None:
        """Count an instance that is written, and what the format does not hold of it."""
        self.instances += 1
        for what, has in _ROW_ELEMENTS.items():
            if what not in holds and has(row):
                self.fell(what, "instances")

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What fell, in the order in which it was met."""
        return _told(self._fell)

    @property
    def beside(self) -> tuple[Loss, ...]:
        """What was kept under keys of its own."""
        return _told(self._beside)


def _told(counts: Counter[tuple[str, Of]]) -> tuple[Loss, ...]:
    return tuple(Loss(what, of, count) for (what, of), count in counts.items())


WriteTask = Callable[[Task], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """A format that collections can be written in.

    `writing` opens an empty place, a folder to be made or (where `one_file`) a file, and gives a function that writes
    one task after another there; when it closes, all is written. It raises ProblemsError where a task's rows cannot be
    read, and nobody uses what it wrote then.
    """

    name: str
    makes: str
    writing: Callable[[Path, Collection, Record], AbstractContextManager[WriteTask]]
    one_file: tuple[str, ...] = ()


def labelled(task: Task, record: Record) -> Iterator[Instance]:
    """Yield the rows of a task that have an output; the others fall."""
    for row in task.instances():
        if row.outputs:
            yield row
        else:
            record.fell("all (they have no output)", "instances")


def note_lists(collection: Collection, record: Record, *, splits: bool) -> None:
    """Count the lists of a collection that fall: those of splits where these are not held, and related categories."""
    if collection.splits and not splits:
        record.fell("the lists of splits", "collection")
    if collection.related:
        record.fell("which categories are related", "collection")
