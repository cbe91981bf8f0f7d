from __future__ import annotations

import math
from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tuition.base.errors import UserError
from tuition.splits.mixtures import MIXTURES, UNIFORM, Mixture, draw, epoch

FLAN = MIXTURES["flan"]
TK_INSTRUCT = MIXTURES["tk-instruct"]

mixtures = st.builds(
    Mixture,
    cap=st.none() | st.integers(1, 12),
    limit=st.none() | st.integers(1, 12),
    temperature=st.sampled_from([0.25, 1.0, 2.0, 7.5, UNIFORM]),
    repeat=st.booleans(),
)
sizes = st.lists(st.integers(0, 25), min_size=1, max_size=7).filter(any)


# ---- rates


def test_flans_rates_by_hand() -> None:
    # wnli 635, rte 2,490, boolq 9,427, mnli 392,702 (cut to 30,000): beyond 3,000 a dataset gains no weight.
    assert FLAN.used([635, 2_490, 9_427, 392_702]) == (635, 2_490, 9_427, 30_000)
    assert FLAN.weights([635, 2_490, 9_427, 392_702]) == (635, 2_490, 3_000, 3_000)
    assert FLAN.rates([635, 2_490, 9_427, 392_702]) == pytest.approx(
        [635 / 9_125, 2_490 / 9_125, 3_000 / 9_125, 3_000 / 9_125]
    )


def test_tk_instruct_draws_tasks_alike() -> None:
    assert TK_INSTRUCT.rates([26, 100, 6_500]) == pytest.approx([1 / 3] * 3)
    assert TK_INSTRUCT.used([26, 100, 6_500]) == (26, 100, 100)


def test_temperatures_by_hand() -> None:
    # Square roots of 100, 400 and 2,500 are 10, 20 and 50.
    assert Mixture(temperature=2).rates([100, 400, 2_500]) == pytest.approx([10 / 80, 20 / 80, 50 / 80])
    assert Mixture(temperature=0.5).rates([1, 2]) == pytest.approx([1 / 5, 4 / 5])
    assert Mixture(temperature=2, limit=400).rates([100, 400, 2_500]) == pytest.approx([10 / 50, 20 / 50, 20 / 50])
    assert Mixture(temperature=UNIFORM).rates([1, 0, 9]) == (0.5, 0.0, 0.5)


@given(mixtures, sizes)
def test_rates_sum_to_one_and_grow_with_size(mixture: Mixture, made: list[int]) -> None:
    rates = mixture.rates(made)
    assert math.isclose(sum(rates), 1)
    assert all(bool(rate) == bool(size) for rate, size in zip(rates, made, strict=True))
    by_size = [rate for _, rate in sorted(zip(made, rates, strict=True))]
    assert by_size == sorted(by_size)


def test_huge_sizes_and_odd_temperatures_stay_finite() -> None:
    for temperature in (1e-3, 1e-300, 1e300):
        rates = Mixture(temperature=temperature).rates([1, 10**12])
        assert all(0 <= rate <= 1 for rate in rates)
        assert math.isclose(sum(rates), 1)


# ---- epochs


def test_an_epoch_of_flans_mixture_is_at_most_3000_rows_of_each() -> None:
    made = epoch(FLAN, [635, 2_490, 9_427, 50_000], seed=1)
    assert made.realised.counts == (635, 2_490, 3_000, 3_000)
    assert made.realised.total == 9_125
    assert made.realised.largest_gap == pytest.approx(0, abs=1e-12)


def test_rows_beyond_the_cap_are_never_used() -> None:
    made = epoch(Mixture(cap=30, limit=5), [100, 4], seed=1, total=34)
    assert made.realised.counts == (30, 4)
    several = draw(Mixture(cap=30), [100], seed=1)
    assert {row for task, row in made.order if task == 0} == {row for _, row in islice(several, 500)}


def test_an_epoch_of_tk_instructs_mixture_is_100_of_each_or_all() -> None:
    made = epoch(TK_INSTRUCT, [6_500, 26, 100, 84], seed=1, names=["a", "b", "c", "d"])
    assert made.realised.counts == (100, 26, 100, 84)
    first = made.realised.tasks[0]
    assert (first.task, first.rows, first.used) == ("a", 6_500, 100)


def test_a_tempered_epoch_goes_over_small_tasks_again_and_says_so() -> None:
    made = epoch(Mixture(temperature=2, repeat=True), [100, 10_000], seed=1)
    assert made.realised.counts == (918, 9_182)  # 10,100 rows at 1/11 and 10/11: 918.2 and 9,181.8
    small, large = made.realised.tasks
    assert (small.distinct, small.passes) == (100, 9.18)
    assert large.distinct == 9_182
    repeated = Counter(row for task, row in made.order if task == 0)
    assert set(repeated.values()) == {9, 10}, "each row comes once before any comes again"


def test_without_repeats_the_others_make_up_for_a_small_task() -> None:
    assert epoch(Mixture(temperature=UNIFORM), [2, 50, 50], seed=1, total=40).realised.counts == (2, 19, 19)


def test_a_total_beyond_the_rows_is_refused() -> None:
    with pytest.raises(UserError, match="an epoch of 11 rows was requested and the tasks have 10 available"):
        epoch(Mixture(), [4, 6], seed=1, total=11)
    assert epoch(Mixture(repeat=True), [4, 6], seed=1, total=20).realised.counts == (8, 12)


