"""Prices and budgets."""

from __future__ import annotations

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.remote import Budget, Ledger, Prices, Tokens, parse_budget

ONE = Prices(1.0, 1.0)


def test_a_price_is_per_million_tokens() -> None:
    assert Prices(prompt=2.0, answer=10.0).cost(Tokens(500_000, 100_000)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2.50", Budget(money=2.5)),
        ("0", Budget(money=0)),
        ("0 tokens", Budget(tokens=0)),
        ("300000 tokens", Budget(tokens=300_000)),
        (" 300k tokens ", Budget(tokens=300_000)),
        ("1.5Mtokens", Budget(tokens=1_500_000)),
        ("1,000,000 tokens", Budget(tokens=1_000_000)),
    ],
)
def test_a_budget_is_money_or_tokens(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget
    assert parse_budget(str(budget)) == budget


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "", "$5", "5 euros", "-3 tokens", "tokens", "1e400"])
def test_a_budget_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="budget"):
        parse_budget(text)


@pytest.mark.parametrize("ledger", [Ledger(ONE, Budget(money=1.0)), Ledger(budget=Budget(tokens=1_000_000))])
def test_a_budget_holds_what_is_set_aside_paid_and_perhaps_lost(ledger: Ledger) -> None:
    assert ledger.reserve(Tokens(600_000, 0))
    assert not ledger.reserve(Tokens(0, 600_000))
    assert ledger.reserve(Tokens(300_000, 100_000))
    ledger.release(Tokens(600_000, 0))
    ledger.count(Tokens(100_000, 0), Tokens(600_000, 0))
    assert not ledger.reserve(Tokens(600_000, 0))
    ledger.release(Tokens(300_000, 100_000))
    ledger.count(None, Tokens(300_000, 100_000))
    assert (ledger.paid, ledger.lost, ledger.asked) == (Tokens(100_000, 0), Tokens(300_000, 100_000), 2)
    assert ledger.reserve(Tokens(0, 500_000))
    assert not ledger.reserve(Tokens(0, 1))


def test_without_a_budget_all_is_affordable_and_without_prices_nothing_has_a_cost() -> None:
    ledger = Ledger()
    assert ledger.reserve(Tokens(10**15, 0))
    ledger.count(Tokens(5, 6), Tokens(50, 6))
    assert (ledger.paid, ledger.cost(ledger.paid)) == (Tokens(5, 6), 0.0)
    assert str(ledger) == "1 answers for 5 + 6 tokens"


def test_a_budget_of_money_needs_prices() -> None:
    with pytest.raises(UserError, match="needs the model's prices"):
        Ledger(budget=Budget(money=1.0))


def test_what_was_spent_is_told_with_what_perhaps_was() -> None:
    ledger = Ledger(Prices(1.0, 10.0))
    ledger.count(Tokens(1_000_000, 50_000), Tokens(2_000_000, 50_000))
    ledger.lost += Tokens(1000, 100)
    ledger.cached = 7
    assert str(ledger) == (
        "1 answers for 1,000,000 + 50,000 tokens, 1.5 (and at most 1,000 + 100 tokens, 0.002 for answers without "
        "a token count or lost in transit); 7 answers came from the cache"
    )
