"""Answers of a remote model to prompts."""

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

    `finish` is the server's word for why the answer ended (`stop`, `length`, `content_filter`, …), and `ended` tells
    whether the model or a stop string ended it. `usage` is the server's count of tokens (thoughts included), None where
    it does not tell; `model` the server's own word for what answered; `cached` answers were there already.
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
    """Return the requests that answer each prompt's source (prefix and body) in at most `new_tokens` tokens.

    Args:
        endpoint: the model and its server.
        prompts: what to answer; their targets are not sent.
        new_tokens: the most tokens of an answer.
        decoding: how an answer is chosen, and the texts that end one.
        chat: ask in a chat, whatever the endpoint's own kind is.

    Raises:
        ProblemsError: prompts are empty, or hold half a character.
        UserError: beams are asked for, which no such server offers.
    """
    if new_tokens < 1:
        raise UserError(f"an answer of {new_tokens} tokens is none; give 1 or more")
    if decoding.beams > 1:
        raise UserError(f"a remote model is not searched with {decoding.beams} beams; answer greedily or by drawing")
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

    White space around an answer is taken off, as `predict` does, and what stands behind a stop string, for servers that
    do not know the field. What was answered before, in this call or any other with the same cache, is not asked again:
    a drawn answer too stays the same until its seed changes. Greedy answers of a server need not be equal from day to
    day, or with other requests beside them.

    Args:
        endpoint: the model and its server.
        prompts: what to answer; their targets are not sent.
        new_tokens: the most tokens of an answer.
        decoding: how an answer is chosen, and the texts that end one.
        chat: ask in a chat, whatever the endpoint's own kind is.
        cache: the file that keeps responses; by default one in the user's cache.
        ledger: counts requests, tokens and cost over several calls, and holds a budget.
        advance: is told how many prompts were answered.

    Raises:
        RemoteError: the key is refused, a request is not understood, or failed too often; what came is kept.
        BudgetError: the budget does not allow the next request; what came is kept.
        ProblemsError: prompts are empty, or hold half a character.
        UserError: beams are asked for, the key cannot be used, or the cache cannot be written.
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
