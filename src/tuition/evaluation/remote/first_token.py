"""Rank options by the first token of a chat answer, from the most likely tokens that the server lists.

This is not the option's log-probability but that of a prefix of the answer, so it is at least as high. Only listed
tokens count (at most 20 with OpenAI), and of these all that are a prefix of the option, ignoring leading white space:
`yes`, ` yes` and `y` for the option `yes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from tuition.base.errors import UserError, clip
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.remote.requests import Question
from tuition.evaluation.remote.response_parsing import NotOfferedError, ShapeError, first_choice, log_probability

FIRST_TOKEN_FIELDS: dict[str, Any] = {"max_tokens": 1, "temperature": 1.0, "logprobs": True, "top_logprobs": 20}
"""The fields of such a request. The temperature is 1, since some servers list probabilities after scaling by it; the
sampled token is ignored."""


@dataclass(frozen=True, slots=True)
class FirstTokenRanking(Ranking):
    """A ranking by first tokens: `scores` has only `sum`, and `listed` says which options have a listed token.

    Options without a listed token score just below the least likely listed token, which is an upper bound.
    """

    listed: tuple[bool, ...] = ()

    def chosen(self, normalisation: str = "sum") -> str:
        """Return the most likely option, or an empty text if no listed token is a prefix of any option."""
        # dataclass(slots=True) creates a new class, so a bare super() would not find it.
        return Ranking.chosen(self, normalisation) if any(self.listed) else ""


def read_first_tokens(payload: dict[str, Any], question: Question) -> dict[str, float]:
    """Return the log-probabilities that a response to FIRST_TOKEN_FIELDS lists, by token.

    Raises:
        NotOfferedError: the server does not list any.
        ShapeError: the response is malformed.
    """
    logprobs = first_choice(payload).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    listed = first.get("top_logprobs")
    if not isinstance(listed, list) or not listed:
        raise NotOfferedError(
            "the server does not list the most likely tokens (logprobs with top_logprobs), so options cannot be ranked "
            "in a chat; generate answers instead, or name the model with openai-completions:"
        )
    found: dict[str, float] = {}
    for each in listed:
        token, value = (each.get("token"), each.get("logprob")) if isinstance(each, dict) else (None, None)
        if not isinstance(token, str):
            raise ShapeError("a listed token has no text")
        found[token] = log_probability(value)
    return found


def refuse_shared_beginnings(options: Sequence[str]) -> None:
    """Refuse options that a first token cannot distinguish, since they start with the same word.

    Raises:
        UserError: there are such options; no request has been sent yet.
    """
    words: dict[str, str] = {}
    for option in dict.fromkeys(option.strip() for option in options):
        first = option.split()[0]
        if first in words:
            _refuse(words[first], option, first)
        words[first] = option


def rank_by_first_token(listed: Mapping[str, float], options: Sequence[str]) -> FirstTokenRanking:
    """Rank options by the listed tokens that are a prefix of them.

    A token that is a prefix of several options (`n` for `no` and `neutral`) is ignored if it is too unlikely to matter.

    Raises:
        UserError: such a token could decide which option is most likely.
    """
    least = min(listed.values())
    own: list[list[float]] = [[] for _ in options]
    shared: list[tuple[str, float, list[int]]] = []
    for token, value in listed.items():
        # SentencePiece writes a leading space as U+2581.
        start = token.replace("▁", " ").lstrip()
        matching = [at for at, option in enumerate(options) if start and option.strip().startswith(start)]
        if len({options[at].strip() for at in matching}) > 1:
            shared.append((start, value, matching))
            continue
        for at in matching:
            own[at].append(value)
    values = tuple(_log_sum(found) if found else math.nextafter(least, -math.inf) for found in own)
    best = max(range(len(options)), key=values.__getitem__)
    for start, value, matching in shared:
        rival = next((at for at in matching if at != best and _log_sum([values[at], value]) >= values[best]), None)
        if rival is not None:
            _refuse(options[best], options[rival], start)
    return FirstTokenRanking(tuple(options), {"sum": values}, (1,) * len(options), tuple(bool(found) for found in own))


def _refuse(one: str, other: str, start: str) -> NoReturn:
    raise UserError(
        f"the options {clip(one.strip(), 40)!r} and {clip(other.strip(), 40)!r} cannot be distinguished by a chat's "
        f"first token, {clip(start, 40)!r}; name the model with openai-completions:, whose servers may return the "
        "log-probabilities of whole options, or generate answers"
    )


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top if math.isinf(top) else min(top + math.log(math.fsum(math.exp(value - top) for value in values)), 0.0)
