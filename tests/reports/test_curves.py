from __future__ import annotations

import itertools
import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.reports.curves import average_seeds, best_arms, label_axis, learning_curves
from tuition.studies.results import ScoreRow, StudyResults


def row(
    value: float, *, seed: int = 1, labels: int = 16, arm: str = "a", task: str = "t", half: float = 5.0
) -> ScoreRow:
    return ScoreRow(task, arm, labels, seed, "rouge_l", value, value - half, value + half, 50)


def test_curves_keep_the_studys_order_and_their_points_rise_in_labels(results: StudyResults) -> None:
    curves = learning_curves(results.scores)
    assert [(c.task, c.arm, c.metric) for c in curves] == list(
        itertools.product(
            ("causation", "coreference", "paraphrase"),
            ("without instruction", "with instruction"),
            ("rouge_l", "exact_match"),
        )
    )
    assert all([p.labels for p in c.points] == [0, 16, 64] for c in curves)


def test_points_do_not_depend_on_the_order_of_rows(results: StudyResults) -> None:
    shuffled = list(results.scores)
    random.Random(3).shuffle(shuffled)
    assert set(learning_curves(shuffled)) == set(learning_curves(results.scores))


def test_one_seed_keeps_its_own_interval() -> None:
    point = average_seeds([row(48.0, half=7.0)])
    assert (point.value, point.low, point.high, point.n, point.seeds) == (48.0, 41.0, 55.0, 50, (1,))


def test_seeds_that_agree_keep_the_interval_of_the_test_instances() -> None:
    point = average_seeds([row(40.0, seed=s) for s in (1, 2, 3)])
    assert (point.value, point.low, point.high, point.seeds) == (40.0, 35.0, 45.0, (1, 2, 3))


def test_seeds_that_differ_widen_the_interval_by_students_t() -> None:
    stats = pytest.importorskip("scipy.stats", reason="the t distribution is compared with scipy's")
    values = [38.0, 40.0, 45.0]
    point = average_seeds([row(v, seed=s) for s, v in enumerate(values)])
    low, high = stats.t.interval(0.95, 2, loc=fmean(values), scale=stats.sem(values))
    assert point.value == fmean(values)
    assert point.high - point.value == pytest.approx(math.hypot(5.0, high - point.value), abs=1e-3)
    assert point.value - point.low == pytest.approx(math.hypot(5.0, point.value - low), abs=1e-3)


@pytest.mark.parametrize("seeds", [2, 5, 11, 12, 13, 31, 200])
def test_the_quantile_is_students_for_any_number_of_seeds(seeds: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the t distribution is compared with scipy's")
    values = [50 + 0.01 * (-1) ** i for i in range(seeds)]
    point = average_seeds([row(v, seed=i, half=0.0) for i, v in enumerate(values)])
    half = stats.t.ppf(0.975, seeds - 1) * stats.sem(values)
    assert point.high - point.value == pytest.approx(half, rel=1e-3)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.floats(0, 60))
def test_an_interval_holds_its_value_and_stays_within_0_to_100(values: list[float], half: float) -> None:
    rows = [
        ScoreRow("t", "a", 0, s, "m", v, max(0.0, v - half), min(100.0, v + half), 10) for s, v in enumerate(values)
    ]
    point = average_seeds(rows)
    assert 0 <= point.low <= point.value + 1e-9
    assert point.value - 1e-9 <= point.high <= 100


def test_the_smallest_n_of_the_seeds_is_told() -> None:
    rows = [ScoreRow("t", "a", 0, s, "m", 1.0, 0.0, 2.0, n) for s, n in ((1, 50), (2, 48))]
    assert average_seeds(rows).n == 48


def test_a_row_that_stands_twice_counts_once() -> None:
    assert learning_curves([row(1.0), row(1.0)]) == learning_curves([row(1.0)])


def test_two_scores_for_one_place_are_an_error_that_names_it() -> None:
    with pytest.raises(UserError, match=r"task t, arm a, 16 labels, seed 1: two scores of rouge_l, 1\.0 and 2\.0"):
        learning_curves([row(1.0), row(2.0)])


