"""Answers of a server that behaves: what is sent, what comes back, and what is asked twice."""

from __future__ import annotations

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evaluation.remote.conftest import Server
from tests.evaluation.remote.server import answer_of

from tuition.base.errors import ProblemsError, UserError
from tuition.evaluation.remote import Ledger, Limits, Prices, RemoteError, Tokens, answer_remotely
from tuition.evaluation.remote.transport import largest_response
from tuition.models.decoding import Decoding
from tuition.prompts.types import Prompt

Make = Callable[[int], list[Prompt]]


@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_every_prompt_gets_its_own_answer_in_order(server: Server, prompts: Make, kind: str) -> None:
    asked = prompts(40)
    ledger = Ledger()
    done: list[int] = []
    answers = answer_remotely(server.endpoint(kind=kind), asked, new_tokens=9, ledger=ledger, advance=done.append)
    assert [answer.text for answer in answers] == [answer_of(prompt.source) for prompt in asked]
    assert all(answer.ended and not answer.cached and answer.model == "made" for answer in answers)
    used = [answer.usage for answer in answers if answer.usage]
    assert [usage.prompt for usage in used] == [len(prompt.source.split()) for prompt in asked]
    assert sum(done) == ledger.asked == ledger.requests == 40
    assert ledger.paid == sum(used, Tokens())


def test_a_chat_sends_the_source_as_the_user_s_turn_greedily(server: Server) -> None:
    endpoint = server.endpoint(system="Be short.", fields={"max_tokens": None, "max_completion_tokens": 12, "top_k": 1})
    answer_remotely(
        endpoint, [Prompt("Say. Input:", " x Output:", " secret target")], new_tokens=9, decoding=Decoding(stop=("\n",))
    )
    (seen,) = server.seen
    assert seen["path"] == "/v1/chat/completions"
    assert seen["authorization"] == ""
    assert seen["body"] == {
        "model": "made",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Say. Input: x Output:"}],
        "temperature": 0.0,
        "stop": ["\n"],
        "max_completion_tokens": 12,
        "top_k": 1,
    }


def test_a_completion_sends_the_source_as_the_prompt(server: Server) -> None:
    answer_remotely(server.endpoint(kind="completions", system="unused"), [Prompt("a", " b", " c")], new_tokens=9)
    (seen,) = server.seen
    assert seen["path"] == "/v1/completions"
    assert seen["body"] == {"model": "made", "prompt": "a b", "max_tokens": 9, "temperature": 0.0}


def test_drawn_answers_say_how_they_are_drawn(server: Server, prompts: Make) -> None:
    drawn = Decoding(temperature=0.7, top_p=0.9, seed=5)
    for _ in range(2):
        answer_remotely(server.endpoint(), prompts(1), new_tokens=9, decoding=drawn)
    (seen,) = server.seen
    assert {name: seen["body"][name] for name in ("temperature", "top_p", "seed")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 5,
    }


def test_a_chat_can_be_asked_of_an_endpoint_of_completions(server: Server, prompts: Make) -> None:
    answer_remotely(server.endpoint(kind="completions"), prompts(1), new_tokens=9, chat=True)
    assert [seen["path"] for seen in server.seen] == ["/v1/chat/completions"]


def test_an_answer_is_cut_at_a_stop_string_that_the_server_did_not_heed(server: Server) -> None:
    server.control(answer=" red \n\nInput: blue###")
    (answer,) = answer_remotely(
        server.endpoint(), [Prompt("a", " b", "")], new_tokens=9, decoding=Decoding(stop=("###", "\nInput"))
    )
    assert (answer.text, answer.ended) == ("red", True)


@pytest.mark.parametrize(
    ("choice", "text", "ended"),
    [
        ({"message": {"content": "red"}, "finish_reason": "length"}, "red", False),
        ({"message": {"content": None}, "finish_reason": "length"}, "", False),
        ({"message": {"content": None, "refusal": "I won't"}, "finish_reason": "stop"}, "I won't", True),
        ({"message": {"content": [{"type": "text", "text": "re"}, {"type": "text", "text": "d"}]}}, "red", False),
        (
            {"message": {"content": "half \ud83d and whole \ud83e\udd8a"}, "finish_reason": "stop"},
            "half \ufffd and whole 🦊",
            True,
        ),
        ({"message": {"content": "שלום 👩‍👩‍👧"}, "finish_reason": "stop"}, "שלום 👩‍👩‍👧", True),
        ({"message": {"content": "x " * 100_000}, "finish_reason": "stop"}, ("x " * 100_000).strip(), True),
        ({"text": "", "finish_reason": "content_filter"}, "", False),
    ],
)  # fmt: skip
def test_answers_of_every_shape_are_read_and_read_again(server: Server, choice: dict, text: str, ended: bool) -> None:
    server.control(script=["json:" + json.dumps({"choices": [choice]})])
    for cached in (False, True):
        (answer,) = answer_remotely(server.endpoint(), [Prompt("a", " b", "")], new_tokens=9)
        assert (answer.text, answer.ended, answer.cached) == (text, ended, cached)
        assert answer.usage is None


