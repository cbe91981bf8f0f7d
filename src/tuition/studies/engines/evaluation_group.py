"""Evaluation steps at once on one base model: rows of many tasks and adapters in one batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from torch import nn

from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predict import Prediction
from tuition.evaluation.predict_many import Predicted, PredictRequest, predict_many
from tuition.models.adapters import AdapterBank, why_not
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
        self._requests: list[PredictRequest] = []
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
        rows = sum(request.rows for request in self._requests)
        work = sum(step_cost(one.prepared.step) for one in self._running.values())
        predict_many(
            self._worker.loaded,
            self._model,
            self._requests,
            bank=self._bank,
            predicted=self._predicted,
            advance=lambda done: self._advance(done * work / rows),
            noted=self._worker.say_on_cuda,
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

    def _predicted(self, number: int, result: Predicted) -> None:
        answering, place = self._owners[number]
        step = answering.prepared.step
        answering.results[place] = result
        if len(answering.results) < len(answering.requests):
            return
        del self._running[step.key]
        # The group's time is divided among its steps in the order in which they end.
        started = self._since
        try:
            answers, rankings = answering.read()
            summary = answering.prepared.keep(self._worker.store, answers, rankings, self._more, started)
        except Exception as error:
            report_failure(self._report, step, error)
        else:
            self._report.end(step, time.perf_counter() - started, summary)
        self._since = time.perf_counter()


@dataclass(slots=True)
class _Answering:
    """One step of a group: a request for its answers and the first pattern of its options, one for each other pattern.

    `results` are those so far, by the place of their request.
    """

    prepared: PreparedEvaluation
    slot: int | None
    requests: list[PredictRequest] = field(default_factory=list)
    results: dict[int, Predicted] = field(default_factory=dict)
    _positions: list[tuple[int, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        prepared, step = self.prepared, self.prepared.step
        options = [] if prepared.options is None else questions_by_target(prepared.options.rows, prepared.model)
        self._positions = [positions for positions, _ in options]
        for place, questions in enumerate([own for _, own in options] or [None]):
            answered = not place  # the answers are requested once
            self.requests.append(
                PredictRequest(
                    prepared.prompts if answered else (),
                    new_tokens=prepared.limit if answered else 0,
                    decoding=step.own_decoding,
                    questions=questions,
                    adapter=self.slot,
                    tokens=prepared.model.tokens,
                    share_prefix=step.recipe.share_prefix,
                )
            )

    def read(self) -> tuple[list[Prediction], list[Ranking]]:
        """Return the step's answers and rankings.

        Raises:
            Exception: what a request failed of.
        """
        results = [self.results[place] for place in range(len(self.requests))]
        for result in results:
            if result.error is not None:
                raise result.error
        rankings: dict[int, Ranking] = {}
        for positions, result in zip(self._positions, results, strict=False):
            rankings.update(zip(positions, result.rankings, strict=True))
        return results[0].predictions, [rankings[at] for at in sorted(rankings)]
