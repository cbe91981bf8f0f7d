"""One process at work: a base model, loaded once, on which steps of training and judging run one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError
from tuition.base.files import atomic_path
from tuition.evaluation.predict import predict
from tuition.evaluation.score import score_instances, summarise
from tuition.models.load import LoadedModel, load_causal
from tuition.models.tokens import PromptTokenizer
from tuition.models.tuners import TUNERS, Tuner
from tuition.prompts.encode import answers as answers_of
from tuition.prompts.encode import read_answer
from tuition.prompts.fit import Fitted, LengthPolicy, TooLong, fit, ledger
from tuition.studies.plan import EvaluateStep, TrainStep
from tuition.studies.results import PredictionRow
from tuition.studies.store import Store
from tuition.studies.told import require_told, write_told
from tuition.tasks import Instance
from tuition.training import train

if TYPE_CHECKING:
    from torch import nn

_MOST_NEW_TOKENS = 128
"""Tk-Instruct's limit of a target."""
Advance = Callable[[float], None]


class Worker:
    """Runs steps with one base model, which every step gives back as it was."""

    def __init__(self, model: str, precision: str, store: Store, say: Callable[[str], None]) -> None:
        """Nothing is loaded until the first step needs it."""
        self._name, self._precision, self._store, self._say = model, precision, store, say
        self._loaded: LoadedModel | None = None

    @property
    def loaded(self) -> LoadedModel:
        """The base model, loaded when first asked for."""
        if self._loaded is None:
            self._say(f"loading {self._name}")
            self._loaded = load_causal(self._name, precision=self._precision, say=self._say)
        return self._loaded

    def train(self, step: TrainStep, advance: Advance) -> str:
        """Tune on a step's labels and keep what was learnt; return a few words on it."""
        started = time.perf_counter()
        tokens = self._tokens(step)
        policy = self._policy(step, tokens.overhead, step.recipe.too_long)
        fitted = [self._fit(step, row, policy, out) for row, out in step.rows()]
        prompts = tokens([row.prompt for row in fitted if row.prompt is not None])
        if not prompts:
            raise UserError(
                f"every one of {len(fitted)} instances is longer than {policy.limit} tokens; raise max_length"
            )
        tuner: Tuner = TUNERS[step.recipe.tuner]()
        tuned = tuner.attach(self.loaded.model, step.seed)
        share = step.cost / (step.recipe.steps(step.labels) * min(step.recipe.batch_size, step.labels))
        try:
            log = train(tuned, prompts, step.recipe, seed=step.seed, advance=lambda done: advance(done * share))
            with atomic_path(self._store.adapter(step.key)) as folder:
                folder.mkdir()
                tuner.save(tuned, folder)
                write_told(folder, step.encoding)
        finally:
            tuner.detach(tuned)
        self._store.finish(
            step.key,
            kind="train",
            **_labelled(step),
            seconds=time.perf_counter() - started,
            details={"log": asdict(log), "fit": asdict(ledger(fitted)), "recipe": asdict(step.recipe)},
        )
        return f"loss {log.losses[0]:.2f} → {log.losses[-1]:.2f} in {log.steps} steps"

    def evaluate(self, step: EvaluateStep, advance: Advance) -> str:
        """Answer a step's test rows, score them, and keep both; return a few words on it."""
        started = time.perf_counter()
        tokens = self._tokens(step)
        limit = step.new_tokens or self._answer_limit(step)
        policy = self._policy(
            step, limit + tokens.overhead - 1, "raise" if step.recipe.too_long == "raise" else "shorten"
        )
        fitted = [self._fit(step, row, policy) for row in step.instances]
        prompts = tokens([row.prompt for row in fitted if row.prompt is not None])
        share = step.cost / len(step.instances)
        tuner: Tuner | None = TUNERS[step.recipe.tuner]() if step.trained else None
        module: nn.Module = self.loaded.model
        if tuner is not None and step.trained is not None:
            folder = self._store.adapter(step.trained)
            require_told(folder, step.encoding)
            module = tuner.load(module, folder)
        try:
            answers = predict(
                self.loaded,
                module,
                prompts,
                new_tokens=limit,
                tokens=tokens,
                share_prefix=step.recipe.share_prefix,
                advance=lambda done: advance(done * share),
            )
        finally:
            if tuner is not None:
                tuner.detach(module)
        texts = [read_answer(answer.text, step.encoding) for answer in answers]
        right = [answers_of(step.task, row, step.encoding, seed=step.seed)[0] for row in step.instances]
        scores = score_instances(texts, right, step.metrics)
        summary = summarise(scores, seed=0)
        self._store.write_predictions(step.key, _rows(step, texts, right, scores))
        details: dict[str, Any] = {
            "fit": asdict(ledger(fitted)),
            "new_tokens": limit,
            "ended": sum(answer.ended for answer in answers),
            "generated_tokens": sum(answer.tokens for answer in answers),
        }
        seconds = time.perf_counter() - started
        self._store.finish(
            step.key, kind="evaluate", **_labelled(step), seconds=seconds, details=details, scores=summary
        )
        return ", ".join(f"{score.metric} {score.value:.1f}" for score in summary)

    def _tokens(self, step: TrainStep | EvaluateStep) -> PromptTokenizer:
        return self.loaded.tokens.in_chat() if step.encoding.chat else self.loaded.tokens

    def _policy(self, step: TrainStep | EvaluateStep, room: int, too_long: TooLong) -> LengthPolicy:
        context = self.loaded.context
        most = min(step.recipe.max_length, context) if context else step.recipe.max_length
        return LengthPolicy(most, too_long, step.recipe.cut, room)

    def _fit(self, step: TrainStep | EvaluateStep, row: Instance, policy: LengthPolicy, output: str = "") -> Fitted:
        return fit(step.task, row, step.encoding, policy, self.loaded.tokens.count, output=output, seed=step.seed)

    def _answer_limit(self, step: EvaluateStep) -> int:
        """One and a half times the longest answer known from outside the test rows, and a little."""
        if not step.typical_outputs:
            return _MOST_NEW_TOKENS
        longest = max(len(ids) for ids in self.loaded.tokens.ids([f" {out}" for out in step.typical_outputs]))
        return min(_MOST_NEW_TOKENS, longest + longest // 2 + 4)


def _labelled(step: TrainStep | EvaluateStep) -> dict[str, Any]:
    return {"task": step.task.name, "arm": step.arm, "labels": step.labels, "seed": step.seed}


def _rows(
    step: EvaluateStep, texts: list[str], right: list[tuple[str, ...]], scores: dict[str, list[float]]
) -> list[PredictionRow]:
    return [
        PredictionRow(
            task=step.task.name,
            arm=step.arm,
            labels=step.labels,
            seed=step.seed,
            instance=row.id,
            input=row.input,
            prediction=text,
            references=references,
            scores={metric: values[at] for metric, values in scores.items()},
        )
        for at, (row, text, references) in enumerate(zip(step.instances, texts, right, strict=True))
    ]
