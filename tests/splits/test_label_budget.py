from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.splits.label_budget import LabelBudget, parse_label_budget


@pytest.mark.parametrize(
    ("written", "of_1000", "shown"),
    [
        (0, 0, "0"),
        (100, 100, "100"),
        ("100", 100, "100"),
        (5000, 5000, "5000"),
        ("all", 1000, "all"),
        (" 6% ", 60, "6%"),
        ("6 %", 60, "6%"),
        ("5.91%", 59, "5.91%"),
        ("25.33%", 253, "25.33%"),
        ("0%", 0, "0%"),
        ("100%", 1000, "all"),
        ("0.05%", 1, "0.05%"),
        ("0.000001%", 1, "0.000001%"),
    ],
)
def test_what_is_written_is_so_many_of_a_thousand_and_shown_again(written: Any, of_1000: int, shown: str) -> None:
    amount = parse_label_budget(written)
    assert amount.of(1000) == of_1000
    assert str(amount) == shown
    assert parse_label_budget(amount) == amount


def test_halves_are_rounded_upwards_and_no_binary_fraction_gets_in_between() -> None:
    assert parse_label_budget("50%").of(3) == 2
    assert parse_label_budget("0.7%").of(1000) == 7
    assert parse_label_budget("29%").of(100) == 29
    assert parse_label_budget("29%") == LabelBudget(share=Fraction(29, 100))


@given(st.integers(0, 10**6), st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_larger_share_is_never_fewer_and_never_more_than_all(size: int, one: int, other: int) -> None:
    few, many = sorted((one, other))
    less, more = (parse_label_budget(f"{part // 10**6}.{part % 10**6:06}%").of(size) for part in (few, many))
    assert 0 <= less <= more <= size
    assert bool(few and size) == bool(less)


@pytest.mark.parametrize(
    "value", [-1, 0.06, 1.0, True, None, "", "-5%", "101%", "6 percent", "ALL", "1e3", "%", "٣", "1_000", "inf", []]
)
def test_what_may_be_a_slip_is_refused(value: Any) -> None:
    with pytest.raises(UserError, match="write a whole number such as 100, a percentage such as '6%', or 'all'"):
        parse_label_budget(value)
