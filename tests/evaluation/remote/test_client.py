"""A server that misbehaves: what passes is asked again, what does not is told, and what was paid for is kept."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evaluation.remote.conftest import QUICK, Server
from tests.evaluation.remote.server import answer_of

from tuition.base.errors import UserError
from tuition.evaluation.remote import (
    Budget,
    BudgetError,
    Endpoint,
    Ledger,
    Limits,
    Prices,
    RemoteError,
    Retrying,
    Tokens,
    answer_remotely,
)
from tuition.prompts.types import Prompt

Make = Callable[[int], list[Prompt]]

PASSING = [
    "429",
    "429:0.05",
    "status:500",
    "status:503",
    "status:408",
    "html:502",
    "html",
    "half",
    "truncated",
    "close",
    "hang:1.5",
    "drip:3",
    "json:null",
    "json:[]",
    "json:{}",
    'json:{"choices": []}',
    'json:{"choices": [null]}',
    'json:{"choices": [{"message": null}]}',
    'json:{"choices": [{"message": {"content": 7}}]}',
    'json:{"error": {"message": "upstream failed", "code": 502}}',
    'json:{"error": {"message": "upstream failed"}}',
    'json:{"error": {"message": "slow down", "code": 429}}',
    'json:{"choices": [{"text": "red"',
    "json:" + "[" * 100_000,
    "json:",
]


@pytest.mark.parametrize("how", PASSING, ids=lambda how: how[:40])
def test_a_failure_that_passes_is_asked_again_and_every_answer_comes(server: Server, prompts: Make, how: str) -> None:
    server.control(script=["", how, "", how])
    ledger = Ledger()
    answers = answer_remotely(server.endpoint(timeout=0.6), prompts(6), new_tokens=9, ledger=ledger)
    assert [answer.text for answer in answers] == [answer_of(prompt.source) for prompt in prompts(6)]
    assert (ledger.asked, ledger.requests, len(server.seen)) == (6, 8, 8)


@pytest.mark.parametrize("how", ["status:500", "html", "half", "truncated", "hang:1", "close", "429"])
def test_a_failure_that_does_not_pass_is_given_up_and_names_the_server_s_words(
    server: Server, prompts: Make, how: str
) -> None:
    server.control(script=["", ""], always=how)
    endpoint = server.endpoint(timeout=0.4, limits=Limits(concurrency=1))
    with pytest.raises(RemoteError, match=r"no answer after 4 attempts.*2 of 5 answers are stored") as caught:
        answer_remotely(endpoint, prompts(5), new_tokens=9)
    assert (caught.value.kept, caught.value.wanted) == (2, 5)
    says = {
        "status:500": "HTTP 500 (the server says 500)",
        "html": "an HTML page",
        "half": "the connection broke",
        "truncated": "not complete JSON, beginning",
        "hang:1": "no answer within 0.4 s",
        "close": "the connection broke",
        "429": "HTTP 429 (Rate limit reached)",
    }
    assert says[how] in str(caught.value)
    assert "prompt 2" in str(caught.value)
    assert server.url in str(caught.value)
    server.control(always="")
    ledger = Ledger()
    assert len(answer_remotely(server.endpoint(), prompts(5), new_tokens=9, ledger=ledger)) == 5
    assert (ledger.asked, ledger.cached) == (3, 2)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("status:400", r"HTTP 400 \(the server says 400\)"),
        ("status:404", "the address ends in /v1"),
        ("status:402", "the account has no money left"),
        ("quota", "the account has no money left"),
        ("redirect", "redirects elsewhere"),
        ('json:{"error": {"message": "no such model", "code": 404}}', "in the body of HTTP 200.*no such model"),
    ],
)
def test_what_no_repetition_mends_stops_at_once(server: Server, prompts: Make, how: str, says: str) -> None:
    server.control(always=how)
    with pytest.raises(RemoteError, match=says) as caught:
        answer_remotely(server.endpoint(limits=Limits(concurrency=2)), prompts(50), new_tokens=9)
    assert len(server.seen) <= 2
    assert caught.value.hopeless is (how != "status:400")


def test_requests_on_their_way_come_home_when_another_fails(server: Server, prompts: Make) -> None:
    server.control(script=["", "", "status:400", ""], delay=0.1)
    with pytest.raises(RemoteError) as caught:
        answer_remotely(server.endpoint(limits=Limits(concurrency=4)), prompts(9), new_tokens=9)
    assert 3 <= caught.value.kept == server.served < 9
    answer_remotely(server.endpoint(), prompts(9), new_tokens=9)
    assert server.served == 9


def test_retry_after_is_obeyed_and_holds_the_others_back(server: Server, prompts: Make) -> None:
    server.control(script=["429:0.7"])
    answer_remotely(server.endpoint(limits=Limits(concurrency=1)), prompts(3), new_tokens=9)
    starts = [seen["at"] for seen in server.seen]
    assert starts[1] - starts[0] >= 0.65


def test_a_retry_after_beyond_patience_is_told_instead_of_waited_for(server: Server, prompts: Make) -> None:
    server.control(always="429:3600")
    with pytest.raises(RemoteError, match=r"asks to wait 3600 s.*longer than the 2 s allowed"):
        answer_remotely(server.endpoint(), prompts(1), new_tokens=9)


def test_a_crowded_server_that_goes_on_answering_is_not_given_up(server: Server, prompts: Make) -> None:
    # Two of three requests are refused, so that one question may well be refused more often than it has attempts.
    server.control(script=["429", "429", ""] * 40)
    endpoint = server.endpoint(retrying=QUICK, limits=Limits(concurrency=6))
    assert len(answer_remotely(endpoint, prompts(40), new_tokens=9)) == 40


def test_where_nothing_listens_it_is_said_soon(prompts: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = Endpoint(model="m", url=f"http://127.0.0.1:{port}/v1", retrying=Retrying(attempts=50, first_wait=0.01))
    with pytest.raises(RemoteError, match="no answer after 3 attempts, last no connection"):
        answer_remotely(endpoint, prompts(20), new_tokens=9)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine_s_server(
    server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len(answer_remotely(server.endpoint(), prompts(2), new_tokens=9)) == 2


@pytest.mark.parametrize("budget", [Budget(money=1.0), Budget(tokens=1000)])
def test_a_budget_is_never_exceeded_and_what_it_bought_is_kept(server: Server, prompts: Make, budget: Budget) -> None:
    prices = Prices(1000.0, 1000.0)
    ledger = Ledger(prices, budget)
    with pytest.raises(
        BudgetError, match=r"the budget of .* is used up: \d+ answers for .* can take more than"
    ) as caught:
        answer_remotely(server.endpoint(), prompts(140), new_tokens=9, ledger=ledger)
    assert 0 < ledger.paid.total <= 1000
    assert ledger.asked == server.served == caught.value.kept
    # What stopped it is less than one request's worst case away from the budget.
    assert ledger.paid.total + len(prompts(140)[-1].source) + 256 + 9 > 1000
    more = Ledger(prices, budget)
    with pytest.raises(BudgetError):
        answer_remotely(server.endpoint(), prompts(140), new_tokens=9, ledger=more)
    assert more.cached == ledger.asked
    assert server.served == ledger.asked + more.asked


def test_a_budget_of_nothing_asks_nothing(server: Server, prompts: Make) -> None:
    with pytest.raises(BudgetError, match="0 of 3 answers are stored"):
        answer_remotely(server.endpoint(), prompts(3), new_tokens=9, ledger=Ledger(budget=Budget(tokens=0)))
    assert server.seen == []


def test_a_budget_counts_what_was_perhaps_paid_for_and_lost(server: Server) -> None:
    server.control(always="truncated")
    ledger = Ledger(budget=Budget(tokens=900))
    endpoint = server.endpoint(retrying=Retrying(attempts=100, first_wait=0.0))
    with pytest.raises(BudgetError, match="lost in transit"):
        answer_remotely(endpoint, [Prompt("x" * 100, "", "")], new_tokens=44, ledger=ledger)
    assert (ledger.paid, ledger.lost) == (Tokens(), Tokens(712, 88))
    assert len(server.seen) == ledger.requests == 2


def test_a_budget_counts_an_answer_without_usage_at_its_most(server: Server) -> None:
    server.control(always="json:" + json.dumps({"choices": [{"message": {"content": "red"}}]}))
    ledger = Ledger()
    (answer,) = answer_remotely(server.endpoint(), [Prompt("x" * 100, "", "")], new_tokens=36, ledger=ledger)
    assert answer.usage is None
    assert (ledger.paid, ledger.lost) == (Tokens(), Tokens(356, 36))


def test_a_cache_that_cannot_be_written_stops_everything(server: Server, prompts: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="choose another"):
        answer_remotely(server.endpoint(), prompts(3), new_tokens=9, cache=tmp_path)
    assert server.seen == []


def test_the_attempts_of_the_tests_are_those_that_they_count() -> None:
    assert QUICK.attempts == 4
