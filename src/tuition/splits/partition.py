"""Partition a task's rows into test, validation and a pool of labels, and find sizes that are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuition.tasks.types import RowSplit


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of test and validation rows of a task, and the least number of rows of its pool of labels."""

    test: int
    validation: int
    labels: int

    def __str__(self) -> str:
        """Return the sizes as a sum, for messages."""
        return f"{self.test} test + {self.validation} validation + {self.labels} labels"


@dataclass(frozen=True, slots=True)
class RowPools:
    """The indices of the rows that each set may be taken from, in order.

    `separate` is true if the source has its own test rows, so that the three differ.
    """

    test: Sequence[int]
    validation: Sequence[int]
    pool: Sequence[int]
    separate: bool


@dataclass(frozen=True, slots=True)
class Partition:
    """The indices of the rows in each set."""

    test: list[int]
    validation: list[int]
    pool: list[int]

    def satisfies(self, sizes: Sizes) -> bool:
        """Whether test and validation have exactly these sizes, and the pool is large enough."""
        full = len(self.test) == sizes.test and len(self.validation) == sizes.validation
        return full and len(self.pool) >= sizes.labels


def unrestricted_pools(size: int) -> RowPools:
    """Return the pools of rows without splits in their source: each set may have any row."""
    return RowPools(range(size), range(size), range(size), separate=False)


def source_pools(splits: Sequence[RowSplit]) -> RowPools:
    """Return the pools of rows by their splits in the source.

    Test rows are taken from its test split, or from its validation split if it has no test split (as in benchmarks that
    withhold the test answers). Validation rows are taken from its validation split unless the test rows are, else from
    train. Labels are taken from train. Rows without a split count as train. If the source has only training rows, there
    is no restriction.
    """
    test = [index for index, split in enumerate(splits) if split == "test"]
    validation = [index for index, split in enumerate(splits) if split == "validation"]
    train = [index for index, split in enumerate(splits) if split in ("train", "")]
    if not test and not validation:
        return unrestricted_pools(len(splits))
    if not test:
        return RowPools(validation, train, train, separate=True)
    return RowPools(test, validation or train, train, separate=True)


def partition_rows(keys: Sequence[str], sizes: Sizes, pools: RowPools, *, repeats: bool) -> Partition:
    """Take test, then validation, then the pool, so that no content is in two of them.

    Args:
        keys: each row's content key.
        sizes: how many test and validation rows to take; the pool takes all remaining rows that it may.
        pools: the rows that each set may be taken from.
        repeats: whether test and validation may each have a content twice; the pool always may.
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

    test = take(pools.test, sizes.test)
    validation = take(pools.validation, sizes.validation)
    pool = [index for index in pools.pool if index not in taken and keys[index] not in held_out]
    return Partition(test, validation, pool)


def nearest_sizes(keys: Sequence[str], wanted: Sizes, pools: RowPools, *, repeats: bool) -> Sizes | None:
    """Return the nearest possible sizes; each candidate is tested by partitioning the rows. None if there are none."""
    if partition_rows(keys, wanted, pools, repeats=repeats).satisfies(wanted):
        return wanted
    if not keys:
        return None
    for validation, labels in _candidates(keys, wanted, pools):
        for test in _round_sizes(min(wanted.test, len(keys))):
            partition = partition_rows(keys, Sizes(test, validation, labels), pools, repeats=repeats)
            if partition.satisfies(Sizes(test, validation, labels)):
                return Sizes(test, validation, len(partition.pool))
    return None


def _candidates(keys: Sequence[str], wanted: Sizes, pools: RowPools) -> Iterator[tuple[int, int]]:
    """Yield pairs of validation and labels to try: as wanted, in proportion to the task, then the smallest."""
    if pools.separate:
        yield wanted.validation, wanted.labels
        yield wanted.validation, min(wanted.labels, 1)
        distinct = len({keys[index] for index in pools.pool})
    else:
        distinct = len(set(keys))
    total = wanted.test + wanted.validation + wanted.labels
    quarter = max(1, distinct // 4)
    few = min(wanted.validation, 1)
    if 3 * (wanted.validation + max(wanted.labels, quarter)) <= 2 * distinct:  # leaves a third for test
        yield wanted.validation, max(wanted.labels, quarter)
    yield max(few, wanted.validation * distinct // total), max(quarter, wanted.labels * distinct // total)
    yield few, 1
    yield few, 0
    yield 0, 0


def _round_sizes(most: int) -> Iterator[int]:
    """Yield `most` and then the smaller round sizes, with one nonzero digit: 900, 800, … 100, 90, … 1."""
    yield most
    for zeros in range(len(str(most)) - 1, -1, -1):
        yield from (size for digit in range(9, 0, -1) if (size := digit * 10**zeros) < most)
