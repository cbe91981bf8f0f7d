"""Log-probabilities of a given text from the completions API: `echo` with `logprobs`, or `prompt_logprobs`.

Servers that offer either return the prompt's tokens, each with its log-probability given the tokens before it. The
tokens from the start of an option on give its exact log-probability, if a token starts there. If a token crosses the
start, all options of the prompt are scored from the last earlier position where a token starts in each of them. The
extra characters are the same for all options, so the order of the options is right, but their scores include them.
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
"""The fields of such a request. One token is generated and ignored, since some servers take 0 as no limit."""
PROMPT_FIELDS: dict[str, Any] = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
"""The same for vLLM's own field: the log-probability of each prompt token, without alternatives."""


@dataclass(frozen=True, slots=True)
class Echo:
    """A text's tokens as the server spells them, and their log-probabilities, None for the first.

    `given` is the number of tokens of the text, None if the server reports none or a wrong count; later tokens are
    generated.
    """

    tokens: tuple[str, ...]
    log_probabilities: tuple[float | None, ...]
    given: int | None

    def starts(self, text: str) -> dict[int, int]:
        """Return, by distance in characters from the end of the text, the token that starts there.

        Only the tokens at the end that spell the text are included: a token that is part of a character, returned as
        U+FFFD, ends the search. Distance 0 maps to the end of the text's tokens; the result is empty if that is
        unknown.
        """
        found: dict[int, int] = {}
        for count in [len(self.tokens) - 1, len(self.tokens)] if self.given is None else [self.given]:
            found = {0: count}
            end = len(text)
            for at in range(count - 1, -1, -1):
                begin = end - len(self.tokens[at])
                if begin < 0 or text[begin:end] != self.tokens[at]:
                    break
                found.setdefault(len(text) - begin, at)  # a token without text belongs to the one before it
                end = begin
            if len(found) > 1 or self.given is not None:
                break
        return found if len(found) > 1 else {}

    def own(self) -> tuple[str, ...]:
        """Return the text's own tokens.

        Raises:
            UserError: the server does not report how many there are.
        """
        if self.given is None:
            raise UserError(
                "the server's tokens do not spell the prompt, and it does not report how many tokens the prompt has "
                "(usage), so the start of the options is unknown; generate answers instead"
            )
        return self.tokens[: self.given]

    def total(self, begin: int, end: int) -> float:
        """Return the log-probability of the tokens from `begin` up to `end`, exclusive.

        Raises:
            UserError: one of the tokens has none.
        """
        values = self.log_probabilities[begin:end]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            raise UserError("an option starts with the first token, which has no log-probability; give a prompt")
        return math.fsum(known)


@dataclass(frozen=True, slots=True)
class OptionScores:
    """Options' log-probabilities and token counts; `exact` is True if they cover just the options' own tokens."""

    sums: tuple[float, ...]
    tokens: tuple[int, ...]
    exact: bool


def read_echo(payload: dict[str, Any], question: Question) -> Echo:
    """Return the tokens of a response to ECHO_FIELDS.

    Raises:
        NotOfferedError: the server does not echo, or returns no log-probabilities.
        ShapeError: the response is malformed.
    """
    choice = first_choice(payload)
    logprobs = choice.get("logprobs")
    text = choice.get("text")
    # A server that does not support the field ignores it; it may also strip spaces at the ends.
    if not isinstance(text, str) or not text.lstrip().startswith(str(question.body["prompt"]).strip()):
        raise NotOfferedError("the server does not echo the prompt")
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("tokens"), list) or len(logprobs["tokens"]) < 2:
        raise NotOfferedError("the server echoes the prompt without the log-probabilities of its tokens")
    tokens, values = logprobs["tokens"], logprobs.get("token_logprobs")
    if not isinstance(values, list) or len(values) != len(tokens) or not all(isinstance(t, str) for t in tokens):
        raise ShapeError("its tokens and their log-probabilities do not match")
    numbers = [None if value is None else log_probability(value) for value in values]
    if any(number is None for number in numbers[1:-1]):
        raise NotOfferedError("the server returns no log-probabilities of the prompt's tokens")
    usage = usage_of(payload)
    given = usage.prompt if usage is not None and usage.total == len(tokens) else None
    return Echo(tuple(tokens), tuple(numbers), given)


def read_prompt_tokens(payload: dict[str, Any], question: Question) -> Echo:
    """Return the tokens of a response to PROMPT_FIELDS: for each position only the prompt's token, by its id.

    Raises:
        NotOfferedError: the server does not support the field.
        ShapeError: the response is malformed.
    """
    listed = first_choice(payload).get("prompt_logprobs") or payload.get("prompt_logprobs")
    if not isinstance(listed, list) or len(listed) < 2:
        raise NotOfferedError("the server does not return prompt_logprobs")
    tokens: list[str] = []
    values: list[float | None] = []
    for at, entry in enumerate(listed):
        if entry is None and at == 0:
            tokens.append("")
            values.append(None)
            continue
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ShapeError("its prompt_logprobs do not have exactly one token per position")
        [(number, each)] = entry.items()
        decoded = each.get("decoded_token") if isinstance(each, dict) else None
        tokens.append(decoded if isinstance(decoded, str) else f"<{number}>")
        values.append(log_probability(each.get("logprob") if isinstance(each, dict) else None))
    return Echo(tuple(tokens), tuple(values), len(tokens))


def score_by_text(source: str, options: Sequence[str], echoes: Sequence[Echo]) -> OptionScores | None:
    """Score options after a source by the characters at which tokens start; None if tokens do not spell the text."""
    starts = [echo.starts(source + option) for option, echo in zip(options, echoes, strict=True)]
    # How many characters before its option each token starts.
    before = [
        {length - len(option) for length in own if length >= len(option)}
        for option, own in zip(options, starts, strict=True)
    ]
    shared = set.intersection(*before)
    if not shared:
        return None
    begin = min(shared)
    spans = [(own[len(option) + begin], own[0]) for own, option in zip(starts, options, strict=True)]
    return _score_spans(echoes, spans, exact=begin == 0)


def score_by_tokens(alone: Echo, echoes: Sequence[Echo]) -> OptionScores:
    """Score options by the tokens that they have after those of the source alone.

    Raises:
        UserError: the server does not report how many tokens the prompt has.
    """
    source, owns = alone.own(), [echo.own() for echo in echoes]
    shared = min(_shared(source, own) for own in owns)
    return _score_spans(echoes, [(shared, len(own)) for own in owns], exact=shared == len(source))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _score_spans(echoes: Sequence[Echo], spans: Sequence[tuple[int, int]], *, exact: bool) -> OptionScores:
    sums = tuple(echo.total(*span) for echo, span in zip(echoes, spans, strict=True))
    return OptionScores(sums, tuple(end - begin for begin, end in spans), exact)
