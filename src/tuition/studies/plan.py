"""A study expanded into its steps, in an order that respects what each needs, each with a key of what decides it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError
from tuition.base.fingerprints import fingerprint
from tuition.prompts.encode import answers, encode, training_output
from tuition.prompts.probes import PROBES
from tuition.prompts.types import Encoding, Shown
from tuition.studies.rows import StudyRows, TaskRows, read_rows
from tuition.studies.spec import Stage, StudySpec
from tuition.studies.steps import Earlier, EvaluateStep, Lesson, Step, TrainStep
from tuition.tasks import Instance, Task

_TRAIN_VERSION = 2
"""Raised whenever training the same inputs would give other weights than before."""
_EVALUATE_VERSION = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a study in an order in which each comes after those that it needs."""

    spec: StudySpec
    model_identity: str
    precision: str
    steps: tuple[Step, ...]
    tasks: tuple[Task, ...]

    @property
    def work(self) -> tuple[Step, ...]:
        """Each step once: points that are the same by their keys (a stage that arms share) are one."""
        first: dict[str, Step] = {}
        for step in self.steps:
            first.setdefault(step.key, step)
        return tuple(first.values())

    @property
    def evaluations(self) -> tuple[EvaluateStep, ...]:
        """The judging steps, in order; one for each point of each curve."""
        return tuple(step for step in self.steps if isinstance(step, EvaluateStep))


def make_plan(spec: StudySpec, *, model_identity: str, precision: str) -> Plan:
    """Expand a study: read its tasks, divide their rows, and list every step with its key.

    Args:
        spec: the study.
        model_identity: the fingerprint of the base model.
        precision: the number format that weights compute in, which decides results too.

    Raises:
        UserError: the collection or a task cannot be read, or tasks are too small; all of these together.
    """
    rows = read_rows(spec)
    planner = _Planner(spec, rows, (model_identity, precision))
    steps: list[Step] = []
    for arm in spec.arms:
        for seed in spec.seeds:
            steps += planner.arm(arm, seed)
    order = {task.task.name: place for place, task in enumerate(rows.unseen)}
    # Task by task, so that the first curves are whole as early as can be; what many need comes before them all.
    ordered = sorted(_once(steps), key=lambda step: order.get(step.title, -1))
    return Plan(spec, model_identity, precision, tuple(_needed_first(ordered)), tuple(t.task for t in rows.unseen))


def _once(steps: Sequence[Step]) -> list[Step]:
    """Return the steps without points that stand twice: where a task has 94 labels, 94 and `all` are one point."""
    points: dict[tuple[object, ...], Step] = {}
    for step in steps:
        points.setdefault((step.key, step.arm, step.seed, step.labels), step)
    return list(points.values())


def _needed_first(steps: Sequence[Step]) -> list[Step]:
    """Return the steps in their order, except that what a step needs stands before it."""
    by_key = {step.key: step for step in reversed(steps)}
    placed: set[str] = set()
    made: list[Step] = []
    for step in steps:
        for key in step.needs:
            if key not in placed:
                made.append(by_key[key])
                placed.add(key)
        if isinstance(step, EvaluateStep) or step.key not in placed:
            made.append(step)
            placed.add(step.key)
    return made


