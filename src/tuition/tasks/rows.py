"""A task's rows by number: all read in source order, or some through an index."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tuition.tasks.content import content_hash
from tuition.tasks.instance import Instance, RowSplit


class Rows(Protocol):
    """The rows of a task, numbered from 0 in the order of `Task.instances`.

    Every method raises ProblemsError if any row of the task cannot be read, even one that is not requested.
    """

    def count(self) -> int:
        """Return the number of rows."""

    def read(self, numbers: Sequence[int]) -> list[Instance]:
        """Return the rows with these numbers, in the given order.

        Raises:
            IndexError: there is no row with one of them.
        """

    def splits(self) -> list[RowSplit]:
        """Return each row's split in the source."""

    def content_hashes(self) -> array[int]:
        """Return the `content_hash` of each row's input, as an array of 64-bit numbers."""


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows without an index: each method reads all of them."""

    task: str
    read_instances: Callable[[], Iterator[Instance]] = field(repr=False)

    def count(self) -> int:
        """Return the number of rows."""
        return sum(1 for _ in self.read_instances())

    def read(self, numbers: Sequence[int]) -> list[Instance]:
        """Return the rows with these numbers, in the given order."""
        wanted = set(numbers)
        kept: dict[int, Instance] = {}
        count = 0
        for instance in self.read_instances():
            if count in wanted:
                kept[count] = instance
            count += 1
        require_rows(self.task, numbers, count)
        return [kept[number] for number in numbers]

    def splits(self) -> list[RowSplit]:
        """Return each row's split in the source."""
        return [instance.split for instance in self.read_instances()]

    def content_hashes(self) -> array[int]:
        """Return the `content_hash` of each row's input."""
        return array("Q", (content_hash(instance.input) for instance in self.read_instances()))


def require_rows(task: str, numbers: Sequence[int], count: int) -> None:
    """Check that there is a row with each of these numbers.

    Raises:
        IndexError: there is no row with one of them.
    """
    for number in numbers:
        if not 0 <= number < count:
            raise IndexError(f"{task}: row {number} was requested; it has {count} rows, numbered from 0")
