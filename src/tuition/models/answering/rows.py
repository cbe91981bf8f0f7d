"""Requests as rows and questions, each with the prefix that it shares and the body that is its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tuition.models.answering.lane_plan import Key, Row
from tuition.models.answering.rank_together import Question
from tuition.models.answering.requests import AnswerRequest


def why_invalid(request: AnswerRequest, slots: int | None) -> str:
    """Return why a request can have no answer; empty where it can.

    Args:
        request: what is requested.
        slots: the size of the bank of adapters; None without a bank.
    """
    if request.adapter is not None and slots is None:
        return f"the request names adapter {request.adapter}, and there is no bank of adapters"
    if request.adapter is not None and slots is not None and not 0 <= request.adapter < slots:
        return f"the request names adapter {request.adapter}; the bank has slots 0 to {slots - 1}"
    if request.new_tokens < 0:
        return f"an answer may have {request.new_tokens} tokens; give 0 (nothing is generated) or more"
    if not all(prompt.prefix or prompt.body for prompt in request.prompts):
        return "every prompt needs a token at least, from which its answer follows"
    if request.options and len(request.options) != len(request.prompts):
        return f"{len(request.prompts)} prompts but {len(request.options)} lists of options; give one to each"
    if not all(option for own in request.options for option in own):
        return "every option needs a token at least"
    if request.new_tokens and request.decoding.stop and request.decode is None:
        return "texts to stop at need `decode`, by which an answer's tokens are read"
    if request.new_tokens and request.decoding.beams > 1 and not request.end:
        return "a search by beams needs an end token"
    return ""


def rows_of(requests: Mapping[int, AnswerRequest]) -> list[Row]:
    """Return the rows that requests (by number) generate."""
    return [
        Row(number, position, body, key, requests[number].new_tokens)
        for number, position, key, body in _divided({n: one for n, one in requests.items() if one.new_tokens})
    ]


def questions_of(requests: Mapping[int, AnswerRequest]) -> list[Question]:
    """Return the prompts of requests (by number) that have options to rank."""
    return [
        Question(number, position, key, body, requests[number].options[position])
        for number, position, key, body in _divided({n: one for n, one in requests.items() if one.options})
        if requests[number].options[position]
    ]


def _divided(requests: Mapping[int, AnswerRequest]) -> Iterator[tuple[int, int, Key, tuple[int, ...]]]:
    """Yield each prompt's request, position, key and body; a prefix that no other row has is part of the body."""
    parts = [
        (number, position, request.adapter, *_parted(prompt.prefix, prompt.body, share=request.share_prefix))
        for number, request in requests.items()
        for position, prompt in enumerate(request.prompts)
    ]
    count = Counter((adapter, prefix) for _, _, adapter, prefix, _ in parts)
    for number, position, adapter, prefix, body in parts:
        if count[adapter, prefix] == 1:
            yield number, position, (adapter, ()), (*prefix, *body)
        else:
            yield number, position, (adapter, prefix), body


def _parted(prefix: Sequence[int], body: Sequence[int], *, share: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not share:
        return (), (*prefix, *body)
    # The answer follows from the last token of a body; where there is none, from the prefix's last.
    return (tuple(prefix), tuple(body)) if body else (tuple(prefix[:-1]), tuple(prefix[-1:]))
