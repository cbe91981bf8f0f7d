"""A task's rows divided into test, validation and a pool of labels from which nested budgets are taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tuition.base.errors import UserError, clip
from tuition.base.seeds import named_random
from tuition.splits.content import content_key
from tuition.tasks.types import Instance, Task

Order = Literal["file", "seeded"]


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
class TaskLabels:
    """A task's rows in three sets that share no content.

    `dropped` rows are in none: their content is that of a row in test or validation.
    """

    task: str
    test: tuple[Instance, ...]
    validation: tuple[Instance, ...]
    pool: tuple[Instance, ...]
    dropped: int

    def labels(self, n: int) -> tuple[Instance, ...]:
        """Return the budget of `n` labels: the first `n` of the pool, so that budgets are nested.

        Raises:
            UserError: the pool has fewer.
        """
        _require_count("labels", n, least=0)
        if n > len(self.pool):
            raise UserError(
                f"{clip(self.task)}: {n} labels were asked for and its pool has {len(self.pool)};"
                f" a budget may be 0 to {len(self.pool)}"
            )
        return self.pool[:n]


def split_task(
    task: Task, *, test: int = 100, validation: int = 10, order: Order = "seeded", seed: int = 0, labels: int = 0
) -> TaskLabels:
    """Divide a task's rows so that no content (see `content_key`) stands in two sets.

    In `file` order the test set is the first `test` rows as they stand, repeats among them included, and the
    validation set the next `validation` rows whose content is not in test: the protocol of the label-budget studies
    on Super-NaturalInstructions (rows 0-99 test, 100-109 validation, then the first N). In `seeded` order the rows are
    shuffled once, and test and validation get one row of each content. The pool is every remaining row whose content
    is in neither, in the same order.

    Args:
        task: the task; all of its instances are read.
        test: rows in the test set, at least 1.
        validation: rows in the validation set, 0 for none.
        order: `file` keeps the source's order, `seeded` shuffles by task name and `seed`.
        seed: the shuffle's seed; without effect in file order.
        labels: the largest budget that is wanted, so that a pool too small for it is refused here.

    Raises:
        UserError: a size is no count, or the task is too small; the message says what it could give.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    rows = _ordered(task, order, seed)
    keys = [content_key(row.input) for row in rows]
    cut = _cut(keys, wanted, order)
    if not cut.holds(wanted):
        raise UserError(_too_small(task.name, keys, wanted, order, cut))

    def chosen(indices: Sequence[int]) -> tuple[Instance, ...]:
        return tuple(rows[index] for index in indices)

    dropped = len(rows) - len(cut.test) - len(cut.validation) - len(cut.pool)
    return TaskLabels(task.name, chosen(cut.test), chosen(cut.validation), chosen(cut.pool), dropped)


def possible_sizes(
    task: Task, *, test: int = 100, validation: int = 10, order: Order = "seeded", seed: int = 0, labels: int = 0
) -> Sizes | None:
    """Return sizes near those wanted with which `split_task` will divide this task; None if it has no rows.

    What can be given as wanted is left so. A task too small keeps, where it can, its validation set, the labels and a
    quarter of its rows for the pool, and gets a smaller, round test set.

    Raises:
        UserError: a size is no count.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    return _nearest([content_key(row.input) for row in _ordered(task, order, seed)], wanted, order)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The indices of the rows in each set."""

    test: list[int]
    validation: list[int]
    pool: list[int]

    def holds(self, sizes: Sizes) -> bool:
        full = len(self.test) == sizes.test and len(self.validation) == sizes.validation
        return full and len(self.pool) >= sizes.labels


def _ordered(task: Task, order: Order, seed: int) -> list[Instance]:
    rows = list(task.instances())
    if order == "seeded":
        named_random("split", task.name, seed).shuffle(rows)
    return rows


def _cut(keys: Sequence[str], sizes: Sizes, order: Order) -> _Cut:
    """Take test, then validation, then the pool; in seeded order test and validation repeat no content."""
    cut = _Cut([], [], [])
    in_test: set[str] = set()
    in_validation: set[str] = set()
    repeats = order == "file"
    for index, key in enumerate(keys):
        if len(cut.test) < sizes.test:
            if repeats or key not in in_test:
                cut.test.append(index)
                in_test.add(key)
        elif key in in_test:
            continue
        elif len(cut.validation) < sizes.validation:
            if repeats or key not in in_validation:
                cut.validation.append(index)
                in_validation.add(key)
        elif key not in in_validation:
            cut.pool.append(index)
    return cut


def _too_small(name: str, keys: Sequence[str], wanted: Sizes, order: Order, cut: _Cut) -> str:
    need = wanted.test + wanted.validation + wanted.labels
    taken = len(cut.test) + len(cut.validation) + len(cut.pool)
    repeated = f" and {len(keys) - taken} repeat an input of test or validation" if taken < len(keys) else ""
    could = _nearest(keys, wanted, order)
    return (
        f"{clip(name)} has {len(keys)} instances ({len(set(keys))} distinct inputs); {wanted} need {need}{repeated};"
        f" {f'it could give e.g. {could}' if could else 'it has nothing to give'}"
    )


def _nearest(keys: Sequence[str], wanted: Sizes, order: Order) -> Sizes | None:
    """Try sizes from the nearest to the least, each by cutting with it, so that what is offered always works."""
    if _cut(keys, wanted, order).holds(wanted):
        return wanted
    if not keys:
        return None
    for validation, labels in _shares(len(set(keys)), wanted):
        for test in _round_sizes(min(wanted.test, len(keys))):
            cut = _cut(keys, Sizes(test, validation, labels), order)
            if cut.holds(Sizes(test, validation, labels)):
                return Sizes(test, validation, len(cut.pool))
    return None


def _shares(distinct: int, wanted: Sizes) -> Iterator[tuple[int, int]]:
    """Yield pairs of validation and labels to try: as wanted, in proportion to the task, then the least."""
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


def _require_sizes(test: int, validation: int, labels: int, order: str) -> Sizes:
    _require_count("test", test, least=1)
    _require_count("validation", validation, least=0)
    _require_count("labels", labels, least=0)
    if order not in ("file", "seeded"):
        raise UserError(f"there is no order {clip(str(order))!r}; it is 'file' or 'seeded'")
    return Sizes(test, validation, labels)


def _require_count(what: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"{what} is {clip(repr(value))}; it must be a whole number of rows, {least} or more")
