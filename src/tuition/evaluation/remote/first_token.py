"""Options weighed by the first token of a chat's answer, from the likeliest tokens that the server lists.

This is not the options' log-probability. It is that of the answer's beginning, so at least as much as the option's
own; only the listed tokens count (20 at most with OpenAI), and of these all that begin an option, whatever white space
leads them: `yes`, ` yes` and `y` for the option `yes`.
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
"""What a request for them says. The temperature is 1 since some servers list what is left of it at another; the token
that is drawn is not looked at."""


@dataclass(frozen=True, slots=True)
class FirstTokenRanking(Ranking):
    """A ranking by first tokens: `scores` has `sum` alone, of the token, and `listed` tells which options have one.

    Options that are not listed stand just below the least likely listed token, which is more than they have.
    """

    listed: tuple[bool, ...] = ()

    def chosen(self, normalisation: str = "sum") -> str:
        """Return the likeliest option, or an empty text where the server lists no token that begins any option."""
        # A slotted dataclass is made anew, so that a bare super() would not find its class.
        return Ranking.chosen(self, normalisation) if any(self.listed) else ""


def read_first_tokens(payload: dict[str, Any], question: Question) -> dict[str, float]:
    """Return the log-probabilities that a response to FIRST_TOKEN_FIELDS lists, by token.

    Raises:
        NotOfferedError: the server does not list any.
        ShapeError: the response is broken.
    """
    told = first_choice(payload).get("logprobs")
    content = told.get("content") if isinstance(told, dict) else None
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    listed = first.get("top_logprobs")
    if not isinstance(listed, list) or not listed:
        raise NotOfferedError(
            "the server does not list its likeliest tokens (logprobs with top_logprobs), so options cannot be ranked "
            "in a chat; generate answers instead, or ask the model by openai-completions:"
        )
    found: dict[str, float] = {}
    for each in listed:
        token, value = (each.get("token"), each.get("logprob")) if isinstance(each, dict) else (None, None)
        if not isinstance(token, str):
            raise ShapeError("a token that it lists has no name")
        found[token] = log_probability(value)
    return found


def refuse_shared_beginnings(options: Sequence[str]) -> None:
    """Refuse options that no first token can tell apart: one begins another, or both begin with the same word.

    Raises:
        UserError: there are such options; before anything is asked.
    """
    words: dict[str, str] = {}
    for option in dict.fromkeys(option.strip() for option in options):
        first = option.split()[0]
        if first in words:
            _refuse(words[first], option, first)
        words[first] = option


def rank_by_first_token(listed: Mapping[str, float], options: Sequence[str]) -> FirstTokenRanking:
    """Weigh options by the listed tokens that begin them.

    A token that begins several options (`n` for `no` and `neutral`) is left out where it is too unlikely to matter.

    Raises:
        UserError: such a token could decide which option is the likeliest.
    """
    least = min(listed.values())
    own: list[list[float]] = [[] for _ in options]
    shared: list[tuple[str, float, list[int]]] = []
    for token, value in listed.items():
        # SentencePiece writes a leading space as a low line of its own.
        start = token.replace("▁", " ").lstrip()
        begun = [at for at, option in enumerate(options) if start and option.strip().startswith(start)]
        if len({options[at].strip() for at in begun}) > 1:
            shared.append((start, value, begun))
            continue
        for at in begun:
            own[at].append(value)
    values = tuple(_log_sum(found) if found else math.nextafter(least, -math.inf) for found in own)
    best = max(range(len(options)), key=values.__getitem__)
    for start, value, begun in shared:
        rival = next((at for at in begun if at != best and _log_sum([values[at], value]) >= values[best]), None)
        if rival is not None:
            _refuse(options[best], options[rival], start)
    return FirstTokenRanking(tuple(options), {"sum": values}, (1,) * len(options), tuple(bool(found) for found in own))


def _refuse(one: str, other: str, start: str) -> NoReturn:
    raise UserError(
        f"the options {clip(one.strip(), 40)!r} and {clip(other.strip(), 40)!r} cannot be told apart by a chat's first "
        f"token, {clip(start, 40)!r}; ask the model by openai-completions:, whose servers may tell whole options' "
        "log-probabilities, or generate answers"
    )


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top if math.isinf(top) else min(top + math.log(math.fsum(math.exp(value - top) for value in values)), 0.0)
