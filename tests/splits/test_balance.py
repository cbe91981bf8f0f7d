from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from tuition.splits.balance import balanced, balanced_order
from tuition.tasks.types import Instance


def rows(labels: str) -> list[Instance]:
    return [Instance(str(n), f"in {n}", (label,)) for n, label in enumerate(labels)]


@given(st.lists(st.integers(1, 30), max_size=9))
@example([1, 1, 1, 1, 1, 1, 1, 1, 50])
@example([7, 3])
@example([])
def test_no_beginning_is_off_by_more_than_tijdemans_bound(sizes: list[int]) -> None:
    order = balanced_order(sizes)
    assert Counter(order) == dict(enumerate(sizes))
    bound = 1 - Fraction(1, 2 * len(sizes) - 2) if len(sizes) > 1 else Fraction(0)
    taken = [0] * len(sizes)
    for n, index in enumerate(order, start=1):
        taken[index] += 1
        for size, has in zip(sizes, taken, strict=True):
            assert abs(Fraction(n * size, sum(sizes)) - has) <= bound


def test_many_labels_are_no_burden() -> None:
    assert balanced_order([1] * 20_000) == list(range(20_000))


def test_a_skewed_pool_gives_both_labels_early_in_its_own_shares() -> None:
    order = balanced(rows("yyyyyyyynn"))
    assert [row.outputs[0] for row in order[:5]].count("n") == 1
    assert [row.outputs[0] for row in order[:10]].count("n") == 2


def test_rows_of_one_label_keep_their_order() -> None:
    order = balanced(rows("aababbaa"))
    for label in "ab":
        ids = [int(row.id) for row in order if row.outputs[0] == label]
        assert ids == sorted(ids)


def test_labels_are_alike_by_content_and_the_main_output_counts() -> None:
    made = [
        Instance(str(n), "", outputs) for n, outputs in enumerate([("Yes", "no"), ("yes ",), ("NO",), ("no", "yes")])
    ]
    assert [row.id for row in balanced(made)] == ["0", "2", "1", "3"]


@given(st.text("abc", max_size=40))
def test_the_rows_stay_the_same_rows(labels: str) -> None:
    assert sorted(balanced(rows(labels)), key=lambda row: int(row.id)) == rows(labels)


def test_one_label_or_none_is_left_as_it_stands() -> None:
    assert balanced([]) == ()
    assert balanced(rows("aaa")) == tuple(rows("aaa"))
    assert len(balanced([Instance("0", "x", ()), Instance("1", "y", ())])) == 2
