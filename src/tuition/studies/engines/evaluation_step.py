"""An evaluation step before and after a model answers: its prompts and options, and its stored record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tuition.evaluation.baselines import BASELINES
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predict import Prediction
from tuition.prompts.fit import Fitted, ledger
from tuition.studies.engines.option_scoring import PreparedOptions, prepare_options
from tuition.studies.engines.scoring import keep_scored
from tuition.studies.planning.steps import EvaluateStep
from tuition.studies.prompted_model import PromptedModel
from tuition.studies.storage.store import Store

if TYPE_CHECKING:
    from tuition.models.tokens import TokenizedPrompt

_MOST_NEW_TOKENS = 128
"""Tk-Instruct's limit of a target, in tokens."""


class PreparedEvaluation:
    """An evaluation step with its prompts fitted and tokenized, and its options, where any are ranked."""

    def __init__(self, step: EvaluateStep, model: PromptedModel) -> None:
        """Fit and tokenize the test rows.

        Raises:
            UserError: a prompt does not fit.
        """
        self.step, self.model = step, model
        self.limit = 0
        self.fitted: list[Fitted] = []
        self.prompts: list[TokenizedPrompt] = []
        if step.metrics:
            self.limit = step.new_tokens or _answer_limit(step, model)
            policy = model.answer_policy(self.limit)
            self.fitted = [model.fit(step.task, row, policy, shown=step.shown) for row in step.instances]
            self.prompts = model.tokenize(self.fitted)
        self.options: PreparedOptions | None = None
        if step.option_scoring is not None:
            self.options = prepare_options(step, step.option_scoring, model)

    def keep(
        self,
        store: Store,
        answers: Sequence[Prediction],
        rankings: Sequence[Ranking],
        more: Mapping[str, Any],
        started: float,
    ) -> str:
        """Score answers and rankings, store them with the step's record, and return a summary.

        Args:
            store: the study's store.
            answers: an answer to each prompt; empty where options are only ranked.
            rankings: the rankings of each row's options; empty where none are ranked.
            more: further details of the step's record.
            started: when the step started, by `time.perf_counter`.
        """
        step = self.step
        details: dict[str, Any] = {"encoding_mismatch": step.encoding_mismatch}
        texts = self.model.read(answers)
        if step.metrics:
            details |= {
                "fit": asdict(ledger(self.fitted)),
                "new_tokens": self.limit,
                "ended": sum(answer.ended for answer in answers),
                "generated_tokens": sum(answer.tokens for answer in answers),
            }
        if step.option_scoring is not None and self.options is not None:
            details = {"fit": self.options.details["fit"], **details, "rank": self.options.details}
            if not step.metrics:
                texts = [ranking.chosen(step.option_scoring.ways[0]) for ranking in rankings]
        return keep_scored(store, step, texts, rankings, details | dict(more), started)


def keep_baseline(store: Store, step: EvaluateStep) -> str:
    """Answer by a baseline that needs no model, score and store the answers, and return a summary."""
    started = time.perf_counter()
    answer = BASELINES[step.heuristic]
    texts = [answer(step.task, row, step.known) for row in step.instances]
    return keep_scored(store, step, texts, [], {"heuristic": step.heuristic}, started)


def _answer_limit(step: EvaluateStep, model: PromptedModel) -> int:
    """One and a half times the longest answer known from outside the test rows, and a little."""
    if not step.typical_outputs:
        return _MOST_NEW_TOKENS
    longest = max(len(ids) for ids in model.loaded.tokens.ids([f" {out}" for out in step.typical_outputs]))
    return min(_MOST_NEW_TOKENS, longest + longest // 2 + 4)
