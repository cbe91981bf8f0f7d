"""A study expanded into its steps, in order of their dependencies, each with a key of all that decides its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tuition.base.errors import UserError, clip
from tuition.models.decoding import GREEDY
from tuition.prompts.encode import training_output
from tuition.prompts.types import Encoding, InContextExamples
from tuition.studies.planning.identical_steps import join_identical
from tuition.studies.planning.metric_selection import MetricSelection
from tuition.studies.planning.missing_fields import missing_field_notes
from tuition.studies.planning.prompt_rows import PromptRows, PromptSet, answer_lengths, training_lengths
from tuition.studies.planning.rows import StudyRows, TaskRows, read_rows
from tuition.studies.planning.shared_inputs import SharedInputs, SharedRows, find_shared, without_shared
from tuition.studies.planning.step_keys import evaluate_keys, train_keys
from tuition.studies.planning.steps import EvaluateStep, ParentStep, Step, TaskBatch, TrainStep, evaluation_steps
from tuition.studies.results import probe_arm
from tuition.studies.spec.stages import Stage
from tuition.studies.spec.study import StudySpec
from tuition.tasks import Instance, Task

_RANK_VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a study in an order in which each comes after those that it needs.

    `notes` are for readers of the scores: what was omitted and why, what tasks lack, and which arms cannot differ.
    `alike` are the other keys of steps that serve for several that cannot differ, by the key they have. `stored` are
    the keys under which a store has such a step, by the planned key (see `finished_steps`). `shared` are the test
    inputs among the rows that models are trained on from other tasks.
    """

    spec: StudySpec
    model_identity: str
    precision: str
    steps: tuple[Step, ...]
    tasks: tuple[Task, ...]
    notes: tuple[str, ...] = ()
    alike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    shared: SharedInputs = field(default_factory=SharedInputs)

    @property
    def work(self) -> tuple[Step, ...]:
        """Each step once: points that are the same by their keys (a stage that arms share) are one."""
        first: dict[str, Step] = {}
        for step in self.steps:
            first.setdefault(step.key, step)
        return tuple(first.values())

    @property
    def evaluations(self) -> tuple[EvaluateStep, ...]:
        """The evaluation steps, in order; one for each point of each curve."""
        return tuple(evaluation_steps(self.steps))


def make_plan(spec: StudySpec, *, model_identity: str | Callable[[], str], precision: str) -> Plan:
    """Expand a study: read its tasks, divide their rows, and list every step with its key.

    Args:
        spec: the study.
        model_identity: the fingerprint of the base model, or a function that returns it: it is called when all tasks
            are read and checked, since it may have to reach the hub.
        precision: the number format of computation, which decides results too.

    Raises:
        UserError: the collection or a task cannot be read, or tasks are too small; all of these together.
    """
    rows = read_rows(spec)
    dropped: tuple[SharedRows, ...] = ()
    if spec.tasks.shared_inputs == "drop":
        rows, dropped = without_shared(spec, rows)
    identity = model_identity if isinstance(model_identity, str) else model_identity()
    planner = _Planner(spec, rows, (identity, precision))
    steps: list[Step] = []
    for arm in spec.arms:
        for seed in spec.seeds:
            steps += planner.arm(arm, seed)
    selection = planner.selection
    selection.require_probes()
    if not evaluation_steps(steps):
        raise UserError("nothing is left to evaluate: " + "; ".join(selection.notes or ("there are no tasks",)))
    shared = find_shared(steps, rows, dropped)
    joined = join_identical(steps)
    order = {task.task.name: place for place, task in enumerate(rows.unseen)}
    # Task by task, so that the first curves are complete as early as possible; steps that many need come first.
    ordered = sorted(_once(joined.steps), key=lambda step: order.get(step.title, -1))
    return Plan(
        spec,
        identity,
        precision,
        steps=tuple(_needed_first(ordered)),
        tasks=tuple(task.task for task in rows.unseen),
        notes=(*shared.notes, *selection.notes, *missing_field_notes(steps), *joined.notes),
        shared=shared,
        alike=joined.alike,
    )


def _once(steps: Sequence[Step]) -> list[Step]:
    """Return the steps without duplicate points: where a task has 94 labels, 94 and `all` are one point."""
    points: dict[tuple[object, ...], Step] = {}
    for step in steps:
        points.setdefault((step.key, step.arm, step.seed, step.labels), step)
    return list(points.values())


