"""Log-probabilities of a text that is given to the model: a completion's `echo` with `logprobs`, or `prompt_logprobs`.

Servers that offer either return the prompt's own tokens, each with its log-probability behind those before it. The
tokens from the place where an option begins give the option's exact log-probability, if a token begins at that place.
Where one reaches over it, all options of the prompt are weighed from the last place before it where each has a token's
beginning: the stretch between is the same for all, so that their order stays right, but it is no option's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tuition.base.errors import UserError
from tuition.evaluation.remote.requests import Question
from tuition.evaluation.remote.response_parsing import (
    NotOfferedError,
    ShapeError,
    first_choice,
    log_probability,
    usage_of,
)

ECHO_FIELDS: dict[str, Any] = {"max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}
"""What a request for them says. One token is asked for and thrown away: some servers take 0 for no limit."""
PROMPT_FIELDS: dict[str, Any] = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
"""vLLM's own way: the log-probability of each token of the prompt, and of none beside it."""


@dataclass(frozen=True, slots=True)
class Echo:
    """A text's tokens as the server names them, and their log-probabilities, None for the first.

    `given` is how many tokens are the text's, None if the server does not tell or miscounts; those behind are
    generated.
    """

    tokens: tuple[str, ...]
    log_probabilities: tuple[float | None, ...]
    given: int | None

    def starts(self, text: str) -> dict[int, int]:
        """Return which token begins so many characters before the end of the text, as far as tokens spell the text.

        They do not where a token is part of a character (it is told as U+FFFD). The end of the text (0) stands for the
        end of its tokens; nothing is returned where that is not known.
        """
        found: dict[int, int] = {}
        for count in [len(self.tokens) - 1, len(self.tokens)] if self.given is None else [self.given]:
            found = {0: count}
            end = len(text)
            for at in range(count - 1, -1, -1):
                begin = end - len(self.tokens[at])
                if begin < 0 or text[begin:end] != self.tokens[at]:
                    break
                found.setdefault(len(text) - begin, at)  # a token without a text belongs to what is before it
                end = begin
            if len(found) > 1 or self.given is not None:
                break
        return found if len(found) > 1 else {}

    def own(self) -> tuple[str, ...]:
        """Return the text's own tokens.

        Raises:
            UserError: the server does not tell how many there are.
        """
        if self.given is None:
            raise UserError(
                "the server's tokens do not spell the prompt, and it does not tell how many are the prompt's (usage): "
                "it cannot be seen where options begin; generate answers instead"
            )
        return self.tokens[: self.given]

    def total(self, begin: int, end: int) -> float:
        """Return the log-probability of the tokens from `begin` to before `end`.

        Raises:
            UserError: one of them has none.
        """
        values = self.log_probabilities[begin:end]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            raise UserError("an option begins with the very first token, which has no log-probability; tell a prompt")
        return math.fsum(known)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Options' log-probabilities and tokens; `exact` tells whether just the options' own tokens were weighed."""

    sums: tuple[float, ...]
    tokens: tuple[int, ...]
    exact: bool


def read_echo(payload: dict[str, Any], question: Question) -> Echo:
    """Return the tokens of a response to ECHO_FIELDS.

    Raises:
        NotOfferedError: the server does not echo, or tells no log-probabilities.
        ShapeError: the response is broken.
    """
    choice = first_choice(payload)
    told = choice.get("logprobs")
    text = choice.get("text")
    # A server that does not know the field answers as if it were not there; spaces at the ends may get lost.
    if not isinstance(text, str) or not text.lstrip().startswith(str(question.body["prompt"]).strip()):
        raise NotOfferedError("the server does not echo the prompt")
    if not isinstance(told, dict) or not isinstance(told.get("tokens"), list) or len(told["tokens"]) < 2:
        raise NotOfferedError("the server echoes the prompt without the log-probabilities of its tokens")
    tokens, values = told["tokens"], told.get("token_logprobs")
    if not isinstance(values, list) or len(values) != len(tokens) or not all(isinstance(t, str) for t in tokens):
        raise ShapeError("its tokens and their log-probabilities do not match")
    numbers = [None if value is None else log_probability(value) for value in values]
    if any(number is None for number in numbers[1:-1]):
        raise NotOfferedError("the server tells no log-probabilities of the prompt's tokens")
    usage = usage_of(payload)
    given = usage.prompt if usage is not None and usage.total == len(tokens) else None
    return Echo(tuple(tokens), tuple(numbers), given)


def read_prompt_tokens(payload: dict[str, Any], question: Question) -> Echo:
    """Return the tokens of a response to PROMPT_FIELDS: in each place the prompt's token alone, by its number.

    Raises:
        NotOfferedError: the server does not know the field.
        ShapeError: the response is broken.
    """
    told = first_choice(payload).get("prompt_logprobs") or payload.get("prompt_logprobs")
    if not isinstance(told, list) or len(told) < 2:
        raise NotOfferedError("the server does not return prompt_logprobs")
    tokens: list[str] = []
    values: list[float | None] = []
    for at, place in enumerate(told):
        if place is None and at == 0:
            tokens.append("")
            values.append(None)
            continue
        if not isinstance(place, dict) or len(place) != 1:
            raise ShapeError("its prompt_logprobs do not tell one token in each place")
        [(number, each)] = place.items()
        told_text = each.get("decoded_token") if isinstance(each, dict) else None
        tokens.append(told_text if isinstance(told_text, str) else f"<{number}>")
        values.append(log_probability(each.get("logprob") if isinstance(each, dict) else None))
    return Echo(tuple(tokens), tuple(values), len(tokens))


def score_by_text(source: str, told: Sequence[str], echoes: Sequence[Echo]) -> Weighed | None:
    """Weigh options behind a source by the characters at which tokens begin; None if tokens do not spell them."""
    starts = [echo.starts(source + option) for option, echo in zip(told, echoes, strict=True)]
    # How many characters before its option each token begins.
    before = [
        {length - len(option) for length in own if length >= len(option)}
        for option, own in zip(told, starts, strict=True)
    ]
    shared = set.intersection(*before)
    if not shared:
        return None
    begin = min(shared)
    places = [(own[len(option) + begin], own[0]) for own, option in zip(starts, told, strict=True)]
    return _weigh(echoes, places, exact=begin == 0)


def score_by_tokens(alone: Echo, echoes: Sequence[Echo]) -> Weighed:
    """Weigh options by the tokens that they have behind those of the source alone.

    Raises:
        UserError: the server does not tell how many tokens are the prompt's.
    """
    source, owns = alone.own(), [echo.own() for echo in echoes]
    shared = min(_shared(source, own) for own in owns)
    return _weigh(echoes, [(shared, len(own)) for own in owns], exact=shared == len(source))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _weigh(echoes: Sequence[Echo], places: Sequence[tuple[int, int]], *, exact: bool) -> Weighed:
    sums = tuple(echo.total(*place) for echo, place in zip(echoes, places, strict=True))
    return Weighed(sums, tuple(end - begin for begin, end in places), exact)
