"""Test inputs of one task among the training rows of another task: a leak across tasks.

Within a task, dividing its rows keeps test inputs and labels apart; but tasks from one source may share inputs. Inputs
are compared by `content_key`; empty ones are ignored.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError, clip
from tuition.splits.content import content_key
from tuition.studies.planning.rows import StudyRows, TaskRows
from tuition.studies.planning.steps import Step, TrainStep, evaluation_steps, training_steps
from tuition.studies.spec.study import StudySpec
from tuition.tasks import Instance

_NAMED = 4


@dataclass(frozen=True, slots=True)
class SharedRows:
    """Inputs that an evaluated task shares with a trained one: `rows` of the `of` test rows (or dropped labels)."""

    learnt: str  # a key of the JSON output
    evaluated: str
    rows: int
    of: int


@dataclass(frozen=True, slots=True)
class SharedInputs:
    """The check of one study; `across` is whether any model is evaluated on a task and trained on another."""

    across: bool = False
    found: tuple[SharedRows, ...] = ()
    dropped: tuple[SharedRows, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for readers of the scores."""
        notes = []
        if self.dropped:
            rows = _listed(
                f"{_of(one)} labelled rows of {one.learnt} (tests of {one.evaluated})" for one in self.dropped
            )
            notes.append(f"dropped from training, since their inputs are test inputs of other tasks: {rows}")
        if self.found:
            rows = _listed(
                f"{_of(one)} test rows of {one.evaluated} (trained on in {one.learnt})" for one in self.found
            )
            notes.append(
                f"models are evaluated on inputs that they were trained on in other tasks, which may raise scores: "
                f"{rows}; `shared_inputs: drop` under the study's `tasks`, or --drop-shared, drops these rows from "
                "training"
            )
        return tuple(notes)

    @property
    def fact(self) -> str:
        """The outcome in a few words."""
        if not self.across:
            return "none: each model is evaluated on its training task, whose labels and tests share no input"
        if not (self.found or self.dropped):
            return "none: no test input is among the training rows of other tasks"
        facts = [f"{_of(one)} test rows of {one.evaluated} are trained on in {one.learnt}" for one in self.found]
        facts += [f"{_of(one)} labelled rows of {one.learnt} dropped for {one.evaluated}" for one in self.dropped]
        return "; ".join(facts)


def find_shared(steps: Sequence[Step], rows: StudyRows, dropped: Sequence[SharedRows] = ()) -> SharedInputs:
    """Return which test inputs are among the rows that the same model is trained on from other tasks.

    Args:
        steps: the steps of a plan, each under its own key.
        rows: the study's rows.
        dropped: what was dropped from these rows before.
    """
    pairs = _across(steps)
    if not pairs:
        return SharedInputs(across=False, dropped=tuple(dropped))
    tests = {task.task.name: _contents(task.rows.test) for task in rows.unseen}
    owners = _owners(tests)
    hits = {task.task.name: _hits(task, owners) for task in (*rows.seen, *rows.unseen)}
    trained = {model.key: _trained(model, hits) for model, _ in pairs}
    found: dict[tuple[str, str], set[str]] = {}
    for model, evaluated in pairs:
        for name, contents in trained[model.key].items():
            shared = contents & tests[evaluated].keys()
            if shared and name != evaluated:
                found.setdefault((name, evaluated), set()).update(shared)
    sizes = {task.task.name: len(task.rows.test) for task in rows.unseen}
    made = [
        SharedRows(name, evaluated, sum(tests[evaluated][content] for content in shared), sizes[evaluated])
        for (name, evaluated), shared in found.items()
    ]
    return SharedInputs(True, _ordered(made), tuple(dropped))


