"""A study expanded into steps: what is to be trained and judged, each known by a key of all that decides its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import ProblemsError, UserError
from tuition.base.fingerprints import fingerprint
from tuition.base.seeds import named_random
from tuition.models.recipes import Recipe
from tuition.prompts.encode import answers, encode, training_output
from tuition.prompts.types import Encoding
from tuition.splits.budgets import TaskLabels, split_task
from tuition.studies.spec import STARTER, Stage, StudySpec
from tuition.tasks import Collection, Instance, Task
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

_TRAIN_VERSION = 1
"""Raised whenever training the same inputs would give other weights than before."""
_EVALUATE_VERSION = 1
_DECODE_COST, _LEARN_COST, _CHARACTERS_A_TOKEN = 2.0, 3.0, 4.0


@dataclass(frozen=True, slots=True)
class TrainStep:
    """Tune the model on some labels of one task. `outputs` are the targets, one an instance."""

    key: str
    task: Task
    instances: tuple[Instance, ...]
    outputs: tuple[str, ...]
    encoding: Encoding
    recipe: Recipe
    arm: str
    seed: int

    @property
    def labels(self) -> int:
        """How many labels are learnt."""
        return len(self.instances)

    @property
    def cost(self) -> float:
        """A rough estimate of the work, in tokens run forward."""
        prompts = [encode(self.task, row, self.encoding, output=out, seed=self.seed) for row, out in self.rows()]
        rows = sum(len(prompt.body) + len(prompt.target) for prompt in prompts) / len(prompts)
        batch = len(prompts[0].prefix) + min(self.recipe.batch_size, len(prompts)) * rows
        return _LEARN_COST * self.recipe.steps(self.labels) * batch / _CHARACTERS_A_TOKEN

    def rows(self) -> list[tuple[Instance, str]]:
        """The instances, each with the output to learn."""
        return list(zip(self.instances, self.outputs, strict=True))


@dataclass(frozen=True, slots=True)
class EvaluateStep:
    """Let a model (tuned by the step `trained`, or as it came) answer one task's test rows, and score the answers.

    `typical_outputs` are answers from outside the test set, from which an automatic answer limit is taken.
    """

    key: str
    task: Task
    instances: tuple[Instance, ...]
    encoding: Encoding
    recipe: Recipe
    metrics: tuple[str, ...]
    new_tokens: int | None
    typical_outputs: tuple[str, ...]
    arm: str
    labels: int
    seed: int
    trained: str | None

    @property
    def cost(self) -> float:
        """A rough estimate of the work, in tokens run forward."""
        told = sum(len(row.input) for row in self.instances) / _CHARACTERS_A_TOKEN
        longest = max((len(out) for out in self.typical_outputs), default=40) / _CHARACTERS_A_TOKEN
        # An untrained model runs to its limit; a trained one answers about as long as the references are.
        answer = 1.5 * longest + 4 if self.trained is None else longest
        return told + _DECODE_COST * len(self.instances) * answer


Step = TrainStep | EvaluateStep


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
        """Each step once: points that are the same by their keys (an untrained model under several seeds) are one."""
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
    collection = study_collection(spec)
    names = [collection.full_name(name) for name in spec.tasks.names] or list(collection.names)
    if len(set(names)) != len(names):
        raise UserError(f"{collection.path}: a task is named twice among {', '.join(names)}; name each once")
    tasks, divided = _divide(spec, collection, names)
    steps: list[Step] = []
    for task, rows in zip(tasks, divided, strict=True):
        for arm, stages in spec.arms.items():
            for seed in spec.seeds:
                steps += _curve(spec, task, rows, arm, stages[-1], seed, (model_identity, precision))
    return Plan(spec, model_identity, precision, tuple(steps), tasks)


def study_collection(spec: StudySpec) -> Collection:
    """Open the study's collection."""
    chosen = spec.tasks.collection
    return open_collection(STARTER_PATH if chosen == STARTER else Path(chosen).expanduser())


def _divide(
    spec: StudySpec, collection: Collection, names: Sequence[str]
) -> tuple[tuple[Task, ...], tuple[TaskLabels, ...]]:
    tasks, divided, refused = [], [], []
    for name in names:
        try:
            task = collection[name]
            rows = split_task(
                task,
                test=spec.judge.test,
                validation=spec.judge.validation,
                order=spec.tasks.order,
                labels=max(spec.labels),
            )
        except UserError as error:
            refused.append(error)
            continue
        tasks.append(task)
        divided.append(rows)
    if problems := [p for error in refused if isinstance(error, ProblemsError) for p in error.problems]:
        raise ProblemsError(problems)
    if refused:
        raise UserError("\n".join(str(error) for error in refused))
    return tuple(tasks), tuple(divided)


def _curve(
    spec: StudySpec, task: Task, rows: TaskLabels, arm: str, stage: Stage, seed: int, base: tuple[str, str]
) -> list[Step]:
    """Return the steps of one learning curve: for each budget a training step, where there is one, and its judging."""
    encoding = stage.told()
    pool = _drawn(rows, seed) if spec.tasks.order == "seeded" else rows
    steps: list[Step] = []
    for budget in spec.labels:
        trained = None
        if budget:
            trained = _train_step(task, pool.labels(budget), encoding, stage.recipe, arm, seed, base)
            steps.append(trained)
        steps.append(_evaluate_step(spec, task, rows, encoding, stage.recipe, arm, budget, seed, trained, base))
    return steps


def _drawn(rows: TaskLabels, seed: int) -> TaskLabels:
    """Return the same sets with the pool in the order in which `seed` draws labels."""
    pool = list(rows.pool)
    named_random("labels", rows.task, seed).shuffle(pool)
    return dataclasses.replace(rows, pool=tuple(pool))


def _train_step(
    task: Task,
    instances: tuple[Instance, ...],
    encoding: Encoding,
    recipe: Recipe,
    arm: str,
    seed: int,
    base: tuple[str, str],
) -> TrainStep:
    outputs = tuple(training_output(task, row, seed) for row in instances)
    prompts = [encode(task, row, encoding, output=out, seed=seed) for row, out in zip(instances, outputs, strict=True)]
    decides = ("train", _TRAIN_VERSION, base, prompts, encoding, dataclasses.asdict(recipe), seed)
    return TrainStep(fingerprint(decides), task, instances, outputs, encoding, recipe, arm, seed)


def _evaluate_step(
    spec: StudySpec,
    task: Task,
    rows: TaskLabels,
    encoding: Encoding,
    recipe: Recipe,
    arm: str,
    budget: int,
    seed: int,
    trained: TrainStep | None,
    base: tuple[str, str],
) -> EvaluateStep:
    typical = tuple(out for row in rows.validation for out in row.outputs)
    typical += tuple(example.output for example in task.positive_examples)
    new_tokens = None if spec.judge.new_tokens == "auto" else spec.judge.new_tokens
    prompts = [
        (encode(task, row, encoding, seed=seed), row.id, answers(task, row, encoding, seed=seed)[0])
        for row in rows.test
    ]
    decides = (
        ("evaluate", _EVALUATE_VERSION, base, trained.key if trained else None, prompts, encoding),
        (recipe.max_length, recipe.share_prefix, recipe.tuner, spec.judge.metrics, new_tokens, typical),
    )
    return EvaluateStep(
        key=fingerprint(decides),
        task=task,
        instances=rows.test,
        encoding=encoding,
        recipe=recipe,
        metrics=spec.judge.metrics,
        new_tokens=new_tokens,
        typical_outputs=typical,
        arm=arm,
        labels=budget,
        seed=seed,
        trained=trained.key if trained else None,
    )