def test_nothing_is_asked_twice_and_what_is_new_is_asked(server: Server, prompts: Make) -> None:
    endpoint = server.endpoint()
    first = answer_remotely(endpoint, prompts(10), new_tokens=9)
    ledger = Ledger(Prices(1.0, 1.0))
    done: list[int] = []
    second = answer_remotely(endpoint, prompts(15), new_tokens=9, ledger=ledger, advance=done.append)
    assert server.served == 15
    assert (ledger.asked, ledger.cached, ledger.requests, sum(done)) == (5, 10, 5, 15)
    assert [answer.text for answer in second[:10]] == [answer.text for answer in first]
    assert [answer.usage for answer in second[:10]] == [answer.usage for answer in first]
    assert [answer.cached for answer in second] == [True] * 10 + [False] * 5
    assert ledger.paid == sum((answer.usage for answer in second[10:] if answer.usage), Tokens())
    answer_remotely(endpoint, prompts(15), new_tokens=8)
    assert server.served == 30


def test_equal_prompts_are_asked_once(server: Server) -> None:
    ledger = Ledger()
    done: list[int] = []
    same = [Prompt("a", " b", " red"), Prompt("a b", "", " blue"), Prompt("c", "", ""), Prompt("a", " b", "")]
    answers = answer_remotely(server.endpoint(), same, new_tokens=9, ledger=ledger, advance=done.append)
    assert server.served == 2
    assert answers[0].text == answers[1].text == answers[3].text != answers[2].text
    assert [answer.cached for answer in answers] == [False, True, False, True]
    assert (ledger.asked, ledger.cached, sum(done)) == (2, 2, 4)
    assert ledger.paid == sum((answer.usage for answer in answers if answer.usage and not answer.cached), Tokens())


def test_another_cache_file_knows_nothing_of_the_first(server: Server, prompts: Make, tmp_path: Path) -> None:
    for name in ("one", "two", "one"):
        answer_remotely(server.endpoint(), prompts(3), new_tokens=9, cache=tmp_path / name)
    assert server.served == 6


def test_no_more_than_the_limit_run_at_once_and_they_do_run_at_once(server: Server, prompts: Make) -> None:
    server.control(delay=0.05)
    answer_remotely(server.endpoint(limits=Limits(concurrency=5)), prompts(30), new_tokens=9)
    assert server.told()["most_running"] == 5


def test_requests_keep_to_the_rate_as_the_server_sees_it(server: Server, prompts: Make) -> None:
    limits = Limits(concurrency=8, requests=4, seconds=0.5)
    answer_remotely(server.endpoint(limits=limits), prompts(13), new_tokens=9)
    starts = sorted(seen["at"] for seen in server.seen)
    # A request may be longer on its way than the one behind it; that much is let go here.
    assert all(later - first > 0.3 for first, later in zip(starts, starts[4:], strict=False))


def test_no_prompts_ask_nothing_and_make_no_file(server: Server, own_cache: Path) -> None:
    assert answer_remotely(server.endpoint(), [], new_tokens=9) == []
    assert not own_cache.exists()


def test_all_prompts_that_cannot_be_asked_are_told_before_one_is(server: Server) -> None:
    bad = [Prompt("fine", "", ""), Prompt("", " \n", ""), Prompt("half \ud83d", "", "")]
    with pytest.raises(ProblemsError) as caught:
        answer_remotely(server.endpoint(), bad, new_tokens=9)
    assert [problem.kind for problem in caught.value.problems] == ["empty-prompt", "lone-surrogate"]
    assert "prompt 1" in str(caught.value)
    assert "prompt 2" in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize(
    ("others", "fields"),
    [
        ({"new_tokens": 0}, {}),
        ({"new_tokens": 9, "decoding": Decoding(beams=2)}, {}),
        ({"new_tokens": 9}, {"stream": True}),
        ({"new_tokens": 9}, {"n": 2}),
        ({"new_tokens": 9}, {"messages": []}),
        ({"new_tokens": 9}, {"logit_bias": {1, 2}, "x": object()}),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_asked(server: Server, others: dict, fields: dict) -> None:
    with pytest.raises(UserError):
        answer_remotely(server.endpoint(fields=fields), [Prompt("a", "", "")], **others)
    assert server.seen == []


def test_it_works_within_a_running_event_loop_as_in_a_notebook(server: Server, prompts: Make) -> None:
    async def cell() -> list[str]:
        return [answer.text for answer in answer_remotely(server.endpoint(), prompts(3), new_tokens=9)]

    assert asyncio.run(cell()) == [answer_of(prompt.source) for prompt in prompts(3)]


def test_it_works_off_the_main_thread_and_beside_another(server: Server, prompts: Make) -> None:
    found: list[list[str]] = []

    def work() -> None:
        found.append([answer.text for answer in answer_remotely(server.endpoint(), prompts(20), new_tokens=9)])

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[answer_of(prompt.source) for prompt in prompts(20)]] * 2


def test_an_answer_of_50_mb_is_refused_without_being_read_and_costs_the_others_nothing(
    server: Server, prompts: Make
) -> None:
    server.control(answer="red")
    answer_remotely(server.endpoint(), prompts(2), new_tokens=9)
    server.control(answer="x" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(RemoteError, match="a response of more than 4 MiB, which was not read further"):
        answer_remotely(server.endpoint(), prompts(3), new_tokens=9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
    server.control(answer="blue", seen=[])
    assert [one.text for one in answer_remotely(server.endpoint(), prompts(3), new_tokens=9)] == ["red", "red", "blue"]
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({"max_tokens": 100}, (4 << 20) + 100_000),
        ({"max_completion_tokens": 10}, (4 << 20) + 10_000),
        ({}, 4 << 20),
        ({"max_tokens": 10**9}, 256 << 20),
        ({"logprobs": 5}, 256 << 20),
        ({"prompt_logprobs": 0}, 256 << 20),
    ],
)
def test_a_response_may_be_as_large_as_what_was_asked_for(body: dict[str, int], most: int) -> None:
    assert largest_response(body) == most
