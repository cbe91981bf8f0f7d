"""A task's rows divided into test, validation and a pool of labels from which nested budgets are taken."""

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
from tuition.splits.partition import Cut, RowPools, Sizes, by_source, cut_rows, everywhere, nearest_sizes
from tuition.tasks.types import Instance, Task

Order = Literal["file", "seeded"]
Over = Literal["strict", "capped"]
"""What happens when more is asked for than there is: an error, or what there is, told in the record."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What was asked of a task's pool of labels, and what it really gave."""

    task: str
    asked: LabelBudget
    got: int
    pool: int

    @property
    def short(self) -> bool:
        """Whether the pool has fewer labels than were asked for."""
        return self.asked.of(self.pool) > self.got

    def __str__(self) -> str:
        """The budget in words: `94 labels of the 100 asked for`."""
        return f"{self.got} labels" + (f" of the {self.asked} asked for" if self.short else "")


@dataclass(frozen=True, slots=True)
class TaskLabels:
    """A task's rows in three sets that share no content.

    `dropped` rows are in none: their content is that of a row in test or validation. `unused` rows are in none either:
    their source holds them out, and no more of such were wanted. `asked` is what was asked for, which in capped
    dividing may be more than there is.
    """

    task: str
    test: tuple[Instance, ...]
    validation: tuple[Instance, ...]
    pool: tuple[Instance, ...]
    dropped: int
    unused: int = 0
    asked: Sizes | None = field(default=None, compare=False)

    @property
    def sizes(self) -> Sizes:
        """The sizes of the three sets as they are."""
        return Sizes(len(self.test), len(self.validation), len(self.pool))

    @property
    def shortfall(self) -> str | None:
        """Say what was asked for and what there is, where that is less; None where everything was given."""
        got, asked = self.sizes, self.asked
        if asked is None:
            return None
        pairs = ((asked.test, got.test), (asked.validation, got.validation), (asked.labels, got.labels))
        return f"{clip(self.task)}: {asked} asked for, {got} got" if any(want > has for want, has in pairs) else None

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

    def stratified(self) -> TaskLabels:
        """Return the same sets with the pool in an order in which each budget has the labels in the pool's shares.

        See `tuition.splits.balance.balanced`. Budgets of it are nested too.
        """
        return dataclasses.replace(self, pool=balanced(self.pool))

    def budget(self, asked: int | str | LabelBudget, *, over: Over = "strict") -> Budget:
        """Say how many labels a count, a percentage of the pool or `all` is; `labels(budget.got)` are its rows.

        Args:
            asked: `100`, `"6%"`, `"all"`, or an Amount; see `parse_label_budget`.
            over: `strict` refuses a count beyond the pool, `capped` takes the whole pool and says so in the record.

        Raises:
            UserError: `asked` is no amount, or is beyond the pool.
        """
        _require_known("over", over, ("strict", "capped"))
        amount = parse_label_budget(asked)
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
    """Divide a task's rows so that no content (see `content_key`) stands in two sets.

    In `file` order the test set is the first `test` rows as they stand, repeats among them included, and the
    validation set the next `validation` rows whose content is not in test: the protocol of the label-budget studies
    on Super-NaturalInstructions (rows 0-99 test, 100-109 validation, then the first N). In `seeded` order the rows are
    shuffled once, and test and validation get one row of each content. The pool is every remaining row whose content
    is in neither, in the same order. Rows that their source puts into test, validation or train keep to that (see
    `tuition.splits.partition.by_source`).

    Args:
        task: the task; all of its instances are read.
        test: rows in the test set, at least 1.
        validation: rows in the validation set, 0 for none.
        order: `file` keeps the source's order, `seeded` shuffles by task name and `seed`.
        seed: the shuffle's seed; without effect in file order.
        labels: the largest budget that is wanted, so that a pool too small for it is refused here.
        over: `strict` refuses a task too small. `capped` takes the labels that it has; if it has none, or lacks test or
            validation rows, it is divided by `possible_sizes`. Either way `TaskLabels.shortfall` says so.
        source_splits: False divides all rows afresh, whatever sets their source puts them in.

    Raises:
        UserError: a size is no count, or the task is too small; the message says what it could give.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    _require_known("over", over, ("strict", "capped"))
    rows = _ordered(task, order, seed)
    keys = [content_key(row.input) for row in rows]
    places = _places(rows, source_splits)
    cut = cut_rows(keys, wanted, places, repeats=order == "file")
    if not cut.holds(wanted):
        enough = over == "capped" and _capped(keys, wanted, places, order, cut)
        if not enough:
            raise UserError(_too_small(task.name, keys, wanted, places, order, cut))
        cut = enough
    return _labelled(task.name, rows, keys, cut, wanted)


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
    """Return sizes near those wanted with which `split_task` will divide this task; None if there are none.

    What can be given as wanted is left so. A task too small keeps, where it can, its validation set, the labels and a
    quarter of its rows for the pool, and gets a smaller, round test set.

    Raises:
        UserError: a size is no count.
        ProblemsError: its rows cannot be read.
    """
    wanted = _require_sizes(test, validation, labels, order)
    rows = _ordered(task, order, seed)
    keys = [content_key(row.input) for row in rows]
    return nearest_sizes(keys, wanted, _places(rows, source_splits), repeats=order == "file")


def _ordered(task: Task, order: Order, seed: int) -> list[Instance]:
    rows = list(task.instances())
    if order == "seeded":
        named_random("split", task.name, seed).shuffle(rows)
    return rows


def _places(rows: Sequence[Instance], source_splits: bool) -> RowPools:
    return by_source([row.split for row in rows]) if source_splits else everywhere(len(rows))


def _capped(keys: Sequence[str], wanted: Sizes, places: RowPools, order: Order, cut: Cut) -> Cut | None:
    """Return the cut with fewer labels, or with other sizes where that is not enough; None if nothing can be had."""
    if cut.holds(Sizes(wanted.test, wanted.validation, min(wanted.labels, 1))):
        return cut
    repeats = order == "file"
    sizes = nearest_sizes(keys, wanted, places, repeats=repeats)
    return cut_rows(keys, sizes, places, repeats=repeats) if sizes else None


def _labelled(name: str, rows: Sequence[Instance], keys: Sequence[str], cut: Cut, asked: Sizes) -> TaskLabels:
    def chosen(indices: Sequence[int]) -> tuple[Instance, ...]:
        return tuple(rows[index] for index in indices)

    held_out = {keys[index] for index in (*cut.test, *cut.validation)}
    taken = {*cut.test, *cut.validation, *cut.pool}
    dropped = sum(1 for index, key in enumerate(keys) if index not in taken and key in held_out)
    return TaskLabels(
        task=name,
        test=chosen(cut.test),
        validation=chosen(cut.validation),
        pool=chosen(cut.pool),
        dropped=dropped,
        unused=len(rows) - len(taken) - dropped,
        asked=asked,
    )


def _too_small(name: str, keys: Sequence[str], wanted: Sizes, places: RowPools, order: Order, cut: Cut) -> str:
    need = wanted.test + wanted.validation + wanted.labels
    taken = len(cut.test) + len(cut.validation) + len(cut.pool)
    could = nearest_sizes(keys, wanted, places, repeats=order == "file")
    offer = f"it could give e.g. {could}" if could else "it has nothing to give"
    if places.apart:
        own = f"{len(places.test)} for test, {len(places.pool)} to train on"
        if places.validation is not places.pool:
            own += f", {len(places.validation)} for validation"
        return f"{clip(name)} has {len(keys)} instances, which its source divides ({own}); {wanted} do not fit; {offer}"
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
