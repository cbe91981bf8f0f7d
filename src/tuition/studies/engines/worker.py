"""One process at work: a base model, loaded once, on which steps of training and judging run one after another."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tuition.base.errors import UserError
from tuition.base.files import atomic_path
from tuition.evaluation.heuristics import HEURISTICS
from tuition.evaluation.predict import predict
from tuition.evaluation.score import score_instances, summarise
from tuition.models.load import LoadedModel, load_model
from tuition.models.tokens import PromptTokenizer
from tuition.models.tuners import make_tuner
from tuition.models.warm import Link, WarmModel
from tuition.prompts.encode import answers as answers_of
from tuition.prompts.encode import read_answer
from tuition.prompts.fit import Fitted, LengthPolicy, TooLong, fit, ledger
from tuition.prompts.types import Shown
from tuition.splits import epoch
from tuition.studies.results import PredictionRow
from tuition.studies.steps import Earlier, EvaluateStep, TrainStep
from tuition.studies.store import Store
from tuition.studies.told import require_told, write_told
from tuition.tasks import Instance, Task
from tuition.training import train
from tuition.training.checkpoints import Checkpoint

_MOST_NEW_TOKENS = 128
"""Tk-Instruct's limit of a target."""
Advance = Callable[[float], None]


class Worker:
    """Runs steps with one base model, which every step gives back as it was."""

    def __init__(self, model: str, precision: str, store: Store, say: Callable[[str], None]) -> None:
        """Nothing is loaded until the first step needs it."""
        self._name, self._precision, self._store, self._say = model, precision, store, say
        self._loaded: LoadedModel | None = None
        self._warm: WarmModel | None = None

    @property
    def loaded(self) -> LoadedModel:
        """The base model, loaded when first asked for."""
        if self._loaded is None:
            self._say(f"loading {self._name}")
            self._loaded = load_model(self._name, precision=self._precision, say=self._say)
        return self._loaded

    @property
    def warm(self) -> WarmModel:
        """The base model as what lends it to one step after another."""
        if self._warm is None:
            self._warm = WarmModel(self.loaded.model)
        return self._warm

    def train(self, step: TrainStep, advance: Advance) -> str:
        """Tune on a step's labels and keep what was learnt; return a few words on it."""
        started = time.perf_counter()
        recipe, tokens = step.recipe, self._tokens(step)
        policy = self._policy(step, tokens.overhead, recipe.too_long)
        fitted = [
            [self._fit(step, lesson.task, row, lesson.shown, policy, out) for row, out in lesson.rows()]
            for lesson in step.lessons
        ]
        kept = [[row.prompt for row in lesson if row.prompt is not None] for lesson in fitted]
        prompts = tokens([prompt for lesson in kept for prompt in lesson])
        if not prompts:
            raise UserError(f"all {step.rows} instances are longer than {policy.limit} tokens; raise max_length")
        mixed = _Mixed(step, [len(lesson) for lesson in kept])
        tuner = make_tuner(recipe.tuner, recipe.tuner_options)
        share = step.cost / (recipe.steps(step.rows) * min(recipe.batch_size, len(prompts)))
        checkpoint = Checkpoint(self._store.checkpoint(step.key))
        try:
            tuned = self.warm.learning(self._links(step.after), tuner, seed=step.seed, start=step.start)
            log = train(
                tuned,
                prompts,
                recipe,
                seed=step.seed,
                batches=mixed.batches(),
                checkpoint=checkpoint,
                advance=lambda done: advance(done * share),
            )
            with atomic_path(self._store.adapter(step.key)) as folder:
                folder.mkdir()
                tuner.save(tuned, folder)
                write_told(folder, step.encoding)
        finally:
            self.warm.reset()
        self._store.finish(
            step.key,
            kind="train",
            **_labelled(step),
            seconds=time.perf_counter() - started,
            details={
                "log": asdict(log),
                "fit": asdict(ledger(row for lesson in fitted for row in lesson)),
                "recipe": asdict(recipe),
                "after": [earlier.key for earlier in step.after],
                "rows": {lesson.task.name: len(rows) for lesson, rows in zip(step.lessons, kept, strict=True)},
                "mixture": mixed.realised,
            },
        )
        checkpoint.remove()
        return f"loss {log.losses[0]:.2f} → {log.losses[-1]:.2f} in {log.steps} steps"

    def evaluate(self, step: EvaluateStep, advance: Advance) -> str:
        """Answer a step's test rows, score them, and keep both; return a few words on it."""
        if step.heuristic:
            return self._guess(step)
        started = time.perf_counter()
        tokens = self._tokens(step)
        limit = step.new_tokens or self._answer_limit(step)
        too_long: TooLong = "raise" if step.recipe.too_long == "raise" else "shorten"
        policy = self._policy(step, limit + tokens.overhead - 1, too_long)
        fitted = [self._fit(step, step.task, row, step.shown, policy) for row in step.instances]
        prompts = tokens([row.prompt for row in fitted if row.prompt is not None])
        share = step.cost / len(step.instances)
        try:
            answers = predict(
                self.loaded,
                self.warm.answering(self._links(step.after)),
                prompts,
                new_tokens=limit,
                tokens=tokens,
                share_prefix=step.recipe.share_prefix,
                advance=lambda done: advance(done * share),
            )
        finally:
            self.warm.reset()
        texts = [read_answer(answer.text, step.encoding) for answer in answers]
        details: dict[str, Any] = {
            "fit": asdict(ledger(fitted)),
            "new_tokens": limit,
            "ended": sum(answer.ended for answer in answers),
            "generated_tokens": sum(answer.tokens for answer in answers),
            "asked_otherwise": bool(step.after) and step.after[-1].encoding != step.encoding,
        }
        return self._scored(step, texts, details, started)

    def _guess(self, step: EvaluateStep) -> str:
        """Answer by a heuristic, for which no model is loaded."""
        started = time.perf_counter()
        answer = HEURISTICS[step.heuristic]
        texts = [answer(step.task, row, step.known) for row in step.instances]
        return self._scored(step, texts, {"heuristic": step.heuristic}, started)

    def _scored(self, step: EvaluateStep, texts: list[str], details: dict[str, Any], started: float) -> str:
        """Score answers, keep them with their scores, and return a few words on these."""
        right = [answers_of(step.task, row, step.encoding, seed=step.seed)[0] for row in step.instances]
        scores = score_instances(texts, right, step.metrics)
        summary = summarise(scores, seed=0)
        self._store.write_predictions(step.key, _rows(step, texts, right, scores))
        seconds = time.perf_counter() - started
        self._store.finish(
            step.key, kind="evaluate", **_labelled(step), seconds=seconds, details=details, scores=summary
        )
        return ", ".join(f"{score.metric} {score.value:.1f}" for score in summary)

    def _links(self, after: Sequence[Earlier]) -> list[Link]:
        """Return the chain of finished stages, each checked to be told as the plan has it."""
        links = []
        for earlier in after:
            folder = self._store.adapter(earlier.key)
            require_told(folder, earlier.encoding)
            links.append(Link(make_tuner(earlier.tuner, earlier.tuner_options), folder, earlier.start))
        return links

    def _tokens(self, step: TrainStep | EvaluateStep) -> PromptTokenizer:
        return self.loaded.tokens.in_chat() if step.encoding.chat else self.loaded.tokens

    def _policy(self, step: TrainStep | EvaluateStep, room: int, too_long: TooLong) -> LengthPolicy:
        context = self.loaded.context
        most = min(step.recipe.max_length, context) if context else step.recipe.max_length
        return LengthPolicy(most, too_long, step.recipe.cut, room)

    def _fit(
        self,
        step: TrainStep | EvaluateStep,
        task: Task,
        row: Instance,
        shown: Shown,
        policy: LengthPolicy,
        output: str = "",
    ) -> Fitted:
        count = self.loaded.tokens.count
        return fit(task, row, step.encoding, policy, count, output=output, shown=shown, seed=step.seed)

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
        names = [lesson.task.name for lesson in self._step.lessons]
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


def _labelled(step: TrainStep | EvaluateStep) -> dict[str, Any]:
    return {"task": step.title, "arm": step.arm, "labels": step.labels, "seed": step.seed}


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
