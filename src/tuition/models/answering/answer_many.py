"""Answering many requests together: generation and ranking of rows of different tasks and adapters in one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import nn

from tuition.models.answering.collector import Collector
from tuition.models.answering.continuous import ContinuousBatch
from tuition.models.answering.lane_attention import lane_attention
from tuition.models.answering.lane_cache import LaneCache
from tuition.models.answering.lane_model import LaneModel, PassError, RowAdapters, soft_length
from tuition.models.answering.lane_plan import Row, Waiting
from tuition.models.answering.one_request import answer_alone
from tuition.models.answering.rank_together import Question, rank_together
from tuition.models.answering.requests import Answered, AnswerRequest, OnAnswered
from tuition.models.answering.room import MOST_ROWS, free_bytes, room, waves
from tuition.models.answering.rows import questions_of, rows_of, why_invalid
from tuition.models.answering.support import lane_support
from tuition.models.answering.token_choice import TokenChoice
from tuition.models.out_of_memory import free_memory, is_out_of_memory
from tuition.models.tree_attention import LogProbabilities, vocabulary

_log = logging.getLogger(__name__)
_ROWS_ALONE = 32
"""Rows at once of a request that is answered alone."""


class Bank(RowAdapters, Protocol):
    """Adapters on one base, as `models.adapters.AdapterBank` has them."""

    @property
    def slots(self) -> int:
        """How many adapters there may be."""

    def bypassed(self) -> AbstractContextManager[None]:
        """Let the base alone run meanwhile."""


@torch.inference_mode()
def answer_many(
    model: nn.Module,
    requests: Sequence[AnswerRequest],
    *,
    bank: Bank | None = None,
    rows: int | None = None,
    answered: OnAnswered = lambda number, result: None,
    advance: Callable[[float], None] = lambda done: None,
    noted: Callable[[str], None] = _log.info,
) -> list[Answered]:
    """Answer requests, whose rows share batches whatever their tasks and adapters; return the results in their order.

    Each answer is what the request alone would give (in fp32 the same tokens; in bfloat16 near ties may differ, as
    between any two batch sizes). Each prefix is run once for each adapter, and stored once for the rows that follow it.
    A row that ends gives its slot to one that waits. A request that fails does not change the others.

    Args:
        model: a language model; the one that `bank` wraps, where there is one.
        requests: what to answer; requests that come first are finished first, as far as lengths allow.
        bank: the adapters that requests name.
        rows: the most rows at once; chosen from memory by default, and halved where memory does not suffice.
        answered: is given each request's number and result when it is finished; what it raises is raised here.
        advance: is called with the rows finished since the last call; ranking a row and answering it count half
            each where a request has both.
        noted: is called with a line, for the run's record, on how each cache was used: its size, and whether steps ran
            as CUDA graphs or why not.

    Raises:
        ValueError: `rows` is less than 1.
    """
    if rows is not None and rows < 1:
        raise ValueError(f"{rows} rows at once; give 1 at least")
    collector = Collector(requests, answered, advance)
    run = _Run(model, requests, bank, collector, rows=rows, noted=noted)
    was_training = model.training
    model.eval()
    try:
        run.all()
    finally:
        model.train(was_training)
    return collector.results


class _Run:
    """One call of `answer_many`."""

    def __init__(
        self,
        model: nn.Module,
        requests: Sequence[AnswerRequest],
        bank: Bank | None,
        collector: Collector,
        *,
        rows: int | None,
        noted: Callable[[str], None],
    ) -> None:
        self.model, self.requests, self.bank, self.collector, self.noted = model, requests, bank, collector, noted
        self.device = next(model.parameters()).device
        self.most = rows or MOST_ROWS.get(self.device.type, MOST_ROWS["cpu"])
        self.halved = 0
        self._crowded = False

    def all(self) -> None:
        """Answer together what can be: all requests of the base, then all of adapters; then the others one by one."""
        self._refuse_invalid()
        self.collector.close_finished()
        left = self.collector.open(range(len(self.requests)))
        alone = {number: reason for number in left if (reason := self._why_alone(self.requests[number]))}
        for of_base in (True, False):
            together = {
                number: self.requests[number]
                for number in left
                if number not in alone and (self.requests[number].adapter is None) == of_base
            }
            if together:
                alone |= self._together(together, None if of_base else self.bank)
        for number in sorted(alone):
            self._alone(number, alone[number])

    def _refuse_invalid(self) -> None:
        for number, request in enumerate(self.requests):
            if reason := why_invalid(request, None if self.bank is None else self.bank.slots):
                self.collector.fail(number, ValueError(reason))

    def _why_alone(self, request: AnswerRequest) -> str:
        if request.new_tokens and request.decoding.beams > 1:
            return "beams are searched request by request"
        return lane_support(self.model, self.bank).refused

    def _together(self, requests: Mapping[int, AnswerRequest], bank: Bank | None) -> dict[int, str]:
        """Rank and generate; return the requests that are left because a pass failed, and why it did."""
        base = self.bank.bypassed() if bank is None and self.bank is not None else nullcontext()
        try:
            with lane_attention(self.model), base:
                self._rank(questions_of(requests), bank)
                self._generate(requests, bank)
        except PassError as error:
            # One request may be at fault (a sequence that is too long, say): alone, it fails alone.
            _log.warning("requests are answered one after another, since a pass over all failed: %s", error)
            return dict.fromkeys(self.collector.open(requests), f"a pass over all requests failed: {error}")
        return {}

    def _rank(self, questions: Sequence[Question], bank: Bank | None) -> None:
        left = {(one.request, one.position): one for one in questions}

        def ranked(question: Question, found: LogProbabilities) -> None:
            del left[question.request, question.position]
            self.collector.rank(question.request, question.position, found)

        while left:
            self._recover()
            try:
                rank_together(
                    self.model,
                    list(left.values()),
                    adapters=bank,
                    most=self.most,
                    free=self._free(),
                    column_bytes=lane_support(self.model).column_bytes,
                    ranked=ranked,
                )
            except (RuntimeError, MemoryError) as error:
                self._halve(error, self.most)

    def _generate(self, requests: Mapping[int, AnswerRequest], bank: Bank | None) -> None:
        choice = TokenChoice(requests)
        left = rows_of(requests)
        while left:
            self._recover()
            sizes: dict[str, Any] = {
                "most": self.most,
                "soft": soft_length(bank),
                "column_bytes": lane_support(self.model).column_bytes,
                "logits": vocabulary(self.model),
                "free": self._free(),
            }
            wave, *later = waves(left, **sizes)
            made = room(wave, **sizes)
            cache = LaneCache(made.lanes, made.slots, prefix=made.prefix, columns=made.columns, device=self.device)
            lanes = LaneModel(self.model, cache, bank)
            batch = ContinuousBatch(lanes, choice, Waiting(wave), self._finished, self.collector.fail)
            try:
                batch.run()
            except (RuntimeError, MemoryError) as error:
                self._halve(error, made.lanes * made.slots)
            again = [*batch.unfinished(), *(row for rows in later for row in rows)]
            opened = set(self.collector.open(requests))
            left = [row for row in again if row.request in opened]
            self.noted(f"answered {len(wave)} rows, up to {made.lanes * made.slots} at once; {lanes.summary()}")
            del cache, lanes, batch

    def _finished(self, row: Row) -> None:
        self.collector.answer(row.request, row.position, row.answer)

    def _free(self) -> int:
        return free_bytes(self.device) >> self.halved

    def _recover(self) -> None:
        """After memory did not suffice, give back what the failed passes had, which is no longer referred to here."""
        if self._crowded:
            free_memory()
            self._crowded = False

    def _halve(self, error: Exception, rows: int) -> None:
        """Go on with half the rows where memory did not suffice.

        Raises:
            PassError: a single row does not fit, or a pass failed otherwise.
            Exception: something else than a pass failed.
        """
        cause = error.__cause__ if isinstance(error, PassError) and error.__cause__ is not None else error
        if not is_out_of_memory(cause):
            raise error
        if rows == 1:
            raise PassError(f"a single row does not fit into memory ({cause})") from cause
        self.halved += 1
        self._crowded = True
        self.most = max(min(self.most, rows) // 2, 1)
        self.noted(f"memory does not suffice for {rows} rows at once; continuing with {self.most}")

    def _alone(self, number: int, reason: str) -> None:
        request = self.requests[number]
        try:
            with self._owner(request):
                result = answer_alone(self.model, request, batch_size=min(self.most, _ROWS_ALONE), reason=reason)
        except Exception as error:
            self.collector.fail(number, error)
        else:
            self.collector.whole(number, result)

    def _owner(self, request: AnswerRequest) -> AbstractContextManager[None]:
        if self.bank is None:
            return nullcontext()
        if request.adapter is None:
            return self.bank.bypassed()
        if self.bank.soft:
            raise ValueError("soft prompts in a bank answer only together; load this one into the model itself")
        return self.bank.rows([request.adapter])
