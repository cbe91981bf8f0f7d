"""A process that runs steps: a base model, loaded once, on which one training or evaluation step runs at a time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predict import Prediction
from tuition.models.load import LoadedModel, load_model
from tuition.models.model_pool import Link, ModelPool
from tuition.models.tuners import make_tuner
from tuition.studies.engines.distributed_answers import answer_in_parts
from tuition.studies.engines.evaluation_step import PreparedEvaluation, keep_baseline
from tuition.studies.engines.option_scoring import score_options, self_test
from tuition.studies.engines.training_step import PreparedTraining
from tuition.studies.export.adapter_encoding import require_encoding
from tuition.studies.planning.estimate import generation_cost, option_scoring_cost
from tuition.studies.planning.steps import EvaluateStep, ParentStep, Step, TrainStep
from tuition.studies.prompted_model import PromptedModel
from tuition.studies.storage.store import Store
from tuition.training import train
from tuition.training.checkpoints import Checkpoint
from tuition.training.distributed import ALONE, Group

if TYPE_CHECKING:
    from torch import nn

Advance = Callable[[float], None]


class Worker:
    """Runs steps with one base model, which is the same after every step.

    Of several processes, each runs its part of a step in a worker of its own; the first one's stores the results.
    """

    def __init__(
        self, model: str, precision: str, store: Store, say: Callable[[str], None], group: Group = ALONE
    ) -> None:
        """Nothing is loaded until the first step needs it."""
        self._name, self._precision = model, precision
        self.store, self.say = store, say
        self._group = group
        self._compared = self._tested = False
        self._invariance: dict[str, Any] | None = None
        self._loaded: LoadedModel | None = None
        self._pool: ModelPool | None = None

    @property
    def loaded(self) -> LoadedModel:
        """The base model, loaded when it is first needed."""
        if self._loaded is None:
            self.say(f"loading {self._name}")
            gc.collect()  # a model that was sharded among processes is in the way of the new one
            self._loaded = load_model(self._name, precision=self._precision, say=self.say)
        return self._loaded

    @property
    def pool(self) -> ModelPool:
        """The base model, lent to one step after another."""
        if self._pool is None:
            self._pool = ModelPool(self.loaded.model)
        return self._pool

    def say_on_cuda(self, line: str) -> None:
        """Print how steps were launched where that could differ: no other device has graphs to capture."""
        if self.loaded.device.type == "cuda":
            self.say(line)

    def run(self, step: Step, advance: Advance) -> str:
        """Run a step and store its result; return a summary of a few words."""
        return self.train(step, advance) if step.kind == "train" else self.evaluate(step, advance)

    def train(self, step: TrainStep, advance: Advance) -> str:
        """Tune on a step's labels and store the trained weights; return a summary of a few words."""
        started = time.perf_counter()
        self._compare()
        recipe = step.recipe
        prepared = self.prepare_training(step)
        tuner = make_tuner(recipe.tuner, recipe.tuner_options)
        share = prepared.instance_cost
        checkpoint = Checkpoint(self.store.checkpoint(step.key), writes=self._group.first)
        with self.base_restored():
            tuned = self.pool.learning(self.links(step.after), tuner, seed=step.seed, start=step.start)
            if self._group.sharding is not None:
                self._unload()
            log = train(
                tuned,
                prepared.prompts,
                recipe,
                seed=step.seed,
                batches=prepared.mixed.batches(),
                checkpoint=checkpoint,
                advance=lambda done: advance(done * share),
                group=self._group,
            )
            if not self._group.first:
                return ""
            summary = prepared.keep(
                self.store, log, lambda folder: tuner.save(tuned, folder), time.perf_counter() - started
            )
        checkpoint.remove()
        return summary

    def evaluate(self, step: EvaluateStep, advance: Advance) -> str:
        """Answer a step's test rows, rank their options, score and store both; return a summary of a few words."""
        if step.heuristic:
            return keep_baseline(self.store, step)
        started = time.perf_counter()
        self._compare()
        prepared = self.prepare_evaluation(step)
        answers: list[Prediction] = []
        rankings: list[Ranking] = []
        with self.base_restored():
            tuned = self.pool.answering(self.links(step.after))
            invariance = self.invariance(step, prepared.model, tuned)
            if step.metrics:
                answers = self._answers(prepared, tuned, advance)
            if prepared.options is not None:
                share = option_scoring_cost(step) / len(step.instances)
                rankings = score_options(
                    step, prepared.options, prepared.model, tuned, self._group, lambda done: advance(done * share)
                )
        if not self._group.first:
            return ""
        return prepared.keep(self.store, answers, rankings, {"invariance": invariance}, started)

    @contextmanager
    def base_restored(self) -> Iterator[None]:
        """Restore the base after a step; one that cannot be restored is loaded again for the next step.

        After an interrupt nothing is restored: it may have come while layers were replaced, and the run ends.
        """
        try:
            yield
        except Exception:
            with suppress(RuntimeError):  # the step's own error is the one to report
                self._restore()
            raise
        self._restore()

    def _restore(self) -> None:
        if self._group.sharding is not None:
            self._unload()
            return
        try:
            self.pool.reset()
        except RuntimeError:
            self._unload()
            raise

    def prepare_training(self, step: TrainStep) -> PreparedTraining:
        """Return a training step with its prompts.

        Raises:
            UserError: no row fits.
        """
        return PreparedTraining(step, self._prompted(step))

    def prepare_evaluation(self, step: EvaluateStep) -> PreparedEvaluation:
        """Return an evaluation step with its prompts.

        Raises:
            UserError: a prompt does not fit.
        """
        return PreparedEvaluation(step, self._prompted(step))

    def invariance(self, step: EvaluateStep, model: PromptedModel, tuned: nn.Module) -> dict[str, Any] | None:
        """Return what the shape of a batch changes in the model's answers; tested once, on the first step's rows."""
        if self._group.first and not self._tested:
            self.say("checking, once, whether the shape of a batch changes what this model answers")
            self._tested, self._invariance = True, self_test(step, model, tuned)
        return self._invariance

    def links(self, after: Sequence[ParentStep]) -> list[Link]:
        """Return the chain of finished stages, each checked to be prompted as the plan has it."""
        links = []
        for earlier in after:
            folder = self.store.adapter(earlier.key)
            if self._group.first:
                self.store.require_whole(earlier.key)
            require_encoding(folder, earlier.trained_by or earlier.encoding)
            links.append(Link(make_tuner(earlier.tuner, earlier.tuner_options), folder, earlier.start))
        return links

    def _answers(self, prepared: PreparedEvaluation, tuned: nn.Module, advance: Advance) -> list[Prediction]:
        step = prepared.step
        # Where rows are divided among processes, each reports its part; sampled answers are not divided.
        share = generation_cost(step) / len(step.instances) * (1 if step.decoding.samples else self._group.size)
        return answer_in_parts(
            self._group,
            prepared.prompts,
            lambda part: prepared.model.answer(
                tuned,
                part,
                new_tokens=prepared.limit,
                decoding=step.own_decoding,
                share_prefix=step.recipe.share_prefix,
                advance=lambda done: advance(done * share),
            ),
            drawn=step.decoding.samples,
        )

    def _compare(self) -> None:
        """Assert, once, that all processes have loaded the same base."""
        if not self._compared and self._group.size > 1:
            self._group.same("the base model's weights", self.loaded.model.state_dict().values())
        self._compared = True

    def _unload(self) -> None:
        """Forget a base that is sharded among processes and cannot be restored; the next step loads it again."""
        self._loaded = self._pool = None

    def _prompted(self, step: Step) -> PromptedModel:
        recipe = step.recipe
        # Every test row is evaluated, so that one which training would leave out is shortened.
        shortened = step.kind == "evaluate" and recipe.too_long != "raise"
        return PromptedModel(
            self.loaded,
            step.encoding,
            max_length=recipe.max_length,
            too_long="shorten" if shortened else recipe.too_long,
            truncated_end=recipe.cut,
            seed=step.seed,
        )
