"""A task's rows by their places: read all in order as the source has them, or some through an index."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tuition.tasks.content import content_hash
from tuition.tasks.instance import Instance, RowSplit


class Rows(Protocol):
    """The rows of a task, numbered from 0 in the order of `Task.instances`.

    Every method raises ProblemsError where a row of the task cannot be read, asked for or not.
    """

    def count(self) -> int:
        """Return how many rows there are."""

    def read(self, places: Sequence[int]) -> list[Instance]:
        """Return the rows at these places, in the order of asking.

        Raises:
            IndexError: there is no row at one of them.
        """

    def splits(self) -> list[RowSplit]:
        """Return the set that the source puts each row in."""

    def content_hashes(self) -> array[int]:
        """Return the `content_hash` of each row's input, as an array of 64-bit numbers."""


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows without an index: each question is answered by reading all of them."""

    task: str
    read_instances: Callable[[], Iterator[Instance]] = field(repr=False)

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(1 for _ in self.read_instances())

    def read(self, places: Sequence[int]) -> list[Instance]:
        """Return the rows at these places, in the order of asking."""
        wanted = set(places)
        kept: dict[int, Instance] = {}
        count = 0
        for instance in self.read_instances():
            if count in wanted:
                kept[count] = instance
            count += 1
        require_places(self.task, places, count)
        return [kept[place] for place in places]

    def splits(self) -> list[RowSplit]:
        """Return the set that the source puts each row in."""
        return [instance.split for instance in self.read_instances()]

    def content_hashes(self) -> array[int]:
        """Return the `content_hash` of each row's input."""
        return array("Q", (content_hash(instance.input) for instance in self.read_instances()))


def require_places(task: str, places: Sequence[int], count: int) -> None:
    """Make sure that there is a row at each of these places.

    Raises:
        IndexError: there is none at one of them.
    """
    for place in places:
        if not 0 <= place < count:
            raise IndexError(f"{task}: row {place} was asked for; it has {count}, from 0 on")
