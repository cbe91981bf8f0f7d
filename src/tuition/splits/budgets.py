"""Split a task's rows into test, validation and a pool of labels from which nested budgets are taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tuition.base.errors import UserError, clip
from tuition.base.seeds import named_random
from tuition.splits.balance import balanced
from tuition.splits.content import content_key
from tuition.splits.label_budget import LabelBudget, parse_label_budget
from tuition.splits.partition import (
    Partition,
    RowPools,
    Sizes,
    nearest_sizes,
    partition_rows,
    source_pools,
    unrestricted_pools,
)
from tuition.tasks.types import Instance, Task

Order = Literal["file", "seeded"]
Over = Literal["strict", "capped"]
"""If more is requested than available: an error (strict), or all that is available, as the result reports (capped)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The label budget requested of a task's pool, the number of labels it gave, and the pool's size."""

    task: str
    requested: LabelBudget
    count: int
    pool: int

    @property
    def short(self) -> bool:
        """Whether the pool has fewer labels than requested."""
        return self.requested.of(self.pool) > self.count

    def __str__(self) -> str:
        """Return the budget in words: `94 labels of the 100 requested`."""
        return f"{self.count} labels" + (f" of the {self.requested} requested" if self.short else "")


@dataclass(frozen=True, slots=True)
class TaskLabels:
    """A task's rows in three disjoint sets: no input is in two of them.

    `dropped` counts rows in none of them because test or validation has the same input. `unused` counts rows in none of
    them because their source holds them out, and no more held-out rows were requested. `requested` are the requested
    sizes, which may be more than available if the split is capped.
    """

    task: str
    test: tuple[Instance, ...]
    validation: tuple[Instance, ...]
    pool: tuple[Instance, ...]
    dropped: int
    unused: int = 0
    requested: Sizes | None = field(default=None, compare=False)

    @property
    def sizes(self) -> Sizes:
        """The actual sizes of the three sets."""
        return Sizes(len(self.test), len(self.validation), len(self.pool))

    @property
    def shortfall(self) -> str | None:
        """The requested and the actual sizes in words, if any is smaller than requested; else None."""
        actual, requested = self.sizes, self.requested
        if requested is None:
            return None
        pairs = (
            (requested.test, actual.test),
            (requested.validation, actual.validation),
            (requested.labels, actual.labels),
        )
        if all(have >= want for want, have in pairs):
            return None
        return f"{clip(self.task)}: {requested} requested, {actual} available"

    def labels(self, n: int) -> tuple[Instance, ...]:
        """Return the budget of `n` labels: the first `n` of the pool, so that budgets are nested.

        Raises:
            UserError: the pool has fewer.
        """
        _require_count("labels", n, least=0)
        if n > len(self.pool):
            raise UserError(
                f"{clip(self.task)}: {n} labels were requested and its pool has {len(self.pool)};"
                f" a budget may be 0 to {len(self.pool)}"
            )
        return self.pool[:n]

    def stratified(self) -> TaskLabels:
        """Return the same sets with the pool ordered so that each budget has the pool's label distribution.

        See `tuition.splits.balance.balanced`. Its budgets are nested too.
        """
        return dataclasses.replace(self, pool=balanced(self.pool))

    def budget(self, requested: int | str | LabelBudget, *, over: Over = "strict") -> Budget:
        """Return how many labels a count, a percentage of the pool or `all` is; `labels(budget.count)` are its rows.

        Args:
            requested: `100`, `"6%"`, `"all"`, or a LabelBudget; see `parse_label_budget`.
            over: `strict` refuses a count beyond the pool, `capped` takes the whole pool and `Budget.short` is true.

        Raises:
            UserError: `requested` is not a label budget, or is beyond the pool.
        """
        _require_known("over", over, ("strict", "capped"))
        amount = parse_label_budget(requested)
        wanted, size = amount.of(len(self.pool)), len(self.pool)
        return Budget(self.task, amount, len(self.labels(min(wanted, size) if over == "capped" else wanted)), size)


def split_task(
    task: Task,
    *,
    test: int = 100,
    validation: int = 10,
    order: Order = "seeded",
    seed: int = 0,
    labels: int = 0,
    over: Over = "strict",
    source_splits: bool = True,
) -> TaskLabels:
    """Split a task's rows so that no input (compared by `content_key`) is in two sets.

    In `file` order the test set is the first `test` rows, including repeats among them, and the validation set is the
    next `validation` rows whose input is not in test: the protocol of the label-budget studies on
    Super-NaturalInstructions (rows 0-99 test, 100-109 validation, then the first N). In `seeded` order the rows are
    shuffled once, and test and validation get one row per distinct input. The pool is every remaining row whose input
    is in neither, in the same order. Rows that the source assigns to test, validation or train stay there (see
    `tuition.splits.partition.source_pools`).

    Args:
        task: the task; all of its instances are read.
        test: rows in the test set, at least 1.
        validation: rows in the validation set, 0 for none.
        order: `file` keeps the source's order, `seeded` shuffles by task name and `seed`.
        seed: the shuffle's seed; without effect in file order.
        labels: the largest budget that will be requested, so that a pool too small for it is refused here.
        over: `strict` refuses a task that is too small. `capped` takes the labels that it has; if it has none, or too
            few test or validation rows, it is split by `possible_sizes`. `TaskLabels.shortfall` reports both.
        source_splits: False ignores the source's splits.

    Raises:
        UserError: a size is not a count, or the task is too small; the message names sizes that are possible.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    _require_known("over", over, ("strict", "capped"))
    rows = _ordered(task, order, seed)
    keys = [content_key(row.input) for row in rows]
    pools = _pools(rows, source_splits)
    partition = partition_rows(keys, wanted, pools, repeats=order == "file")
    if not partition.satisfies(wanted):
        smaller = over == "capped" and _capped(keys, wanted, pools, order, partition)
        if not smaller:
            raise UserError(_too_small(task.name, keys, wanted, pools, order, partition))
        partition = smaller
    return _task_labels(task.name, rows, keys, partition, wanted)


