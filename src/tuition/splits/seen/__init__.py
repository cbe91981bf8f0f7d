"""Which tasks are trained on (seen) and which are held out (unseen): one module per kind of split."""

from __future__ import annotations

from tuition.base.errors import UserError, clip
from tuition.base.registry import Registry
from tuition.splits.seen.record import Excluded, Request, SplitKind, TasksDivided
from tuition.tasks.collection import Collection

__all__ = ["TASK_SPLITS", "Excluded", "Request", "SplitKind", "TasksDivided", "divide_tasks", "each_fold"]

TASK_SPLITS: Registry[SplitKind] = Registry("task split")
TASK_SPLITS.add("random", "tuition.splits.seen.random_tasks:KIND")
TASK_SPLITS.add("category", "tuition.splits.seen.held_out:CATEGORY")
TASK_SPLITS.add("dataset", "tuition.splits.seen.held_out:DATASET")
TASK_SPLITS.add("task", "tuition.splits.seen.held_out:TASK")
TASK_SPLITS.add("cluster", "tuition.splits.seen.cluster:KIND")
TASK_SPLITS.add("list", "tuition.splits.seen.lists:KIND")


def divide_tasks(collection: Collection, by: str, *, seed: int = 0) -> TasksDivided:
    """Split the tasks of a collection into seen, unseen and excluded ones.

    Only the task fields that a kind needs (categories or source datasets) are read, no instances.

    Args:
        collection: the tasks.
        by: a kind of `TASK_SPLITS`, with its value after `=`: `category=Textual Entailment`, `dataset=mnli`,
            `task=task1344`, `cluster=nli`, `random`, `random=12`, `random=2/category`, `list=default`, `list=FILE`.
        seed: determines which tasks `random` holds out; the other kinds ignore it.

    Raises:
        UserError: no such kind, or no such category, dataset, task or list; the message names the nearest.
        ProblemsError: a list names tasks that are not in the collection (all are listed), or a task cannot be read.
    """
    kind, request = _parse(by, seed)
    return kind.divide(collection, request)


def each_fold(collection: Collection, by: str) -> tuple[TasksDivided, ...]:
    """Return the leave-one-out splits of a kind: each category (or dataset, task, …) is held out in turn.

    Raises:
        UserError: `by` is not a kind, has a value, or is a kind without folds (`random`).
        ProblemsError: tasks cannot be read.
    """
    kind, request = _parse(by, 0)
    if request.value:
        raise UserError(f"{clip(by)!r} names one {kind.name}; for all folds write {kind.name!r} without a value")
    if kind.folds is None:
        raise UserError(f"a {kind.name} split has no folds; give it a value: {kind.expects}")
    return kind.folds(collection)


def _parse(by: str, seed: int) -> tuple[SplitKind, Request]:
    name, separator, value = by.partition("=")
    kind = TASK_SPLITS[name.strip()]
    if separator and not value.strip():
        raise UserError(f"{clip(by)!r}: there is nothing after '='; write {kind.expects}")
    return kind, Request(value.strip(), seed)