@given(mixtures, sizes, st.integers(0, 3))
def test_an_epoch_is_reproducible_and_repeats_only_where_it_may(mixture: Mixture, made: list[int], seed: int) -> None:
    first = epoch(mixture, made, seed)
    assert first == epoch(mixture, made, seed)
    assert len(first.order) == first.realised.total
    used = mixture.used(made)
    for (task, row), count in Counter(first.order).items():
        assert 0 <= row < made[task]
        assert mixture.repeat or count == 1
    for task, share in enumerate(first.realised.tasks):
        assert share.drawn == sum(1 for drawn, _ in first.order if drawn == task)
        assert share.distinct == min(share.drawn, used[task])


@given(mixtures, sizes, st.integers(0, 3))
def test_an_epochs_rows_are_those_that_draws_begin_with(mixture: Mixture, made: list[int], seed: int) -> None:
    finite, endless = epoch(mixture, made, seed), list(islice(draw(mixture, made, seed), 120))
    for task, count in enumerate(finite.realised.counts):
        begins = [row for drawn, row in endless if drawn == task][:count]
        if len(begins) == count:
            assert sorted(begins) == sorted(row for drawn, row in finite.order if drawn == task)


# ---- draws


@given(mixtures, sizes, st.integers(0, 3))
def test_no_row_comes_twice_before_all_of_its_task_came(mixture: Mixture, made: list[int], seed: int) -> None:
    drawn = list(islice(draw(mixture, made, seed), 150))
    assert drawn == list(islice(draw(mixture, made, seed), 150))
    for task, used in enumerate(mixture.used(made)):
        rows = [row for other, row in drawn if other == task]
        for start in range(0, len(rows), used or 1):
            part = rows[start : start + used]
            assert len(set(part)) == len(part)
        assert len(set(rows)) <= used
        assert all(0 <= row < made[task] for row in rows)


@pytest.mark.parametrize("mixture", [FLAN, TK_INSTRUCT, Mixture(), Mixture(temperature=3)])
def test_draws_come_at_the_rates(mixture: Mixture) -> None:
    made = [40, 700, 2_900, 3_100, 40_000]
    counts = Counter(task for task, _ in islice(draw(mixture, made, seed=5), 30_000))
    expected = [rate * 30_000 for rate in mixture.rates(made)]
    assert chisquare([counts[task] for task in range(5)], expected).pvalue > 0.001


def test_rows_come_evenly_from_the_whole_task() -> None:
    first = Counter(next(draw(Mixture(cap=3), [12], seed=seed))[1] for seed in range(1_200))
    assert chisquare([first[row] for row in range(12)]).pvalue > 0.001


def test_a_larger_cap_uses_the_rows_of_a_smaller_one_first() -> None:
    few, many = ([row for _, row in islice(draw(Mixture(cap=cap), [500], seed=2), cap)] for cap in (10, 40))
    assert many[:10] == few


def test_a_named_tasks_rows_do_not_depend_on_its_neighbours() -> None:
    def rows(names: list[str], made: list[int], name: str) -> list[int]:
        order = epoch(TK_INSTRUCT, made, seed=3, names=names).order
        return sorted(row for task, row in order if names[task] == name)

    assert rows(["a", "b"], [300, 400], "b") == rows(["z", "b", "c"], [9, 400, 5], "b")
    assert rows(["a", "b"], [400, 400], "a") != rows(["a", "b"], [400, 400], "b")


def test_another_seed_is_another_order() -> None:
    assert epoch(FLAN, [50, 60], seed=1).order != epoch(FLAN, [50, 60], seed=2).order


# ---- what is refused


@pytest.mark.parametrize("bound", [0, -1, 1.5, True, "100"])
def test_bounds_that_are_no_counts_are_refused(bound: Any) -> None:
    for name in ("cap", "limit"):
        with pytest.raises(UserError, match=f"a mixture's {name} is .*; it must be a whole number of rows, 1 or more"):
            Mixture(**{name: bound})


@pytest.mark.parametrize("temperature", [0, -1, math.nan, -math.inf, True, "1", None])
def test_temperatures_that_are_none_are_refused(temperature: Any) -> None:
    with pytest.raises(UserError, match="a mixture's temperature is"):
        Mixture(temperature=temperature)


@pytest.mark.parametrize("made", [[], [0, 0], [-1, 3], [1.0], [True]])
def test_sizes_with_nothing_to_mix_are_refused_at_once(made: Any) -> None:
    for ask in (draw, epoch):
        with pytest.raises(UserError, match=r"none of the \d tasks has a row|a task's size is"):
            ask(Mixture(), made, 1)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_that_do_not_fit_are_refused(names: list[str]) -> None:
    for ask in (draw, epoch):
        with pytest.raises(UserError, match="it needs one for each"):
            ask(Mixture(), [1, 2], 1, names=names)


@pytest.mark.parametrize("total", [-1, 1.5, True])
def test_totals_that_are_no_counts_are_refused(total: Any) -> None:
    with pytest.raises(UserError, match="an epoch's total is"):
        epoch(Mixture(), [1, 2], 1, total=total)
