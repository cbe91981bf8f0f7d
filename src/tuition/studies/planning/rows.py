"""The tasks and rows on which a study trains and evaluates: its collection, divided into seen and unseen tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, UserError, first_few, summarise
from tuition.base.seeds import named_random
from tuition.evaluation.options.closed_set import closed_options
from tuition.prompts.types import Demonstration
from tuition.splits import TaskLabels, balanced, divide_tasks, split_task
from tuition.studies.planning.steps import OptionsFrom
from tuition.studies.spec.study import STARTER, StudySpec
from tuition.tasks import Collection, Instance, Task
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH


@dataclass(frozen=True, slots=True)
class TaskRows:
    """A task with its rows divided; `labels` is its pool in the order of a seed."""

    task: Task
    rows: TaskLabels
    seeded: bool
    stratified: bool = False
    _ordered: dict[int, tuple[Instance, ...]] = field(default_factory=dict, compare=False, repr=False)

    def labels(self, seed: int, budget: int | str) -> tuple[Instance, ...]:
        """Return a budget of labels: the first of the pool in the order of `seed`, or of the file.

        A pool with fewer labels gives all it has (whether that is allowed is checked when the rows are divided).
        """
        return self._order(seed)[: self.rows.budget(budget, over="capped").count]

    def _order(self, seed: int) -> tuple[Instance, ...]:
        """Return the pool in the order of `seed`, which all of its budgets have in common."""
        if seed not in self._ordered:
            pool = list(self.rows.pool)
            if self.seeded:
                named_random("labels", self.rows.task, seed).shuffle(pool)
            self._ordered[seed] = tuple(balanced(pool) if self.stratified else pool)
        return self._ordered[seed]

    @property
    def typical_outputs(self) -> tuple[str, ...]:
        """Answers known from outside the test rows."""
        known = tuple(out for row in self.rows.validation for out in row.outputs)
        return known + tuple(example.output for example in self.task.positive_examples)

    @property
    def all_rows(self) -> tuple[Instance, ...]:
        """All rows, those to train on first."""
        return (*self.rows.pool, *self.rows.validation, *self.rows.test)

    def found_options(self) -> tuple[tuple[str, ...], OptionsFrom]:
        """Return the closed set of answers in the rows, and in which rows it was found; empty if there is none.

        Test rows are used only where the others are too few to decide.
        """
        known = closed_options(row.outputs for row in (*self.rows.pool, *self.rows.validation))
        if known:
            return known, "training rows"
        return closed_options(row.outputs for row in self.all_rows), "all rows"


@dataclass(frozen=True, slots=True)
class StudyRows:
    """A study's tasks: those seen in earlier stages, and those for evaluation."""

    seen: tuple[TaskRows, ...]
    unseen: tuple[TaskRows, ...]
    demonstrations: Callable[[int], tuple[Demonstration, ...]]
    collection: Collection

    def others(self, task: Task) -> list[Task]:
        """Return some other tasks of the collection: at most twenty, the same ones for all tasks."""
        names = [name for name in self.collection.names if name != task.name]
        named_random("others").shuffle(names)
        return [self.collection[name] for name in names[:20]]


def study_collection(spec: StudySpec) -> Collection:
    """Open the study's collection."""
    chosen = spec.tasks.collection
    return open_collection(STARTER_PATH if chosen == STARTER else Path(chosen).expanduser())


def read_rows(spec: StudySpec) -> StudyRows:
    """Read a study's tasks and divide their rows.

    Raises:
        UserError: the collection or a task cannot be read, tasks are too small, or a task is both seen and unseen; all
            of these together.
    """
    collection = study_collection(spec)
    seen, unseen = _names(spec, collection)
    unseen_rows = _read(collection, unseen, lambda task: _divide_unseen(spec, task), spec)
    task_batches = _read(collection, seen, lambda task: _divide_seen(spec, task), spec) if _learns_seen(spec) else ()
    others = [name for name in (seen or collection.names) if name not in set(unseen)]
    return StudyRows(task_batches, unseen_rows, lambda count: _demonstrations(collection, others, count), collection)


