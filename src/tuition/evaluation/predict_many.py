"""Predictions of many tasks and adapters at once: answers and option rankings from shared batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tuition.evaluation.options.rank import OptionQuestions
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predict import Prediction, end_tokens, read_answers
from tuition.models.answering.answer_many import Bank, answer_many
from tuition.models.answering.requests import Answered, AnswerRequest
from tuition.models.decoding import GREEDY, Decoding

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel
    from tuition.models.tokens import PromptTokenizer, TokenizedPrompt


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """The prompts of one evaluation, the options that are ranked behind them, and the adapter that answers.

    Attributes:
        prompts: what to answer; empty where options alone are ranked.
        new_tokens: the most tokens of an answer.
        decoding: greedy, sampled or by beams, and texts to stop at, which are no part of an answer.
        questions: the options to rank, from `option_questions`; None to rank nothing.
        adapter: the slot of the adapter that answers, in the bank; None for the model as it is.
        tokens: the tokenizer that made the prompts, where it is not the model's plain one (a chat's, say).
        share_prefix: run each prefix once.
    """

    prompts: Sequence[TokenizedPrompt] = ()
    new_tokens: int = 0
    decoding: Decoding = GREEDY
    questions: OptionQuestions | None = None
    adapter: int | None = None
    tokens: PromptTokenizer | None = None
    share_prefix: bool = True

    @property
    def rows(self) -> int:
        """How many rows it takes: prompts, and those that options are ranked behind, with and without their input."""
        ranked = self.questions
        return len(self.prompts) + (len(ranked.prompts) + len(ranked.prior_prompts) if ranked else 0)


@dataclass(slots=True)
class Predicted:
    """A request's predictions and rankings, in the order of its prompts and questions.

    `error` is why the request failed; then there are none. `alone` is why it was not answered together with the other
    requests; empty where it was.
    """

    predictions: list[Prediction] = field(default_factory=list)
    rankings: list[Ranking] = field(default_factory=list)
    error: Exception | None = None
    alone: str = ""


def predict_many(
    loaded: LoadedModel,
    tuned: nn.Module,
    requests: Sequence[PredictRequest],
    *,
    bank: Bank | None = None,
    rows: int | None = None,
    predicted: Callable[[int, Predicted], None] = lambda number, result: None,
    advance: Callable[[float], None] = lambda done: None,
    noted: Callable[[str], None] = lambda line: None,
) -> list[Predicted]:
    """Answer and rank for many requests together; each result is what `predict` and `rank` give the request alone.

    Args:
        loaded: the base model with its tokenizer.
        tuned: the module that answers; the one that `bank` wraps, where there is one.
        requests: what to answer.
        bank: the adapters that requests name.
        rows: the most rows at once; chosen from memory by default.
        predicted: is given each request's number and result when it is finished; what it raises is raised here.
        advance: called with the number of rows finished since the last call, ranked and answered rows alike, priors
            among them (see `PredictRequest.rows`).
        noted: called with a line on how rows were batched, and whether steps ran as CUDA graphs or why not.
    """
    parts = [_Parts(loaded, request) for request in requests]
    places = [(number, name) for number, one in enumerate(parts) for name in one.requests]
    results = [Predicted() for _ in requests]

    def collect(number: int, result: Predicted) -> None:
        results[number] = result
        predicted(number, result)

    def answered(at: int, result: Answered) -> None:
        number, name = places[at]
        parts[number].results[name] = result
        if parts[number].results.keys() == parts[number].requests.keys():
            collect(number, parts[number].predicted())

    for number, one in enumerate(parts):
        if not one.requests:
            collect(number, Predicted())
    flat = [parts[number].requests[name] for number, name in places]
    answer_many(tuned, flat, bank=bank, rows=rows, answered=answered, advance=advance, noted=noted)
    return results


class _Parts:
    """One request as those of `answer_many`: its answers, its options, and the options behind no input."""

    def __init__(self, loaded: LoadedModel, request: PredictRequest) -> None:
        self._request = request
        self._tokens = request.tokens or loaded.tokens
        self.requests: dict[str, AnswerRequest] = {}
        self.results: dict[str, Answered] = {}
        questions = request.questions
        if questions is not None:
            self._add_options("options", questions.prompts, questions.rows, questions.opening)
            self._add_options("priors", questions.prior_prompts, questions.prior_rows, questions.opening)
        if request.prompts:
            self.requests["answers"] = AnswerRequest(
                request.prompts,
                end=end_tokens(loaded, self._tokens),
                new_tokens=request.new_tokens,
                decoding=request.decoding,
                decode=self._tokens.decode,
                adapter=request.adapter,
                share_prefix=request.share_prefix,
            )

    def _add_options(
        self,
        name: str,
        prompts: Sequence[TokenizedPrompt],
        options: Sequence[Sequence[tuple[int, ...]]],
        opening: tuple[int, ...],
    ) -> None:
        if prompts:
            self.requests[name] = AnswerRequest(
                prompts,
                options=options,
                opening=opening,
                adapter=self._request.adapter,
                share_prefix=self._request.share_prefix,
            )

    def predicted(self) -> Predicted:
        """Return the request's own result from those of its parts."""
        request, results = self._request, self.results
        error = next((one.error for one in results.values() if one.error is not None), None)
        if error is not None:
            return Predicted(error=error)
        made = Predicted(alone=next((one.alone for one in results.values() if one.alone), ""))
        if "answers" in results:
            rows = results["answers"].answers
            made.predictions = read_answers(rows, self._tokens, request.decoding, request.new_tokens)
        if request.questions is not None and "options" in results:
            priors = results["priors"].options if "priors" in results else []
            made.rankings = request.questions.rankings(results["options"].options, priors)
        return made
