"""How a task's rows are cut into test, validation and a pool of labels, and which sizes near those asked for fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuition.tasks.types import RowSplit


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows a task gives to its test and validation sets, and how many its pool of labels has at least."""

    test: int
    validation: int
    labels: int

    def __str__(self) -> str:
        """The sizes as a sum, as messages tell them."""
        return f"{self.test} test + {self.validation} validation + {self.labels} labels"


@dataclass(frozen=True, slots=True)
class RowPools:
    """The indices of the rows that each set may be taken from, in the order of taking.

    `apart` says that the source keeps its own test rows, so that these three differ.
    """

    test: Sequence[int]
    validation: Sequence[int]
    pool: Sequence[int]
    apart: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The indices of the rows in each set."""

    test: list[int]
    validation: list[int]
    pool: list[int]

    def holds(self, sizes: Sizes) -> bool:
        """Whether test and validation are as large as that, and the pool is large enough."""
        full = len(self.test) == sizes.test and len(self.validation) == sizes.validation
        return full and len(self.pool) >= sizes.labels


def everywhere(size: int) -> RowPools:
    """Return the places of rows that their source does not divide: each set may have any row."""
    return RowPools(range(size), range(size), range(size), apart=False)


def by_source(splits: Sequence[RowSplit]) -> RowPools:
    """Return the places of rows whose source may divide them.

    Test rows come from its test set, or from its validation set where it has no test set (as with benchmarks that keep
    their test answers); validation rows from its validation set if that is not the test set already, else from train;
    labels from train. Rows that it puts nowhere count as train. A source with training rows alone divides nothing.
    """
    test = [index for index, split in enumerate(splits) if split == "test"]
    validation = [index for index, split in enumerate(splits) if split == "validation"]
    train = [index for index, split in enumerate(splits) if split in ("train", "")]
    if not test and not validation:
        return everywhere(len(splits))
    if not test:
        return RowPools(validation, train, train, apart=True)
    return RowPools(test, validation or train, train, apart=True)


def cut_rows(keys: Sequence[str], sizes: Sizes, places: RowPools, *, repeats: bool) -> Cut:
    """Take test, then validation, then the pool, so that no content stands in two of them.

    Args:
        keys: each row's content.
        sizes: how many test and validation rows to take; the pool takes all that may be in it.
        places: where each set may take from.
        repeats: whether a content may stand twice within test, and within validation; in the pool it always may.
    """
    taken: set[int] = set()
    held_out: set[str] = set()

    def take(indices: Sequence[int], most: int) -> list[int]:
        chosen: list[int] = []
        mine: set[str] = set()
        for index in indices:
            if len(chosen) == most:
                break
            key = keys[index]
            if index in taken or key in held_out or (key in mine and not repeats):
                continue
            chosen.append(index)
            mine.add(key)
        taken.update(chosen)
        held_out.update(mine)
        return chosen

    test = take(places.test, sizes.test)
    validation = take(places.validation, sizes.validation)
    pool = [index for index in places.pool if index not in taken and keys[index] not in held_out]
    return Cut(test, validation, pool)


def nearest_sizes(keys: Sequence[str], wanted: Sizes, places: RowPools, *, repeats: bool) -> Sizes | None:
    """Try sizes from the nearest to the least, each by cutting with it, so that what is offered always works."""
    if cut_rows(keys, wanted, places, repeats=repeats).holds(wanted):
        return wanted
    if not keys:
        return None
    for validation, labels in _shares(keys, wanted, places):
        for test in _round_sizes(min(wanted.test, len(keys))):
            cut = cut_rows(keys, Sizes(test, validation, labels), places, repeats=repeats)
            if cut.holds(Sizes(test, validation, labels)):
                return Sizes(test, validation, len(cut.pool))
    return None


def _shares(keys: Sequence[str], wanted: Sizes, places: RowPools) -> Iterator[tuple[int, int]]:
    """Yield pairs of validation and labels to try: as wanted, in proportion to the task, then the least."""
    if places.apart:
        yield wanted.validation, wanted.labels
        yield wanted.validation, min(wanted.labels, 1)
        distinct = len({keys[index] for index in places.pool})
    else:
        distinct = len(set(keys))
    total = wanted.test + wanted.validation + wanted.labels
    quarter = max(1, distinct // 4)
    few = min(wanted.validation, 1)
    if 3 * (wanted.validation + max(wanted.labels, quarter)) <= 2 * distinct:  # test keeps a third
        yield wanted.validation, max(wanted.labels, quarter)
    yield max(few, wanted.validation * distinct // total), max(quarter, wanted.labels * distinct // total)
    yield few, 1
    yield few, 0
    yield 0, 0


def _round_sizes(most: int) -> Iterator[int]:
    """Yield `most` and then the sizes below it that read well: one leading digit, as 900, 800, … 100, 90, … 1."""
    yield most
    for zeros in range(len(str(most)) - 1, -1, -1):
        yield from (size for digit in range(9, 0, -1) if (size := digit * 10**zeros) < most)