def without_shared(spec: StudySpec, rows: StudyRows) -> tuple[StudyRows, tuple[SharedRows, ...]]:
    """Return rows in which no label has a test input of another task that its model is evaluated on.

    Raises:
        UserError: a task then has fewer labels than the study's budgets need.
    """
    owners = _owners({task.task.name: _contents(task.rows.test) for task in rows.unseen})
    dropped: list[SharedRows] = []
    seen = tuple(_without(task, owners, dropped) for task in rows.seen)
    unseen = rows.unseen
    if any(stage.on == "unseen" and stage.setting == "multi-task" for own in spec.arms.values() for stage in own):
        unseen = tuple(_without(task, owners, dropped) for task in rows.unseen)
        _require_labels(spec, unseen)
    return dataclasses.replace(rows, seen=seen, unseen=unseen), _ordered(dropped)


def _require_labels(spec: StudySpec, tasks: Sequence[TaskRows]) -> None:
    small = [task for task in tasks if len(task.rows.pool) < spec.most_labels]
    if small and spec.tasks.over == "strict":
        counts = _listed(f"{clip(task.task.name)} has {len(task.rows.pool):,}" for task in small)
        raise UserError(
            f"tasks.shared_inputs: without the inputs that other tasks are tested on, fewer than {spec.most_labels:,} "
            f"labels are left: {counts}; give fewer labels, or set `over: capped`"
        )


def _across(steps: Sequence[Step]) -> list[tuple[TrainStep, str]]:
    """Return each model with each task that it is evaluated on, where it was trained on any other task."""
    models = {step.key: step for step in training_steps(steps)}
    pairs: dict[tuple[str, str], tuple[TrainStep, str]] = {}
    for step in evaluation_steps(steps):
        for key in step.needs:
            pairs.setdefault((key, step.task.name), (models[key], step.task.name))
    return [
        (model, evaluated)
        for model, evaluated in pairs.values()
        if any(task_batch.task.name != evaluated for task_batch in model.task_batches)
    ]


def _contents(tests: Iterable[Instance]) -> Counter[str]:
    return Counter(content for row in tests if (content := content_key(row.input)))


def _owners(tests: Mapping[str, Counter[str]]) -> dict[str, list[str]]:
    """Return for each content the tasks that have it among their test inputs."""
    owners: dict[str, list[str]] = {}
    for name, contents in tests.items():
        for content in contents:
            owners.setdefault(content, []).append(name)
    return owners


def _hits(task: TaskRows, owners: Mapping[str, Sequence[str]]) -> dict[int, str]:
    """Return the contents of a task's labels that are test inputs of others, by the identity of the row."""
    found = {}
    for row in task.rows.pool:
        content = content_key(row.input)
        if any(owner != task.task.name for owner in owners.get(content, ())):
            found[id(row)] = content
    return found


def _trained(model: TrainStep, hits: Mapping[str, Mapping[int, str]]) -> dict[str, set[str]]:
    """Return the test inputs of other tasks that a model is trained on, by the task whose rows they are."""
    found = {}
    for task_batch in model.task_batches:
        own = hits[task_batch.task.name]
        if own and (contents := {own[id(row)] for row in task_batch.instances if id(row) in own}):
            found[task_batch.task.name] = contents
    return found


def _without(task: TaskRows, owners: Mapping[str, Sequence[str]], dropped: list[SharedRows]) -> TaskRows:
    pool, counts = [], Counter[str]()
    for row in task.rows.pool:
        others = [owner for owner in owners.get(content_key(row.input), ()) if owner != task.task.name]
        counts.update(others)
        if not others:
            pool.append(row)
    if not counts:
        return task
    before = len(task.rows.pool)
    dropped += [SharedRows(task.task.name, evaluated, count, before) for evaluated, count in counts.items()]
    labels = dataclasses.replace(task.rows, pool=tuple(pool), dropped=task.rows.dropped + before - len(pool))
    return TaskRows(task.task, labels, task.seeded, task.stratified)


def _ordered(found: Iterable[SharedRows]) -> tuple[SharedRows, ...]:
    return tuple(sorted(found, key=lambda one: (-one.rows, one.learnt, one.evaluated)))


def _of(one: SharedRows) -> str:
    return f"{one.rows:,} of {one.of:,}"


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    more = f"; and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return "; ".join(every[:_NAMED]) + more
