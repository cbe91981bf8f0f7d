"""The steps of a plan: training on labels, and evaluation on test rows; each with the key of its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from tuition.base.seeds import derive_seed
from tuition.evaluation.options.rankings import rank_metric
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.recipes import Recipe, Start
from tuition.prompts.types import NO_EXAMPLES, Encoding, InContextExamples
from tuition.splits.mixtures import Mixture
from tuition.tasks import Instance, Task

OptionsFrom = Literal["task", "template", "training rows", "all rows"]
"""Where ranked options are from: a task or its template lists them, or they are a closed set found in its rows."""


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """A task's part of a training step: its labelled rows, each with the output to train on."""

    task: Task
    instances: tuple[Instance, ...]
    outputs: tuple[str, ...]
    shown: InContextExamples = NO_EXAMPLES

    def rows(self) -> list[tuple[Instance, str]]:
        """The instances, each with the output to train on."""
        return list(zip(self.instances, self.outputs, strict=True))


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long prompts are, in characters: their prefix, and what each row adds."""

    prefix: float
    row: float


@dataclass(frozen=True, slots=True)
class ParentStep:
    """A training step on which another step builds: its key, and how its weights are used.

    `same` is the key that it shares with steps that cannot differ from it. Where the weights of one of those are used
    instead of its own, `trained_by` is the encoding that was saved with them.
    """

    key: str
    tuner: str
    tuner_options: Mapping[str, Any]
    start: Start
    encoding: Encoding
    same: str = ""
    trained_by: Encoding | None = None


@dataclass(frozen=True, slots=True)
class TrainStep:
    """Tune a model on labels of one task or of several; `after` are the stages before, the first of them first.

    `labels` is the budget per task; `mixture` is how often each of several tasks is sampled, None for every row equally
    often. Steps with equal `same` cannot differ: they train on equal prompts, whatever their encodings are called.
    """

    kind: ClassVar[Literal["train"]] = "train"
    uses_model: ClassVar[bool] = True

    key: str
    same: str
    task_batches: tuple[TaskBatch, ...]
    encoding: Encoding
    recipe: Recipe
    arm: str
    labels: int
    seed: int
    lengths: Lengths
    start: Start = "auto"
    after: tuple[ParentStep, ...] = ()
    mixture: Mixture | None = None

    @property
    def title(self) -> str:
        """The task's name, or how many tasks there are."""
        return self.task_batches[0].task.name if len(self.task_batches) == 1 else f"{len(self.task_batches)} tasks"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are trained on."""
        return tuple(task_batch.task for task_batch in self.task_batches)

    @property
    def rows(self) -> int:
        """How many labelled rows are trained on."""
        return sum(len(task_batch.instances) for task_batch in self.task_batches)

    @property
    def earlier(self) -> ParentStep:
        """This step as later ones build on it."""
        recipe = self.recipe
        return ParentStep(self.key, recipe.tuner, recipe.tuner_options, self.start, self.encoding, self.same)

    @property
    def needs(self) -> tuple[str, ...]:
        """The keys of the steps that must be finished before."""
        return tuple(earlier.key for earlier in self.after)


@dataclass(frozen=True, slots=True)
class OptionScoring:
    """The options of each test row to rank (one tuple per row), the scoring rules, and where the options are from."""

    options: tuple[tuple[str, ...], ...]
    ways: tuple[str, ...]
    origin: OptionsFrom

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of its metrics."""
        return tuple(rank_metric(way) for way in self.ways)


@dataclass(frozen=True, slots=True)
class EvaluateStep:
    """Let a model (the last of `after`, or the base) answer one task's test rows, and score the answers.

    Without `metrics` no answer is generated and options are only ranked; `option_scoring` are the options, if any.

    `typical_outputs` are answers from outside the test set, from which an automatic answer limit is computed. Where a
    `heuristic` answers, no model does; `known` are the labels it uses. Steps with equal `same` cannot differ.
    """

    kind: ClassVar[Literal["evaluate"]] = "evaluate"

    key: str
    same: str
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
    lengths: Lengths
    after: tuple[ParentStep, ...] = ()
    shown: InContextExamples = NO_EXAMPLES
    heuristic: str = ""
    known: tuple[Instance, ...] = ()
    option_scoring: OptionScoring | None = None
    decoding: Decoding = GREEDY

    @property
    def title(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The task, as the only one of a tuple."""
        return (self.task,)

    @property
    def uses_model(self) -> bool:
        """Whether a model answers, and no heuristic."""
        return not self.heuristic

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The names of all metrics, those of ranked options last."""
        return (*self.metrics, *(self.option_scoring.metrics if self.option_scoring else ()))

    @property
    def own_decoding(self) -> Decoding:
        """The decoding, whose samples differ from task to task and from seed to seed."""
        if not self.decoding.samples:
            return self.decoding
        return replace(self.decoding, seed=derive_seed("decoding", self.decoding.seed, self.seed, self.task.name))

    @property
    def encoding_mismatch(self) -> bool:
        """Whether the model is prompted in another encoding than that of its last training."""
        return bool(self.after) and self.after[-1].encoding != self.encoding

    @property
    def trained(self) -> str | None:
        """The key of the training step whose model is evaluated; None for the base."""
        return self.after[-1].key if self.after else None

    @property
    def needs(self) -> tuple[str, ...]:
        """The keys of the steps that must be finished before."""
        return tuple(earlier.key for earlier in self.after)


Step = TrainStep | EvaluateStep
"""A step of either `kind`."""


def training_steps(steps: Iterable[Step]) -> list[TrainStep]:
    """Return the steps that train, in order."""
    return [step for step in steps if step.kind == "train"]


def evaluation_steps(steps: Iterable[Step]) -> list[EvaluateStep]:
    """Return the steps that evaluate, in order."""
    return [step for step in steps if step.kind == "evaluate"]
