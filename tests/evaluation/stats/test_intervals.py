import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.evaluation.stats import intervals
from tuition.evaluation.stats.intervals import (
    Interval,
    bootstrap_interval,
    corpus_of,
    interval_of,
    macro_of,
    mean_of,
)

stats = pytest.importorskip("scipy.stats", reason="scipy is the independent implementation")


def sample(seed, n, kind="spread"):
    draw = np.random.default_rng(seed)
    return draw.beta(2, 3, n) if kind == "spread" else (draw.random(n) < 0.7).astype(float)


@pytest.mark.parametrize("kind", ["spread", "right or wrong"])
@pytest.mark.parametrize("n", [30, 200, 3000])
def test_the_interval_agrees_with_scipys_percentile_bootstrap(kind, n):
    values = sample(1, n, kind)
    ours = bootstrap_interval(values, resamples=20000, seed=1)
    peer = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", batch=500, rng=2)
    width = peer.confidence_interval.high - peer.confidence_interval.low
    assert ours.low == pytest.approx(peer.confidence_interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(peer.confidence_interval.high, abs=0.03 * width)
    assert ours.mean == values.mean()
    assert ours.n == n


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_for_many_values_the_interval_is_the_normal_one(level):
    values = sample(2, 4000)
    error = values.std() / math.sqrt(len(values))
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    ours = bootstrap_interval(values, level=level, resamples=8000, seed=3)
    assert ours.low == pytest.approx(values.mean() - reach, abs=0.12 * error)
    assert ours.high == pytest.approx(values.mean() + reach, abs=0.12 * error)


@pytest.mark.parametrize("kind", ["spread", "right or wrong"])
def test_ninety_five_of_a_hundred_intervals_hold_the_true_mean(kind):
    truth = 0.4 if kind == "spread" else 0.7
    found = [bootstrap_interval(sample(seed, 100, kind), resamples=500, seed=seed) for seed in range(600)]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.975


def test_drawing_counts_and_drawing_instances_give_the_same_interval(monkeypatch):
    values = np.random.default_rng(4).choice([0.0, 0.31, 0.57, 1.0], 400)
    by_count = bootstrap_interval(values, resamples=20000, seed=5)
    monkeypatch.setattr(intervals, "_COUNT_COST", 10**9)
    by_instance = bootstrap_interval(values, resamples=20000, seed=5)
    assert by_count.low == pytest.approx(by_instance.low, abs=0.003)
    assert by_count.high == pytest.approx(by_instance.high, abs=0.003)
    assert by_count != by_instance


def test_the_seed_alone_decides_the_draws():
    values = list(sample(6, 80))
    assert bootstrap_interval(values, seed=7) == bootstrap_interval(np.array(values), seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)


def test_small_blocks_give_every_resample(monkeypatch):
    values = sample(8, 50)
    monkeypatch.setattr(intervals, "_BLOCK", 70)
    small = bootstrap_interval(values, resamples=3001, seed=9)
    monkeypatch.undo()
    whole = bootstrap_interval(values, resamples=3001, seed=9)
    assert small.low == pytest.approx(whole.low, abs=0.01)
    assert small.high == pytest.approx(whole.high, abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 10, 50, 1000])
@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_all_wrong_and_all_right_get_the_limits_of_clopper_and_pearson(n, level, right):
    exact = stats.binomtest(int(right * n), n).proportion_ci(level, method="exact")
    ours = bootstrap_interval([right] * n, level=level, seed=1)
    assert (ours.mean, ours.n) == (right, n)
    assert ours.low == pytest.approx(exact.low, abs=1e-12)
    assert ours.high == pytest.approx(exact.high, abs=1e-12)


def test_none_of_fifty_can_be_seven_in_a_hundred():
    assert bootstrap_interval([0.0] * 50, seed=1).high == pytest.approx(0.0711, abs=1e-4)


def test_equal_values_inside_the_bounds_are_widened_both_ways_unless_there_are_no_bounds():
    ours = bootstrap_interval([0.4] * 20, seed=1)
    assert 0.0 < ours.low < 0.4 < ours.high < 1.0
    assert bootstrap_interval([0.5] * 20, seed=1, bounds=None) == Interval(0.5, 0.5, 0.5, 20)
    assert bootstrap_interval([7.0], seed=1, bounds=None) == Interval(7.0, 7.0, 7.0, 1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_ends_stand_in_order_within_the_bounds(values):
    ours = bootstrap_interval(values, resamples=200, seed=1)
    assert -1e-12 <= ours.low <= ours.high <= 1 + 1e-12
    assert min(values) - 1e-12 <= ours.mean <= max(values) + 1e-12


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="n = 0"):
        bootstrap_interval([], seed=1)
    with pytest.raises(ValueError, match="value 1 is nan"):
        bootstrap_interval([0.5, math.nan], seed=1)
    with pytest.raises(ValueError, match=r"45\.0 is not in 0\.0 to 1\.0"):
        bootstrap_interval([0.5, 45.0], seed=1)
    with pytest.raises(ValueError, match="level 95"):
        bootstrap_interval([0.5, 0.6], level=95, seed=1)
    with pytest.raises(ValueError, match="0 resamples"):
        bootstrap_interval([0.5, 0.6], resamples=0, seed=1)
    with pytest.raises(ValueError, match="shape"):
        bootstrap_interval([[0.5], [0.6]], seed=1)


def test_other_bounds_serve_other_scales():
    assert bootstrap_interval([0.0] * 50, seed=1, bounds=(0, 100)).high == pytest.approx(7.11, abs=0.01)


def test_a_corpus_figure_that_is_a_mean_has_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(3).random(400)
    rows = values[:, None]
    statistic = corpus_of(rows, lambda kept, counts: (counts @ kept)[:, 0] / counts.sum(axis=1))
    made = interval_of(statistic, seed=1)
    plain = bootstrap_interval(values, seed=1)
    assert made.mean == pytest.approx(plain.mean)
    assert made.low == pytest.approx(plain.low, abs=0.003)
    assert made.high == pytest.approx(plain.high, abs=0.003)


def test_few_distinct_rows_are_drawn_by_their_counts() -> None:
    rows = np.array([[0.0]] * 300 + [[1.0]] * 700)
    statistic = corpus_of(rows, lambda kept, counts: (counts @ kept)[:, 0] / counts.sum(axis=1))
    drawn = statistic.draw(4000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.7, abs=0.002)
    assert drawn.std() == pytest.approx((0.7 * 0.3 / 1000) ** 0.5, rel=0.05)


def test_the_macro_statistic_is_the_mean_of_its_groups() -> None:
    groups = [mean_of([0.0, 1.0]), mean_of([1.0, 1.0, 1.0]), mean_of([0.5])]
    macro = macro_of(groups)
    assert macro.observed == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert macro.n == 6
    drawn = set(np.round(macro.draw(500, np.random.default_rng(0)), 6))
    assert drawn == {round((first + 1.5) / 3, 6) for first in (0, 0.5, 1)}


def test_a_corpus_figure_that_never_changes_is_not_certain() -> None:
    statistic = corpus_of(np.arange(30.0)[:, None], lambda kept, counts: np.ones(len(counts)))
    made = interval_of(statistic, seed=0)
    assert (made.mean, made.high) == (1.0, 1.0)
    assert made.low == pytest.approx(0.025 ** (1 / 30))


def test_nothing_has_no_figure() -> None:
    with pytest.raises(UserError, match="at least one"):
        corpus_of(np.empty((0, 2)), lambda kept, counts: np.ones(len(counts)))
    with pytest.raises(UserError, match="at least one"):
        macro_of([])
