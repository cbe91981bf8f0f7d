from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.splits.apportionment import apportion


@pytest.mark.parametrize(
    ("weights", "total", "most", "shared"),
    [
        ([1, 1], 10, None, [5, 5]),
        ([1, 2, 1], 8, None, [2, 4, 2]),
        ([1, 1, 1], 10, None, [4, 3, 3]),
        ([3, 2, 2], 5, None, [2, 2, 1]),  # 2.14, 1.43, 1.43
        ([1, 1, 1], 10, [2, 9, 9], [2, 4, 4]),
        ([1, 1, 1], 12, [1, 3, 9], [1, 3, 8]),
        ([0, 1], 3, [9, 3], [0, 3]),
        ([], 0, None, []),
        ([5, 5], 0, [1, 1], [0, 0]),
        ([0.1, 0.2], 3, None, [1, 2]),
    ],
)
def test_hand_computed_shares(weights: list[float], total: int, most: list[int] | None, shared: list[int]) -> None:
    assert apportion(weights, total, most) == shared


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 40)), min_size=1, max_size=8), st.data())
def test_the_total_is_met_within_bounds_and_near_the_shares(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    weights, most = [float(weight) for weight, _ in pairs], [bound for _, bound in pairs]
    total = data.draw(st.integers(0, sum(bound for weight, bound in pairs if weight)))
    shared = apportion(weights, total, most)
    assert sum(shared) == total
    assert all(0 <= got <= bound for got, bound in zip(shared, most, strict=True))
    assert all(not got or weight for got, weight in zip(shared, weights, strict=True))
    # Those that their bound does not stop share by their weights.
    free = [n for n in range(len(pairs)) if weights[n] and shared[n] < most[n]]
    for one in free:
        for other in free:
            assert (
                abs(shared[one] / weights[one] - shared[other] / weights[other])
                <= 1 / weights[one] + 1 / weights[other]
            )


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=8), st.integers(0, 10_000))
def test_without_bounds_no_share_is_off_by_a_row(weights: list[float], total: int) -> None:
    shared = apportion(weights, total)
    assert sum(shared) == total
    for weight, got in zip(weights, shared, strict=True):
        assert abs(total * Fraction(weight) / sum(map(Fraction, weights)) - got) < 1