class _Planner:
    """Makes the steps of one arm after another."""

    def __init__(self, spec: StudySpec, rows: StudyRows, base: tuple[str, str]) -> None:
        self.spec, self.rows, self.base = spec, rows, base

    def arm(self, arm: str, seed: int) -> Iterator[Step]:
        """Yield the steps of an arm under one seed."""
        *before, last = self.spec.arms[arm]
        after: tuple[Earlier, ...] = ()
        for stage in [*before, last] if last.on == "seen" else before:
            # The spec lets no such stage be without its own number of labels.
            step = self._train(stage, self._pool(stage), stage.labels or 0, arm, seed, after)
            yield step
            after = (*after, step.earlier)
        if last.on == "seen":  # cross-task: judged on tasks of which it has seen no label
            for task in self.rows.unseen:
                yield from self._judged(task, last, arm, 0, seed, after)
            return
        for budget in self.spec.labels:
            yield from self._point(last, arm, budget, seed, after)

    def _point(
        self, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[Earlier, ...]
    ) -> Iterator[Step]:
        """Yield the steps of one budget: a model for all tasks or one for each, and its judging on each."""
        groups = [self.rows.unseen] if stage.setting == "multi-task" else [(task,) for task in self.rows.unseen]
        for group in groups:
            chain = after
            if budget and stage.setting not in ("in-context", "heuristic"):
                step = self._train(stage, group, budget, arm, seed, after)
                if step.lessons:
                    yield step
                    chain = (*after, step.earlier)
            for task in group:
                yield from self._judged(task, stage, arm, budget, seed, chain)

    def _judged(
        self, rows: TaskRows, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[Earlier, ...]
    ) -> Iterator[EvaluateStep]:
        """Yield the judging of a model on a task as it is told, and as each probe tells it otherwise."""
        plain = self._evaluate(rows, stage, arm, budget, seed, after)
        yield plain
        if stage.setting == "heuristic":
            return
        for name in self.spec.judge.probes:
            told = PROBES[name](rows.task, self.rows.others(rows.task), seed)
            probed = self._evaluate(dataclasses.replace(rows, task=told), stage, f"{arm} · {name}", budget, seed, after)
            if probed.key == plain.key:
                raise UserError(
                    f"the probe {name!r} changes nothing in the prompts of {rows.task.name}: the encoding "
                    f"{plain.encoding.name!r} does not tell what it changes; use another, or leave the probe out"
                )
            yield probed

    def _pool(self, stage: Stage) -> tuple[TaskRows, ...]:
        return self.rows.seen if stage.on == "seen" else self.rows.unseen

    def _train(
        self,
        stage: Stage,
        tasks: Sequence[TaskRows],
        budget: int | str,
        arm: str,
        seed: int,
        after: tuple[Earlier, ...],
    ) -> TrainStep:
        encoding = stage.told()
        lessons = tuple(lesson for task in tasks if (lesson := self._lesson(task, encoding, budget, seed)).instances)
        prompts = [
            encode(lesson.task, row, encoding, output=out, shown=lesson.shown, seed=seed)
            for lesson in lessons
            for row, out in lesson.rows()
        ]
        decides = (
            ("train", _TRAIN_VERSION, self.base, [(e.key, e.start) for e in after], stage.start),
            (prompts, encoding, dataclasses.asdict(stage.recipe), stage.mixture, seed),
        )
        return TrainStep(
            key=fingerprint(decides),
            lessons=lessons,
            encoding=encoding,
            recipe=stage.recipe,
            arm=arm,
            labels=max((len(task.labels(seed, budget)) for task in tasks), default=0),
            seed=seed,
            start=stage.start,
            after=after,
            mixture=stage.mixture,
        )

    def _lesson(self, task: TaskRows, encoding: Encoding, budget: int | str, seed: int) -> Lesson:
        """Return the first labels of a task's pool; those that prompts show as exemplars are not learnt besides."""
        labels = task.labels(seed, budget)
        shown = self._shown(encoding, labels)
        rows = labels[len(shown.exemplars) :]
        return Lesson(task.task, rows, tuple(training_output(task.task, row, seed) for row in rows), shown)

    def _shown(self, encoding: Encoding, labels: Sequence[Instance]) -> Shown:
        """Return what prompts show beyond the instruction. Exemplars are labels like any other: they are paid for."""
        demonstrations = self.rows.demonstrations(encoding.demonstrations) if encoding.demonstrations else ()
        return Shown(tuple(labels[: encoding.exemplars]), demonstrations)

    def _evaluate(
        self, rows: TaskRows, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[Earlier, ...]
    ) -> EvaluateStep:
        judge, task = self.spec.judge, rows.task
        encoding = judge.told() or stage.told()
        labels = rows.labels(seed, budget)
        shown = self._shown(encoding, labels)
        new_tokens = None if judge.new_tokens == "auto" else judge.new_tokens
        prompts = [
            (
                encode(task, row, encoding, shown=shown, seed=seed),
                row.id,
                answers(task, row, encoding, seed=seed)[0],
            )
            for row in rows.rows.test
        ]
        recipe, typical = stage.recipe, rows.typical_outputs
        decides = (
            ("evaluate", _EVALUATE_VERSION, self.base, [(e.key, e.start) for e in after], prompts, encoding),
            (stage.heuristic, [row.outputs[0] for row in labels] if stage.heuristic else []),
            (recipe.max_length, recipe.too_long, recipe.cut, recipe.share_prefix, judge.metrics, new_tokens, typical),
        )
        return EvaluateStep(
            key=fingerprint(decides),
            task=task,
            instances=rows.rows.test,
            encoding=encoding,
            recipe=recipe,
            metrics=judge.metrics,
            new_tokens=new_tokens,
            typical_outputs=typical,
            arm=arm,
            labels=len(labels),
            seed=seed,
            after=after,
            shown=shown,
            heuristic=stage.heuristic,
            known=labels if stage.heuristic else (),
        )