def test_no_rows_make_no_curves() -> None:
    assert learning_curves([]) == ()


def test_only_arms_that_beat_another_are_best() -> None:
    def best(*values: float) -> frozenset[str]:
        rows = [row(v, arm=arm) for arm, v in zip("abc", values, strict=False)]
        return best_arms(learning_curves(rows), "rouge_l", 16)

    assert best(1.0, 3.0, 2.0) == {"b"}
    assert best(3.0, 3.0, 2.0) == {"a", "b"}
    assert best(3.0, 3.0) == best(3.0) == frozenset()


def test_the_axis_is_logarithmic_with_0_one_mean_step_to_the_left() -> None:
    axis = label_axis([64, 0, 16, 256, 64])
    assert axis.positions == {0: 2.0, 16: 4.0, 64: 6.0, 256: 8.0}
    assert (axis.break_at, axis.ticks, axis.span) == (3.0, (0, 16, 64, 256), 6.0)


def test_an_axis_without_0_is_not_broken() -> None:
    assert label_axis([16, 64]).break_at is None


@pytest.mark.parametrize("labels", [[0], [16], [0, 1], [0, 16]])
def test_an_axis_of_few_numbers_has_room(labels: list[int]) -> None:
    axis = label_axis(labels)
    assert axis.ticks == tuple(labels)
    assert axis.span >= 1


def test_crowded_ticks_give_way_but_never_the_ends() -> None:
    assert label_axis([0, 100, 101, 102, 1000]).ticks == (0, 100, 1000)
    assert label_axis([0, 10, 990, 1000]).ticks == (0, 10, 1000)


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=30))
def test_positions_rise_with_labels_and_ticks_are_measured_numbers(labels: set[int]) -> None:
    axis = label_axis(labels)
    places = [axis.positions[n] for n in sorted(labels)]
    assert all(a < b for a, b in itertools.pairwise(places))
    assert set(axis.ticks) <= labels
    assert {min(labels), max(labels)} <= set(axis.ticks)
    if axis.break_at is not None:
        assert places[0] < axis.break_at < places[1]


@pytest.mark.parametrize("labels", [[], [-1, 4]])
def test_impossible_numbers_of_labels_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        label_axis(labels)


@pytest.mark.parametrize(
    ("measured", "until", "ticks"),
    [
        ((0, 16, 64), 512, (0, 16, 64, 128, 256, 512)),
        ((0, 16, 64, 100), 800, (0, 16, 100, 200, 400, 800)),  # 64 would touch 100 on a phone
        ((16, 64, 256, 1000), 8000, (16, 64, 256, 1000, 8000)),
        ((0, 4, 8), 128, (0, 4, 8, 16, 32, 64, 128)),
        ((0, 1, 2), 128, (0, 1, 2, 4, 8, 16, 32, 64, 128)),
        ((0, 100, 3149), 25192, (0, 100, 3149, 25192)),
    ],
)
def test_an_axis_with_more_room_keeps_its_positions_and_writes_what_can_be_read(
    measured: tuple[int, ...], until: int, ticks: tuple[int, ...]
) -> None:
    axis = label_axis(measured)
    longer = axis.until(until)
    assert longer.ticks == ticks
    assert {n: longer.positions[n] for n in measured} == axis.positions
    assert longer.break_at == axis.break_at
    assert max(longer.positions.values()) == math.log2(until)


def test_an_axis_that_reaches_far_enough_is_left_as_it_is() -> None:
    axis = label_axis((0, 16, 4000))
    assert axis.until(512) == axis


def test_any_number_of_labels_has_a_position_and_0_only_where_measured() -> None:
    axis = label_axis((0, 16, 64))
    assert [axis.position(n) for n in (0, 16, 90.5)] == [2.0, 4.0, math.log2(90.5)]
    with pytest.raises(ValueError, match=r"math domain|positive"):
        label_axis((16, 64)).position(0)
