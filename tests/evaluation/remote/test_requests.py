"""What asking will take, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.evaluation.remote.conftest import Server

from tuition.evaluation.remote import (
    RequestEstimate,
    Tokens,
    answer_questions,
    answer_remotely,
    estimate_requests,
    guessed_tokens,
)
from tuition.evaluation.remote.cache import ResponseCache
from tuition.prompts.types import Prompt

Make = Callable[[int], list[Prompt]]


def test_an_outlook_counts_equal_questions_once_and_leaves_out_what_is_there(
    server: Server, prompts: Make, own_cache: Path
) -> None:
    endpoint = server.endpoint(system="Be short.")
    answer_remotely(endpoint, prompts(3), new_tokens=9)
    questions = answer_questions(endpoint, [*prompts(5), *prompts(5)], new_tokens=9)
    with ResponseCache(own_cache) as store:
        told = estimate_requests(endpoint, questions, store, lambda text: len(text.split()))
        assert estimate_requests(endpoint, [], store, len) == RequestEstimate(0, 0, Tokens())
    assert (told.questions, told.cached, told.requests) == (5, 3, 2)
    words = len(["Be", "short.Say", "the", "colour.", "Input:", "thing", "3", "Output:"])
    assert told.tokens == Tokens(2 * words, 2 * 9)
    assert len(server.seen) == 3


def test_a_guess_is_a_token_for_every_four_bytes_rounded_up() -> None:
    assert [guessed_tokens(text) for text in ("", "a", "four", "fiver", "é" * 4, "\ud83d")] == [0, 1, 1, 2, 2, 1]