def _needed_first(steps: Sequence[Step]) -> list[Step]:
    """Return the steps in their order, except that each comes after the steps it needs."""
    by_key = {step.key: step for step in reversed(steps)}
    placed: set[str] = set()
    ordered: list[Step] = []
    for step in steps:
        for key in step.needs:
            if key not in placed:
                ordered.append(by_key[key])
                placed.add(key)
        if step.kind == "evaluate" or step.key not in placed:
            ordered.append(step)
            placed.add(step.key)
    return ordered


class _Planner:
    """Makes the steps of one arm after another."""

    def __init__(self, spec: StudySpec, rows: StudyRows, base: tuple[str, str]) -> None:
        self.spec, self.rows, self.base = spec, rows, base
        self.selection = MetricSelection(spec.evaluate)
        self.prompts = PromptRows()

    def arm(self, arm: str, seed: int) -> Iterator[Step]:
        """Yield the steps of an arm under one seed."""
        *before, last = self.spec.arms[arm]
        after: tuple[ParentStep, ...] = ()
        for stage in [*before, last] if last.on == "seen" else before:
            # The spec lets no such stage be without its own number of labels.
            step = self._train(stage, self._pool(stage), stage.labels or 0, arm, seed, after)
            if not step.task_batches:
                raise UserError(
                    f"arm {clip(arm)!r}: a stage has {stage.labels} labels per task, and the encoding "
                    f"{stage.encoding!r} has up to {stage.prompt_encoding().exemplars} in each prompt, which leaves "
                    "none to train on; give more labels"
                )
            yield step
            after = (*after, step.earlier)
        if last.on == "seen":  # cross-task: evaluated on tasks without any of their labels
            for task in self.rows.unseen:
                yield from self._evaluations(task, last, arm, 0, seed, after)
            return
        for budget in self.spec.labels:
            yield from self._point(last, arm, budget, seed, after)

    def _point(
        self, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[ParentStep, ...]
    ) -> Iterator[Step]:
        """Yield the steps of one budget: a model for all tasks or one for each, and its evaluation on each."""
        groups = [self.rows.unseen] if stage.setting == "multi-task" else [(task,) for task in self.rows.unseen]
        for group in groups:
            chain, training = after, list[Step]()
            if budget and stage.setting not in ("in-context", "heuristic"):
                step = self._train(stage, group, budget, arm, seed, after)
                if step.task_batches:
                    training = [step]
                    chain = (*after, step.earlier)
            evaluations = [step for task in group for step in self._evaluations(task, stage, arm, budget, seed, chain)]
            if evaluations:
                yield from training
                yield from evaluations

    def _evaluations(
        self, rows: TaskRows, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[ParentStep, ...]
    ) -> Iterator[EvaluateStep]:
        """Yield the evaluation of a model on a task as usual, and as each probe changes it."""
        plain = self._evaluate(rows, stage, arm, budget, seed, after)
        if plain is None:
            return
        yield plain
        if stage.setting == "heuristic" or not self.selection.probes:
            return
        others, usual = self.rows.others(rows.task), self._prompt_digest(rows, plain)
        for name in self.selection.probes:
            changed = self.selection.probed(name, rows, others, seed)
            if changed is None:
                continue
            changed_rows = dataclasses.replace(rows, task=changed)
            probed = self._evaluate(changed_rows, stage, probe_arm(arm, name), budget, seed, after)
            if probed is None or self._prompt_digest(changed_rows, probed) == usual:
                self.selection.changes_nothing(name, rows.task.name, plain.encoding.name)
                continue
            self.selection.possible(name)
            yield probed

    def _prompt_digest(self, rows: TaskRows, step: EvaluateStep) -> str:
        return self._test_prompts(rows, step.encoding, step.shown, step.seed).digest

    def _test_prompts(self, rows: TaskRows, encoding: Encoding, shown: InContextExamples, seed: int) -> PromptSet:
        return self.prompts.testing(rows.task, rows.rows.test, encoding, shown, seed)

    def _pool(self, stage: Stage) -> tuple[TaskRows, ...]:
        return self.rows.seen if stage.on == "seen" else self.rows.unseen

    def _train(
        self,
        stage: Stage,
        tasks: Sequence[TaskRows],
        budget: int | str,
        arm: str,
        seed: int,
        after: tuple[ParentStep, ...],
    ) -> TrainStep:
        encoding = stage.prompt_encoding()
        task_batches = tuple(
            task_batch for task in tasks if (task_batch := self._task_batch(task, encoding, budget, seed)).instances
        )
        prompts = [
            self.prompts.training(task_batch.task, task_batch.rows(), encoding, task_batch.shown, seed)
            for task_batch in task_batches
        ]
        keys = train_keys(
            self.base,
            after,
            [(task_batch.task.name, own) for task_batch, own in zip(task_batches, prompts, strict=True)],
            encoding,
            recipe=stage.recipe,
            start=stage.start,
            mixture=stage.mixture,
            seed=seed,
        )
        return TrainStep(
            key=keys.key,
            same=keys.same,
            task_batches=task_batches,
            encoding=encoding,
            recipe=stage.recipe,
            arm=arm,
            labels=max((len(task.labels(seed, budget)) for task in tasks), default=0),
            seed=seed,
            lengths=training_lengths(prompts),
            start=stage.start,
            after=after,
            mixture=stage.mixture,
        )

    def _task_batch(self, task: TaskRows, encoding: Encoding, budget: int | str, seed: int) -> TaskBatch:
        """Return the first labels of a task's pool, without those that prompts have as exemplars."""
        labels = task.labels(seed, budget)
        shown = self._shown(encoding, labels)
        rows = labels[len(shown.exemplars) :]
        return TaskBatch(task.task, rows, tuple(training_output(task.task, row, seed) for row in rows), shown)

    def _shown(self, encoding: Encoding, labels: Sequence[Instance]) -> InContextExamples:
        """Return the few-shot examples of prompts. Exemplars are labels like any other: they count in the budget."""
        demonstrations = self.rows.demonstrations(encoding.demonstrations) if encoding.demonstrations else ()
        return InContextExamples(tuple(labels[: encoding.exemplars]), demonstrations)

    def _evaluate(
        self, rows: TaskRows, stage: Stage, arm: str, budget: int | str, seed: int, after: tuple[ParentStep, ...]
    ) -> EvaluateStep | None:
        """Return the evaluation of a model on a task; None where there is neither a metric nor an option to rank."""
        options, task = self.spec.evaluate, rows.task
        encoding = options.prompt_encoding() or stage.prompt_encoding()
        metrics, option_scoring = self.selection.metrics(rows), self.selection.option_scoring(rows, encoding, seed)
        if not metrics and option_scoring is None:
            return None
        labels = rows.labels(seed, budget)
        shown = self._shown(encoding, labels)
        new_tokens = None if options.new_tokens == "auto" else options.new_tokens
        prompts = self._test_prompts(rows, encoding, shown, seed)
        recipe, typical = stage.recipe, rows.typical_outputs
        more: tuple[object, ...] = (
            (stage.heuristic, [row.outputs[0] for row in labels] if stage.heuristic else []),
            (recipe.max_length, recipe.too_long, recipe.cut, recipe.share_prefix, metrics, new_tokens, typical),
        )
        # Defaults are in no key, so that keys from before a setting existed stay the same.
        if option_scoring is not None:
            more = (*more, ("rank", _RANK_VERSION, option_scoring.options, option_scoring.ways))
        if options.decoding != GREEDY and not stage.heuristic:
            more = (*more, ("decoding", options.decoding, seed if options.decoding.samples else 0))
        keys = evaluate_keys(self.base, after, task.name, prompts, encoding, more)
        return EvaluateStep(
            key=keys.key,
            same=keys.same,
            task=task,
            instances=rows.rows.test,
            encoding=encoding,
            recipe=recipe,
            metrics=metrics,
            new_tokens=new_tokens,
            typical_outputs=typical,
            arm=arm,
            labels=len(labels),
            seed=seed,
            lengths=answer_lengths(prompts),
            after=after,
            shown=shown,
            heuristic=stage.heuristic,
            known=labels if stage.heuristic else (),
            option_scoring=option_scoring,
            decoding=options.decoding,
        )
