"""Generated answers of a remote model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuition.base.errors import UserError
from tuition.evaluation.remote.client import ask
from tuition.evaluation.remote.cost import Ledger, Tokens
from tuition.evaluation.remote.endpoint import Endpoint
from tuition.evaluation.remote.requests import Question, questions_for
from tuition.evaluation.remote.response_parsing import answer_text, first_choice
from tuition.models.decoding import GREEDY, Decoding, cut_at_stop
from tuition.prompts.types import Prompt


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """A remote model's answer.

    `finish` is the server's reason why the answer ended (`stop`, `length`, `content_filter`, …); `ended` is True if the
    model or a stop string ended it. `usage` is the server's count of tokens (reasoning included), None if it reports
    none; `model` is the name of the model that the server reports; `cached` answers were in the cache already.
    """

    text: str
    ended: bool
    finish: str
    model: str
    usage: Tokens | None
    cached: bool


def answer_questions(
    endpoint: Endpoint,
    prompts: Sequence[Prompt],
    *,
    new_tokens: int,
    decoding: Decoding = GREEDY,
    chat: bool = False,
) -> list[Question]:
    """Return the request for each prompt's source (prefix and body), for answers of at most `new_tokens` tokens.

    Args:
        endpoint: the model and its server.
        prompts: what to answer; their targets are not sent.
        new_tokens: the maximum number of tokens in an answer.
        decoding: greedy or sampling settings, and stop strings.
        chat: use the chat API, whatever the endpoint's own kind is.

    Raises:
        ProblemsError: prompts are empty, or contain a lone surrogate.
        UserError: beam search is requested, which no such server offers.
    """
    if new_tokens < 1:
        raise UserError(f"an answer needs at least 1 token, not {new_tokens}; give 1 or more")
    if decoding.beams > 1:
        raise UserError(
            f"remote models have no beam search ({decoding.beams} beams requested); use greedy decoding or sampling"
        )
    fields: dict[str, Any] = {"max_tokens": new_tokens, "temperature": decoding.temperature}
    if decoding.samples:
        fields |= {"top_p": decoding.top_p, "seed": decoding.seed}
    if decoding.stop:
        fields["stop"] = list(decoding.stop)
    names = [f"prompt {at}" for at in range(len(prompts))]
    sources = [prompt.source for prompt in prompts]
    return questions_for(endpoint, names, sources, fields, new_tokens, kind="chat" if chat else None)


def answer_remotely(
    endpoint: Endpoint,
    prompts: Sequence[Prompt],
    *,
    new_tokens: int,
    decoding: Decoding = GREEDY,
    chat: bool = False,
    cache: Path | None = None,
    ledger: Ledger | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> list[RemoteAnswer]:
    """Answer each prompt, greedily by default.

    White space around an answer is stripped, as in `predict`, and so is the text after a stop string, for servers that
    ignore the field. A request that was answered before, in this or any other call with the same cache, is not sent
    again, so a sampled answer too stays the same until its seed changes. A server's greedy answers may vary from day to
    day, or with the other requests that it handles.

    Args:
        endpoint: the model and its server.
        prompts: what to answer; their targets are not sent.
        new_tokens: the maximum number of tokens in an answer.
        decoding: greedy or sampling settings, and stop strings.
        chat: use the chat API, whatever the endpoint's own kind is.
        cache: the file that stores responses; by default one in the user's cache.
        ledger: counts requests, tokens and cost over several calls, and enforces a budget.
        advance: called with the number of prompts answered since the last call.

    Raises:
        RemoteError: the key is refused, or a request is invalid or failed too often; answers so far are kept.
        BudgetError: the budget does not allow the next request; answers so far are kept.
        ProblemsError: prompts are empty, or contain a lone surrogate.
        UserError: beam search is requested, the key cannot be used, or the cache cannot be written.
    """
    questions = answer_questions(endpoint, prompts, new_tokens=new_tokens, decoding=decoding, chat=chat)
    answers = []
    for reply in ask(endpoint, questions, _read, cache=cache, ledger=ledger, advance=advance):
        text, finish = reply.value
        kept = cut_at_stop(text, decoding.stop)
        ended = finish == "stop" or kept != text
        answers.append(RemoteAnswer(kept.strip(), ended, finish, reply.model, reply.usage, reply.cached))
    return answers


def _read(payload: dict[str, Any], question: Question) -> tuple[str, str]:
    choice = first_choice(payload)
    finish = choice.get("finish_reason")
    return answer_text(choice), finish if isinstance(finish, str) else ""