def possible_sizes(
    task: Task,
    *,
    test: int = 100,
    validation: int = 10,
    order: Order = "seeded",
    seed: int = 0,
    labels: int = 0,
    source_splits: bool = True,
) -> Sizes | None:
    """Return the sizes nearest to those wanted that `split_task` accepts for this task; None if there are none.

    If the wanted sizes are possible, they are returned. A task that is too small keeps, if possible, its validation
    size, the labels and a quarter of its rows for the pool, and gets a smaller, round test size.

    Raises:
        UserError: a size is not a count.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    rows = _ordered(task, order, seed)
    keys = [content_key(row.input) for row in rows]
    return nearest_sizes(keys, wanted, _pools(rows, source_splits), repeats=order == "file")


def _ordered(task: Task, order: Order, seed: int) -> list[Instance]:
    rows = list(task.instances())
    if order == "seeded":
        named_random("split", task.name, seed).shuffle(rows)
    return rows


def _pools(rows: Sequence[Instance], source_splits: bool) -> RowPools:
    return source_pools([row.split for row in rows]) if source_splits else unrestricted_pools(len(rows))


def _capped(
    keys: Sequence[str], wanted: Sizes, pools: RowPools, order: Order, partition: Partition
) -> Partition | None:
    """Return the partition with fewer labels, or one with other sizes if that is not enough; else None."""
    if partition.satisfies(Sizes(wanted.test, wanted.validation, min(wanted.labels, 1))):
        return partition
    repeats = order == "file"
    sizes = nearest_sizes(keys, wanted, pools, repeats=repeats)
    return partition_rows(keys, sizes, pools, repeats=repeats) if sizes else None


def _task_labels(
    name: str, rows: Sequence[Instance], keys: Sequence[str], partition: Partition, requested: Sizes
) -> TaskLabels:
    def chosen(indices: Sequence[int]) -> tuple[Instance, ...]:
        return tuple(rows[index] for index in indices)

    held_out = {keys[index] for index in (*partition.test, *partition.validation)}
    taken = {*partition.test, *partition.validation, *partition.pool}
    dropped = sum(1 for index, key in enumerate(keys) if index not in taken and key in held_out)
    return TaskLabels(
        task=name,
        test=chosen(partition.test),
        validation=chosen(partition.validation),
        pool=chosen(partition.pool),
        dropped=dropped,
        unused=len(rows) - len(taken) - dropped,
        requested=requested,
    )


def _too_small(
    name: str, keys: Sequence[str], wanted: Sizes, pools: RowPools, order: Order, partition: Partition
) -> str:
    need = wanted.test + wanted.validation + wanted.labels
    taken = len(partition.test) + len(partition.validation) + len(partition.pool)
    possible = nearest_sizes(keys, wanted, pools, repeats=order == "file")
    offer = f"enough for e.g. {possible}" if possible else "not enough for any split"
    if pools.separate:
        own = f"{len(pools.test)} for test, {len(pools.pool)} to train on"
        if pools.validation is not pools.pool:
            own += f", {len(pools.validation)} for validation"
        return f"{clip(name)} has {len(keys)} instances, which its source splits ({own}); {wanted} do not fit; {offer}"
    repeated = f" and {len(keys) - taken} repeat an input of test or validation" if taken < len(keys) else ""
    return (
        f"{clip(name)} has {len(keys)} instances ({len(set(keys))} distinct inputs);"
        f" {wanted} need {need}{repeated}; {offer}"
    )


def _require_sizes(test: int, validation: int, labels: int, order: str) -> Sizes:
    _require_count("test", test, least=1)
    _require_count("validation", validation, least=0)
    _require_count("labels", labels, least=0)
    if order not in ("file", "seeded"):
        raise UserError(f"there is no order {clip(str(order))!r}; it is 'file' or 'seeded'")
    return Sizes(test, validation, labels)


def _require_known(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UserError(f"{what} is {clip(repr(value))}; it is {' or '.join(map(repr, known))}")


def _require_count(what: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"{what} is {clip(repr(value))}; it must be a whole number of rows, {least} or more")
