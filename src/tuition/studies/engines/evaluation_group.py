"""Evaluation steps at once on one base model: rows of many tasks and adapters in one batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from torch import nn

from tuition.evaluation.options.rank import OptionQuestions
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predict import Prediction, end_tokens, read_answers
from tuition.models.adapters import AdapterBank, why_not
from tuition.models.answering.answer_many import answer_many
from tuition.models.answering.requests import Answered, AnswerRequest
from tuition.models.answering.support import lane_support
from tuition.models.model_pool import effective
from tuition.studies.engines.evaluation_step import PreparedEvaluation
from tuition.studies.engines.option_scoring import questions_by_target
from tuition.studies.engines.training_group import NotTogetherError, Report, report_failure
from tuition.studies.engines.worker import Worker
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.steps import EvaluateStep


def evaluate_group(worker: Worker, steps: Sequence[EvaluateStep], report: Report) -> None:
    """Answer and rank the test rows of a group's steps together; store each step when its last row is finished.

    Every step is reported as finished or failed, unless the run is interrupted.

    Raises:
        NotTogetherError: the model cannot answer for several adapters at once.
        UserError: the model that the adapters are on cannot be restored.
    """
    with worker.base_restored():
        chain = effective(worker.links(steps[0].after))
        if not chain:
            _require_lanes(worker.loaded.model, None)
            _GroupEvaluation(worker, report, worker.loaded.model, None, {}).run(steps)
            return
        last = chain[-1]
        model, _ = worker.pool.below(chain[:-1], last.tuner, last.start)
        if reason := why_not(model, last.tuner):
            raise NotTogetherError(reason)
        slots = {key: slot for slot, key in enumerate(dict.fromkeys(step.needs[-1] for step in steps))}
        with AdapterBank(model, last.tuner, len(slots)) as bank:
            _require_lanes(model, bank)
            _GroupEvaluation(worker, report, model, bank, slots).run(steps)


def _require_lanes(model: nn.Module, bank: AdapterBank | None) -> None:
    if reason := lane_support(model, bank).refused:
        raise NotTogetherError(reason)


class _GroupEvaluation:
    """Prepares the steps of a group, answers them together, and stores each as it ends."""

    def __init__(
        self, worker: Worker, report: Report, model: nn.Module, bank: AdapterBank | None, slots: Mapping[str, int]
    ) -> None:
        self._worker, self._report, self._model, self._bank, self._slots = worker, report, model, bank, slots
        self._requests: list[AnswerRequest] = []
        self._owners: list[tuple[_Answering, int]] = []
        self._running: dict[str, _Answering] = {}
        self._since = time.perf_counter()
        self._more: dict[str, object] = {}

    def run(self, steps: Sequence[EvaluateStep]) -> None:
        for step in steps:
            self._report.begin(step)
            try:
                self._add(step)
            except Exception as error:
                report_failure(self._report, step, error)
        if not self._running:
            return
        first = next(iter(self._running.values())).prepared
        with nullcontext() if self._bank is None else self._bank.bypassed():
            self._more = {"invariance": self._worker.invariance(first.step, first.model, self._model)}
        rows = sum(len(request.prompts) for request in self._requests)
        work = sum(step_cost(one.prepared.step) for one in self._running.values())
        answer_many(
            self._model,
            self._requests,
            bank=self._bank,
            answered=self._answered,
            advance=lambda done: self._advance(done * work / rows),
        )

    def _add(self, step: EvaluateStep) -> None:
        slot = None
        if self._bank is not None:
            slot = self._slots[step.needs[-1]]
            self._bank.load(slot, self._worker.links(step.after)[-1].folder)
        answering = _Answering(self._worker.prepare_evaluation(step), slot)
        self._running[step.key] = answering
        self._owners += [(answering, place) for place in range(len(answering.requests))]
        self._requests += answering.requests

    def _advance(self, work: float) -> None:
        """Divide progress among the running steps by their cost: rows of all of them are in one batch."""
        costs = {key: step_cost(one.prepared.step) for key, one in self._running.items()}
        for key, cost in costs.items():
            self._report.advance(self._running[key].prepared.step, work * cost / sum(costs.values()))

    def _answered(self, number: int, result: Answered) -> None:
        answering, place = self._owners[number]
        step = answering.prepared.step
        if step.key not in self._running:
            return  # another request of this step has failed
        answering.results[place] = result
        if result.error is None and len(answering.results) < len(answering.requests):
            return
        del self._running[step.key]
        # The group's time is divided among its steps in the order in which they end.
        started = self._since
        try:
            if result.error is not None:
                raise result.error
            answers, rankings = answering.read()
            summary = answering.prepared.keep(self._worker.store, answers, rankings, self._more, started)
        except Exception as error:
            report_failure(self._report, step, error)
        else:
            self._report.end(step, time.perf_counter() - started, summary)
        self._since = time.perf_counter()


@dataclass(slots=True)
class _Answering:
    """One step of a group: what is requested of the model for it, and the results so far by request."""

    prepared: PreparedEvaluation
    slot: int | None
    requests: list[AnswerRequest] = field(default_factory=list)
    results: dict[int, Answered] = field(default_factory=dict)
    _ranked: list[tuple[tuple[int, ...], OptionQuestions]] = field(default_factory=list)

    def __post_init__(self) -> None:
        step, model = self.prepared.step, self.prepared.model
        share = step.recipe.share_prefix
        if step.metrics:
            self.requests.append(
                AnswerRequest(
                    self.prepared.prompts,
                    end=end_tokens(model.loaded, model.tokens),
                    new_tokens=self.prepared.limit,
                    decoding=step.own_decoding,
                    decode=model.tokens.decode,
                    adapter=self.slot,
                    share_prefix=share,
                )
            )
        if self.prepared.options is None:
            return
        self._ranked = questions_by_target(self.prepared.options.rows, model)
        for _, own in self._ranked:
            for prompts, options in ((own.prompts, own.rows), (own.prior_prompts, own.prior_rows)):
                self.requests.append(
                    AnswerRequest(prompts, options=options, opening=own.opening, adapter=self.slot, share_prefix=share)
                )

    def read(self) -> tuple[list[Prediction], list[Ranking]]:
        """Return the step's answers and rankings."""
        step, model = self.prepared.step, self.prepared.model
        results = [self.results[place] for place in range(len(self.requests))]
        answers: list[Prediction] = []
        if step.metrics:
            answers = read_answers(results.pop(0).answers, model.tokens, step.own_decoding, self.prepared.limit)
        rankings: dict[int, Ranking] = {}
        for at, (positions, questions) in enumerate(self._ranked):
            found = questions.rankings(results[2 * at].options, results[2 * at + 1].options)
            rankings.update(zip(positions, found, strict=True))
        return answers, [rankings[at] for at in sorted(rankings)]
