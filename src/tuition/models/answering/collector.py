"""The results of requests as their rows are finished, in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tuition.models.answering.requests import Answered, AnswerRequest, OnAnswered
from tuition.models.tree_attention import LogProbabilities


class Collector:
    """Keeps what each row gave, and reports each request once: when all of its rows are finished, or when it fails."""

    def __init__(
        self, requests: Sequence[AnswerRequest], answered: OnAnswered, advance: Callable[[float], None]
    ) -> None:
        """`answered` is given each result, `advance` the rows finished, of which answer and ranking are half each."""
        self._requests, self._answered, self._advance = requests, answered, advance
        self.results = [_empty(request) for request in requests]
        self._to_answer = [len(request.prompts) * (request.new_tokens > 0) for request in requests]
        self._to_rank = [sum(map(bool, request.options)) for request in requests]
        self._counted = [0.0] * len(requests)
        self._closed = [False] * len(requests)

    def open(self, numbers: Iterable[int]) -> list[int]:
        """Return those of these requests that are not finished."""
        return [number for number in numbers if not self._closed[number]]

    def close_finished(self) -> None:
        """Report the requests that ask for nothing."""
        for number in range(len(self._requests)):
            self._close_if_done(number)

    def answer(self, number: int, position: int, answer: Sequence[int]) -> None:
        """Keep a row's answer."""
        self.results[number].answers[position] = tuple(answer)
        self._to_answer[number] -= 1
        self._part(number)

    def rank(self, number: int, position: int, found: LogProbabilities) -> None:
        """Keep a row's log-probabilities of its options."""
        self.results[number].options[position] = found
        self._to_rank[number] -= 1
        self._part(number)

    def fail(self, number: int, error: Exception) -> None:
        """Finish a request that failed."""
        self.results[number] = Answered(error=error)
        self._close(number)

    def whole(self, number: int, result: Answered) -> None:
        """Finish a request that was answered alone."""
        self.results[number] = result
        self._close(number)

    def _part(self, number: int) -> None:
        request = self._requests[number]
        kinds = (request.new_tokens > 0) + any(request.options)
        self._count(number, 1 / kinds)
        self._close_if_done(number)

    def _count(self, number: int, rows: float) -> None:
        self._counted[number] += rows
        self._advance(rows)

    def _close_if_done(self, number: int) -> None:
        if not self._closed[number] and not self._to_answer[number] and not self._to_rank[number]:
            self._close(number)

    def _close(self, number: int) -> None:
        self._closed[number] = True
        if rest := len(self._requests[number].prompts) - self._counted[number]:
            self._count(number, rest)
        self._answered(number, self.results[number])


def _empty(request: AnswerRequest) -> Answered:
    return Answered([()] * len(request.prompts), [[()] * len(own) for own in request.options])
