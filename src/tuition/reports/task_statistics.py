"""Statistics that depend on splits and encodings: labels by budget, and mean lengths of prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from tuition.prompts.encode import encode
from tuition.prompts.encodings import find_encoding
from tuition.prompts.types import Encoding
from tuition.splits.budgets import possible_sizes, split_task
from tuition.tasks.statistics import count_words
from tuition.tasks.types import Task

BUDGETS = ("100", "200", "1000", "all")
"""The label budgets of Gupta 2023: at most that many labels of each task."""

TEST, VALIDATION = 100, 10
# With fewer rows, the thesis's splits use all of a task's rows for each of training, validation and test.
_REUSED_BELOW = 120
_BATCH = 1000

LENGTH_ENCODINGS: Mapping[str, str] = {
    "with instructions": "quick-learners",
    "without instructions": "quick-learners-input-only",
}
"""The thesis's two encodings."""

Count = Callable[[Sequence[str]], Sequence[int]]
"""Returns the length of each text, in words or in a model's tokens."""


@dataclass(frozen=True, slots=True)
class LabelPool:
    """The number of labels of a task, counted by two protocols.

    `thesis` and `thesis_test` follow Gupta 2023's splits: rows 0-99 are the test set, 100-109 validation and the rest
    labels, and a task with fewer than 120 rows uses all its rows for each of the three. `honest` and `honest_test` are
    the sizes of `split_task` in file order, where no content is in two sets and rows that their source holds out are
    never labels: `dropped` rows repeat a test or validation input. A task that is too small has 0 of both; `possible`
    states the sizes that it allows.
    """

    task: str
    category: str
    rows: int
    thesis: int
    thesis_test: int
    honest: int
    honest_test: int
    dropped: int = 0
    possible: str = ""

    @property
    def reused(self) -> bool:
        """Whether the thesis's splits use the same rows of this task for training and test."""
        return 0 < self.rows < _REUSED_BELOW


def label_pool(task: Task) -> LabelPool:
    """Count a task's labels; all its rows are read into memory.

    Raises:
        ProblemsError: its rows cannot be read.
    """
    rows = list(task.instances())
    in_memory = Task(task.name, task.definitions, lambda: iter(rows))
    small = len(rows) < _REUSED_BELOW
    thesis, test = len(rows) if small else len(rows) - TEST - VALIDATION, min(TEST, len(rows))
    category = task.categories[0] if task.categories else ""
    possible = possible_sizes(in_memory, test=TEST, validation=VALIDATION, order="file")
    if possible is None or (possible.test, possible.validation) != (TEST, VALIDATION):
        return LabelPool(task.name, category, len(rows), thesis, test, 0, 0, possible=str(possible or "nothing"))
    split = split_task(in_memory, test=TEST, validation=VALIDATION, order="file")
    return LabelPool(task.name, category, len(rows), thesis, test, len(split.pool), len(split.test), split.dropped)


@dataclass(frozen=True, slots=True)
class BudgetSums:
    """The labels of a group of tasks at each of `BUDGETS`, by the two protocols of `LabelPool`."""

    group: str
    tasks: int
    thesis: Mapping[str, int]
    honest: Mapping[str, int]


def budget_sums(pools: Sequence[LabelPool], groups: Mapping[str, str]) -> list[BudgetSums]:
    """Add up labels by group; a budget counts at most the labels that each task has.

    Args:
        pools: one per task.
        groups: the group of each category, as `groups_of` returns them.
    """
    by_group: dict[str, list[LabelPool]] = {}
    for pool in pools:
        by_group.setdefault(groups[pool.category], []).append(pool)
    return [_sums(group, members) for group, members in by_group.items()]


def budget_total(pools: Sequence[LabelPool]) -> BudgetSums:
    """Add up the labels of all tasks."""
    return _sums("Total", pools)


def _sums(group: str, pools: Sequence[LabelPool]) -> BudgetSums:
    return BudgetSums(
        group,
        len(pools),
        {budget: sum(_capped(pool.thesis, budget) for pool in pools) for budget in BUDGETS},
        {budget: sum(_capped(pool.honest, budget) for pool in pools) for budget in BUDGETS},
    )


def _capped(rows: int, budget: str) -> int:
    return rows if budget == "all" else min(rows, int(budget))


@dataclass(frozen=True, slots=True)
class TaskLength:
    """The summed lengths of a task's rows in one encoding and one unit.

    `prompt` is the length of the input, `target` that of the target. `longest` is the longest prompt with its target.
    """

    task: str
    encoding: str
    unit: str
    rows: int
    prompt: int
    target: int
    longest: int


@dataclass(frozen=True, slots=True)
class MeanLength:
    """The mean lengths of a collection's rows, with equal weights of rows, or of tasks (`by_task`)."""

    encoding: str
    unit: str
    rows: int
    prompt: float
    target: float
    prompt_by_task: float
    longest: int


def task_lengths(task: Task, counts: Mapping[str, Count]) -> list[TaskLength]:
    """Measure a task's rows with and without its instruction, in each unit.

    The parts of a prompt are counted separately, as they are tokenized; special tokens and the end token do not count.

    Args:
        task: its instances are read once for each of the two encodings.
        counts: functions that count the lengths of texts, by the unit's name.

    Raises:
        ProblemsError: its rows cannot be read.
    """
    return [
        length
        for title, name in LENGTH_ENCODINGS.items()
        for length in _lengths(task, title, find_encoding(name), counts)
    ]


def word_counts(texts: Sequence[str]) -> list[int]:
    """Return the number of words of each text."""
    return [count_words(text) for text in texts]


def mean_lengths(lengths: Iterable[TaskLength]) -> list[MeanLength]:
    """Average over rows and over tasks, for each encoding and unit; tasks without rows are left out."""
    by_kind: dict[tuple[str, str], list[TaskLength]] = {}
    for length in lengths:
        if length.rows:
            by_kind.setdefault((length.encoding, length.unit), []).append(length)
    return [_mean(encoding, unit, members) for (encoding, unit), members in by_kind.items()]


def _mean(encoding: str, unit: str, members: Sequence[TaskLength]) -> MeanLength:
    rows = sum(length.rows for length in members)
    return MeanLength(
        encoding,
        unit,
        rows,
        prompt=sum(length.prompt for length in members) / rows,
        target=sum(length.target for length in members) / rows,
        prompt_by_task=fmean(length.prompt / length.rows for length in members),
        longest=max(length.longest for length in members),
    )


def _lengths(task: Task, title: str, encoding: Encoding, counts: Mapping[str, Count]) -> list[TaskLength]:
    prefixes: dict[str, int] = {}
    sums = {unit: [0, 0, 0, 0] for unit in counts}
    labelled = (row for row in task.instances() if row.outputs)
    while batch := list(islice(labelled, _BATCH)):
        prompts = [encode(task, row, encoding) for row in batch]
        for unit, count in counts.items():
            # The prefix is shared by the task's rows, and long: it is counted once.
            for prefix in {prompt.prefix for prompt in prompts}:
                prefixes.setdefault(f"{unit}\0{prefix}", count([prefix])[0])
            bodies = count([prompt.body for prompt in prompts])
            targets = count([prompt.target for prompt in prompts])
            for prompt, body, target in zip(prompts, bodies, targets, strict=True):
                given = prefixes[f"{unit}\0{prompt.prefix}"] + body
                total = sums[unit]
                total[0] += 1
                total[1] += given
                total[2] += target
                total[3] = max(total[3], given + target)
    return [TaskLength(task.name, title, unit, *total) for unit, total in sums.items()]