def _names(spec: StudySpec, collection: Collection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the seen and of the unseen tasks."""
    choice = spec.tasks
    unseen = _full(collection, choice.names)
    seen = _full(collection, choice.seen)
    if choice.split:
        divided = divide_tasks(collection, choice.split, seed=choice.split_seed)
        for listed, side, word in ((unseen, divided.unseen, "unseen"), (seen, divided.seen, "seen")):
            if outside := [name for name in listed if name not in side]:
                raise UserError(
                    f"{collection.path}: {', '.join(outside[:5])}: named as {word}, but the split {choice.split!r} "
                    f"has {'it' if len(outside) == 1 else 'them'} elsewhere; name tasks of that side, or none"
                )
        unseen, seen = unseen or divided.unseen, seen or divided.seen
    elif not unseen:
        unseen = tuple(name for name in collection.names if name not in set(seen))
    if both := [name for name in seen if name in set(unseen)]:
        raise UserError(f"{collection.path}: {', '.join(both[:5])}: both seen and unseen; choose one")
    if not seen and _learns_seen(spec):
        raise UserError(
            f"{collection.path}: a stage trains on seen tasks and there are none; name some under tasks.seen, or give "
            "tasks.split, such as `list=default` or `category=Title Generation`"
        )
    return seen, unseen


def _full(collection: Collection, names: Sequence[str]) -> tuple[str, ...]:
    full: list[str] = []
    faults: list[str] = []
    for name in names:
        try:
            full.append(collection.full_name(name))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(faults))
    if len(set(full)) != len(full):
        raise UserError(f"{collection.path}: a task is named twice among {', '.join(full)}; name each once")
    return tuple(full)


def _learns_seen(spec: StudySpec) -> bool:
    return any(stage.on == "seen" for stages in spec.arms.values() for stage in stages)


def _divide_unseen(spec: StudySpec, task: Task) -> TaskLabels:
    return split_task(
        task,
        test=spec.evaluate.test,
        validation=spec.evaluate.validation,
        order=spec.tasks.order,
        labels=spec.most_labels,
        over=spec.tasks.over,
    )


def _divide_seen(spec: StudySpec, task: Task) -> TaskLabels:
    """Return all rows of a seen task for training, since none is for evaluation; duplicates are dropped."""
    rows = split_task(task, test=1, validation=0, order=spec.tasks.order)
    return dataclasses.replace(rows, pool=(*rows.test, *rows.pool), test=())


def _read(
    collection: Collection, names: Sequence[str], divide: Callable[[Task], TaskLabels], spec: StudySpec
) -> tuple[TaskRows, ...]:
    """Read tasks and divide each; all problems are raised together."""
    made: list[TaskRows] = []
    problems: list[Problem] = []
    refused: list[str] = []
    for name in names:
        try:
            task = collection[name]
            made.append(TaskRows(task, divide(task), spec.tasks.order == "seeded", spec.tasks.stratified))
        except ProblemsError as error:
            problems += error.problems
        except UserError as error:
            refused.append(str(error))
    if problems and not refused:
        raise ProblemsError(problems)
    if refused:
        lines = [*summarise(problems), first_few(refused, "tasks are refused")]
        raise UserError("\n".join(lines))
    return tuple(made)


def _demonstrations(collection: Collection, names: Sequence[str], count: int) -> tuple[Demonstration, ...]:
    """Return one positive example of each of `count` other tasks, always the same ones (Ye et al. 2023, ICIL).

    Raises:
        UserError: the collection has too few other tasks with a definition and an example.
    """
    order = list(names)
    named_random("demonstrations").shuffle(order)
    made: list[Demonstration] = []
    for name in order:
        if len(made) == count:
            break
        task = collection[name]
        if task.definition and task.positive_examples:
            example = task.positive_examples[0]
            made.append(Demonstration(task.definition, example.input, example.output))
    if len(made) < count:
        raise UserError(
            f"{collection.path}: {count} demonstrations of other tasks are needed and {len(made)} other tasks "
            "have a definition and an example; use a larger collection, or an encoding without demonstrations"
        )
    return tuple(made)
