"""One process at work: a base model, loaded once, on which steps of training and judging run one after another."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError
from tuition.base.files import atomic_path
from tuition.evaluation.baselines import BASELINES
from tuition.evaluation.options.rankings import Ranking
from tuition.models.load import LoadedModel, load_model
from tuition.models.model_pool import Link, ModelPool
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.prompts.fit import Fitted, TooLong, ledger
from tuition.splits import epoch
from tuition.studies.engines.distributed_answers import answer_in_parts
from tuition.studies.engines.option_scoring import score_options, self_test
from tuition.studies.engines.scoring import keep_scored, labelled
from tuition.studies.export.adapter_encoding import require_encoding, write_encoding
from tuition.studies.planning.estimate import generation_cost, option_scoring_cost, step_cost
from tuition.studies.planning.steps import EvaluateStep, ParentStep, Step, TrainStep
from tuition.studies.prompted_model import PromptedModel
from tuition.studies.storage.store import Store
from tuition.training import train
from tuition.training.checkpoints import Checkpoint
from tuition.training.distributed import ALONE, Group

if TYPE_CHECKING:
    from torch import nn

_MOST_NEW_TOKENS = 128
"""Tk-Instruct's limit of a target."""
Advance = Callable[[float], None]


class Worker:
    """Runs steps with one base model, which every step gives back as it was.

    Of several processes, each runs its part of a step in a worker of its own; the first one's keeps the results.
    """

    def __init__(
        self, model: str, precision: str, store: Store, say: Callable[[str], None], group: Group = ALONE
    ) -> None:
        """Nothing is loaded until the first step needs it."""
        self._name, self._precision, self._store, self._say = model, precision, store, say
        self._group = group
        self._compared = self._tested = False
        self._invariance: dict[str, Any] | None = None
        self._loaded: LoadedModel | None = None
        self._warm: ModelPool | None = None

    @property
    def loaded(self) -> LoadedModel:
        """The base model, loaded when first asked for."""
        if self._loaded is None:
            self._say(f"loading {self._name}")
            gc.collect()  # a model that was divided among processes is in the way of the new one
            self._loaded = load_model(self._name, precision=self._precision, say=self._say)
        return self._loaded

    @property
    def warm(self) -> ModelPool:
        """The base model as what lends it to one step after another."""
        if self._warm is None:
            self._warm = ModelPool(self.loaded.model)
        return self._warm

    def run(self, step: Step, advance: Advance) -> str:
        """Run a step and keep its result; return a few words on it."""
        return self.train(step, advance) if step.kind == "train" else self.evaluate(step, advance)

    def train(self, step: TrainStep, advance: Advance) -> str:
        """Tune on a step's labels and keep what was learnt; return a few words on it."""
        started = time.perf_counter()
        self._compare()
        recipe = step.recipe
        fitted, prompts = self._learnt(step)
        kept = [sum(row.prompt is not None for row in own) for own in fitted]
        mixed = _Mixed(step, kept)
        tuner = make_tuner(recipe.tuner, recipe.tuner_options)
        share = step_cost(step) / (recipe.steps(step.rows) * min(recipe.batch_size, len(prompts)))
        checkpoint = Checkpoint(self._store.checkpoint(step.key), writes=self._group.first)
        try:
            tuned = self.warm.learning(self._links(step.after), tuner, seed=step.seed, start=step.start)
            if self._group.sharding is not None:
                self._let_go()
            log = train(
                tuned,
                prompts,
                recipe,
                seed=step.seed,
                batches=mixed.batches(),
                checkpoint=checkpoint,
                advance=lambda done: advance(done * share),
                group=self._group,
            )
            if not self._group.first:
                return ""
            with atomic_path(self._store.adapter(step.key)) as folder:
                folder.mkdir()
                tuner.save(tuned, folder)
                write_encoding(folder, step.encoding)
        finally:
            if self._group.sharding is None:
                self.warm.reset()
            else:
                self._let_go()
        self._store.finish(
            step.key,
            kind=step.kind,
            **labelled(step),
            seconds=time.perf_counter() - started,
            details={
                "log": asdict(log),
                "fit": asdict(ledger(row for own in fitted for row in own)),
                "recipe": asdict(recipe),
                "after": [earlier.key for earlier in step.after],
                "rows": {own.task.name: rows for own, rows in zip(step.task_batches, kept, strict=True)},
                "mixture": mixed.realised,
            },
        )
        checkpoint.remove()
        return f"loss {log.losses[0]:.2f} → {log.losses[-1]:.2f} in {log.steps} steps"

    def _learnt(self, step: TrainStep) -> tuple[list[list[Fitted]], list[TokenizedPrompt]]:
        """Return each task's rows as they were made to fit, and the tokens of those that do.

        Raises:
            UserError: no row fits.
        """
        model = self._prompted(step, step.recipe.too_long)
        policy = model.training_policy()
        fitted = [
            [model.fit(own.task, row, policy, shown=own.shown, output=out) for row, out in own.rows()]
            for own in step.task_batches
        ]
        prompts = model.tokenize(row for own in fitted for row in own)
        if not prompts:
            raise UserError(f"all {step.rows} instances are longer than {policy.limit} tokens; raise max_length")
        return fitted, prompts

    def evaluate(self, step: EvaluateStep, advance: Advance) -> str:
        """Answer a step's test rows, rank their options, score and keep both; return a few words on it."""
        if step.heuristic:
            return self._guess(step)
        started = time.perf_counter()
        self._compare()
        model = self._prompted(step, "raise" if step.recipe.too_long == "raise" else "shorten")
        details: dict[str, Any] = {
            "encoding_mismatch": step.encoding_mismatch,
        }
        texts: list[str] = []
        rankings: list[Ranking] = []
        try:
            tuned = self.warm.answering(self._links(step.after))
            if self._group.first and not self._tested:
                self._say("checking, once, whether the shape of a batch changes what this model answers")
                self._tested, self._invariance = True, self_test(step, model, tuned)
            if step.metrics:
                texts, told = self._written(step, model, tuned, advance)
                details |= told
            if step.option_scoring is not None:
                share = option_scoring_cost(step) / len(step.instances)
                rankings, told = score_options(
                    step, step.option_scoring, model, tuned, self._group, lambda done: advance(done * share)
                )
                details = {"fit": told["fit"], **details, "rank": told}
        finally:
            self.warm.reset()
        if not self._group.first:
            return ""
        details["invariance"] = self._invariance
        if step.option_scoring is not None and not step.metrics:
            texts = [ranking.chosen(step.option_scoring.ways[0]) for ranking in rankings]
        return keep_scored(self._store, step, texts, rankings, details, started)

    def _written(
        self, step: EvaluateStep, model: PromptedModel, tuned: nn.Module, advance: Advance
    ) -> tuple[list[str], dict[str, Any]]:
        """Return the model's answers to a step's test rows, and what the store keeps on them."""
        limit = step.new_tokens or self._answer_limit(step)
        policy = model.answer_policy(limit)
        fitted = [model.fit(step.task, row, policy, shown=step.shown) for row in step.instances]
        prompts = model.tokenize(fitted)
        share = generation_cost(step) / len(step.instances)
        answers = answer_in_parts(
            self._group,
            prompts,
            lambda part: model.answer(
                tuned,
                part,
                new_tokens=limit,
                decoding=step.own_decoding,
                share_prefix=step.recipe.share_prefix,
                advance=lambda done: advance(done * share * (1 if step.decoding.samples else self._group.size)),
            ),
            drawn=step.decoding.samples,
        )
        details: dict[str, Any] = {
            "fit": asdict(ledger(fitted)),
            "new_tokens": limit,
            "ended": sum(answer.ended for answer in answers),
            "generated_tokens": sum(answer.tokens for answer in answers),
        }
        return model.read(answers), details

    def _guess(self, step: EvaluateStep) -> str:
        """Answer by a heuristic, for which no model is loaded."""
        started = time.perf_counter()
        answer = BASELINES[step.heuristic]
        texts = [answer(step.task, row, step.known) for row in step.instances]
        return keep_scored(self._store, step, texts, [], {"heuristic": step.heuristic}, started)

    def _compare(self) -> None:
        """Assert, once, that all processes have loaded the same base."""
        if not self._compared and self._group.size > 1:
            self._group.same("the base model's weights", self.loaded.model.state_dict().values())
        self._compared = True

    def _let_go(self) -> None:
        """Forget a base that cannot be put back, because it is divided among processes; the next step loads it anew."""
        self._loaded = self._warm = None

    def _links(self, after: Sequence[ParentStep]) -> list[Link]:
        """Return the chain of finished stages, each checked to be told as the plan has it."""
        links = []
        for earlier in after:
            folder = self._store.adapter(earlier.key)
            if self._group.first:
                self._store.require_whole(earlier.key)
            require_encoding(folder, earlier.trained_by or earlier.encoding)
            links.append(Link(make_tuner(earlier.tuner, earlier.tuner_options), folder, earlier.start))
        return links

    def _prompted(self, step: Step, too_long: TooLong) -> PromptedModel:
        recipe = step.recipe
        return PromptedModel(
            self.loaded,
            step.encoding,
            max_length=recipe.max_length,
            too_long=too_long,
            truncated_end=recipe.cut,
            seed=step.seed,
        )

    def _answer_limit(self, step: EvaluateStep) -> int:
        """One and a half times the longest answer known from outside the test rows, and a little."""
        if not step.typical_outputs:
            return _MOST_NEW_TOKENS
        longest = max(len(ids) for ids in self.loaded.tokens.ids([f" {out}" for out in step.typical_outputs]))
        return min(_MOST_NEW_TOKENS, longest + longest // 2 + 4)


class _Mixed:
    """The order in which a mixture draws the rows of several tasks, and what became of it."""

    def __init__(self, step: TrainStep, sizes: Sequence[int]) -> None:
        self.realised: dict[str, Any] | None = None
        self._step, self._sizes = step, sizes
        self._starts = [sum(sizes[:at]) for at in range(len(sizes))]

    def batches(self) -> Iterator[list[int]] | None:
        """Return positions in the flat list of all tasks' rows, a list a step; None where every row counts alike."""
        if self._step.mixture is None:
            return None
        names = [task_batch.task.name for task_batch in self._step.task_batches]
        first = epoch(self._step.mixture, self._sizes, self._step.seed, names=names)
        self.realised = dataclasses.asdict(first.realised)
        return self._drawn(names)

    def _drawn(self, names: Sequence[str]) -> Iterator[list[int]]:
        step = self._step
        turn = 0
        while True:
            made = epoch(step.mixture, self._sizes, step.seed + turn, names=names)  # type: ignore[arg-type]
            order = [self._starts[task] + row for task, row in made.order]
            size = step.recipe.batch_size
            yield from (order[at : at + size] for at in range(0, len(order), size))
            turn += 1
