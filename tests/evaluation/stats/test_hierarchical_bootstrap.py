import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tuition.base.errors import UserError
from tuition.evaluation.stats import resampling
from tuition.evaluation.stats.hierarchical_bootstrap import hierarchical_interval
from tuition.evaluation.stats.intervals import bootstrap_interval
from tuition.evaluation.stats.resampling import LEVELS

stats = pytest.importorskip("scipy.stats", reason="scipy is the independent implementation")
WITHIN = ("seeds", "instances")


def study(seed, tasks, seeds, instances, *, task=0.1, by_seed=0.05, row=0.2):
    draw = np.random.default_rng(seed)
    made = []
    for mean in draw.normal(0.5, task, tasks):
        values = mean + draw.normal(0, by_seed, (seeds, 1)) + draw.normal(0, row, instances)
        made.append(values + draw.normal(0, 0.05, (seeds, instances)))
    return made


def plain_loop(tasks, drawn, resamples, seed):
    """The nested bootstrap as one would write it down: draw tasks, then the seeds and the instances of each draw."""
    draw = np.random.default_rng(seed)
    means = []
    for _ in range(resamples):
        chosen = draw.integers(0, len(tasks), len(tasks)) if "tasks" in drawn else range(len(tasks))
        own = []
        for at in chosen:
            seeds, instances = tasks[at].shape
            rows = draw.integers(0, seeds, seeds) if "seeds" in drawn else np.arange(seeds)
            own.append(tasks[at][rows][:, draw.integers(0, instances, instances)].mean())
        means.append(np.mean(own))
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("drawn", [LEVELS, WITHIN, ("tasks", "instances")])
@pytest.mark.parametrize("seeds", [1, 4])
def test_draws_without_correction_are_those_of_a_plain_loop(drawn, seeds):
    tasks = study(3, 8, seeds, 25)
    ours = hierarchical_interval(tasks, drawn=drawn, resamples=20000, seed=1, bounds=None, corrected=False)
    low, high = plain_loop(tasks, drawn, 3000, 2)
    assert ours.low == pytest.approx(low, abs=0.05 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.05 * (high - low))
    assert ours.mean == pytest.approx(np.mean([task.mean() for task in tasks]), abs=1e-12)


def test_of_one_level_the_draws_are_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).beta(2, 3, 150)
    ours = hierarchical_interval([values], drawn=["instances"], resamples=20000, seed=1, corrected=False)
    peer = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=2).confidence_interval
    assert ours.low == pytest.approx(peer.low, abs=0.002)
    assert ours.high == pytest.approx(peer.high, abs=0.002)


def test_of_one_level_the_error_is_that_of_a_mean_and_the_interval_is_close_to_students():
    values = np.random.default_rng(2).normal(0.5, 0.1, 30)
    ours = hierarchical_interval([values], drawn=["instances"], resamples=50000, seed=1, bounds=None)
    assert ours.error == pytest.approx(stats.sem(values))
    assert ours.freedom == pytest.approx(29)
    low, high = stats.t.interval(0.95, 29, values.mean(), stats.sem(values))
    assert ours.low == pytest.approx(low, abs=0.1 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.1 * (high - low))


def test_with_tasks_drawn_the_error_is_that_of_the_tasks_means():
    tasks = study(4, 15, 3, 20)
    means = [task.mean() for task in tasks]
    ours = hierarchical_interval(tasks, seed=1, bounds=None)
    assert ours.error == pytest.approx(stats.sem(means))
    assert ours.freedom == pytest.approx(14)


def test_the_error_of_crossed_seeds_and_instances_is_that_of_an_analysis_of_variance():
    [cells] = study(5, 1, 4, 30)
    seeds, instances = cells.shape
    by_seed, by_row, all_ = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
    ms_seeds = instances * ((by_seed - all_) ** 2).sum() / (seeds - 1)
    ms_rows = seeds * ((by_row - all_) ** 2).sum() / (instances - 1)
    rest = cells - by_seed[:, None] - by_row + all_
    ms_both = (rest**2).sum() / ((seeds - 1) * (instances - 1))
    ours = hierarchical_interval([cells], drawn=WITHIN, seed=1, bounds=None)
    assert ours.error**2 == pytest.approx((ms_seeds + ms_rows - ms_both) / cells.size)


def test_shared_seeds_are_drawn_for_all_tasks_together_and_widen_the_interval():
    draw = np.random.default_rng(6)
    everywhere = draw.normal(0, 0.1, (4, 1))
    tasks = [0.5 + everywhere + draw.normal(0, 0.05, (4, 30)) for _ in range(20)]
    own = hierarchical_interval(tasks, drawn=WITHIN, seed=1, bounds=None)
    shared = hierarchical_interval(tasks, drawn=WITHIN, shared_seeds=True, seed=1, bounds=None)
    assert shared.high - shared.low > 3 * (own.high - own.low)
    assert shared.error == pytest.approx(stats.sem(everywhere[:, 0]), rel=0.2)


@pytest.mark.parametrize(
    ("tasks", "seeds", "drawn", "shared"),
    [(8, 1, LEVELS, False), (20, 3, LEVELS, False), (20, 3, WITHIN, False), (1, 3, WITHIN, False)],
)
def test_ninety_five_of_a_hundred_intervals_hold_the_truth(tasks, seeds, drawn, shared):
    inside = 0
    for number in range(200):
        draw = np.random.default_rng([number, tasks, seeds])
        means = draw.normal(0, 0.3 if "tasks" in drawn else 0, tasks)
        scores = [
            mean + draw.normal(0, 0.1, (seeds, 1)) + draw.normal(0, 1, 40) + draw.normal(0, 0.5, (seeds, 40))
            for mean in means
        ]
        made = hierarchical_interval(scores, drawn=drawn, shared_seeds=shared, resamples=300, seed=number, bounds=None)
        inside += made.low <= 0 <= made.high
    assert 0.90 <= inside / 200 <= 0.99


def test_one_seed_leaves_the_interval_without_what_seeds_would_change():
    tasks = study(7, 6, 1, 30)
    flat = [task[0] for task in tasks]
    assert hierarchical_interval(tasks, drawn=WITHIN, seed=1, bounds=None) == hierarchical_interval(
        flat, drawn=["instances"], seed=1, bounds=None
    )


def test_equal_values_are_not_certain_within_bounds():
    made = hierarchical_interval([np.zeros(50)], drawn=["instances"], seed=1)
    same = bootstrap_interval([0.0] * 50, seed=1)
    assert (made.low, made.high) == (same.low, same.high)
    assert hierarchical_interval([np.zeros(5), np.zeros(5)], seed=1).high == pytest.approx(1 - 0.025**0.5)
    free = hierarchical_interval([np.full(5, 3.0)], drawn=["instances"], seed=1, bounds=None)
    assert (free.low, free.high) == (3.0, 3.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(arrays(float, (2, 4), elements=st.floats(0, 1)), min_size=2, max_size=5))
def test_the_ends_stand_in_order_within_the_bounds(tasks):
    made = hierarchical_interval(tasks, resamples=100, seed=1)
    assert -1e-9 <= made.low <= made.high <= 1 + 1e-9


def test_the_seed_alone_decides_the_draws_and_small_blocks_give_every_resample(monkeypatch):
    tasks = study(8, 9, 2, 12)
    one = hierarchical_interval(tasks, resamples=3001, seed=1, bounds=None)
    assert one == hierarchical_interval(tasks, resamples=3001, seed=1, bounds=None)
    assert one != hierarchical_interval(tasks, resamples=3001, seed=2, bounds=None)
    monkeypatch.setattr(resampling, "_BLOCK", 50)
    small = hierarchical_interval(tasks, resamples=3001, seed=1, bounds=None)
    assert small.low == pytest.approx(one.low, abs=0.1 * (one.high - one.low))
    assert small.error == one.error


def test_several_axes_of_seeds_are_crossed():
    draw = np.random.default_rng(9)
    sampling, order = draw.normal(0, 0.1, (3, 1, 1)), draw.normal(0, 0.1, (1, 4, 1))
    cells = 0.5 + sampling + order + draw.normal(0, 0.01, (3, 4, 40))
    made = hierarchical_interval([cells], drawn=WITHIN, seed=1, bounds=None)
    assert made.error**2 == pytest.approx(stats.sem(sampling.ravel()) ** 2 + stats.sem(order.ravel()) ** 2, rel=0.15)


def test_what_cannot_be_is_refused():
    good = [np.array([0.1, 0.2])] * 2
    for arguments, error, match in [
        (([],), UserError, "no task"),
        (([np.array([0.1, 0.2])],), UserError, "one task does not show how tasks vary"),
        (([np.array([]), good[0]],), UserError, "task 0 has no score"),
        (([np.array([0.1, np.nan]), good[0]],), UserError, r"task 0 has the value nan at \(1,\)"),
        (([np.array([0.1, 45.0]), good[0]],), ValueError, "not in 0.0 to 1.0"),
        (([np.float64(0.5), good[0]],), ValueError, "one bare number"),
    ]:
        with pytest.raises(error, match=match):
            hierarchical_interval(*arguments, seed=1)
    for options, match in [
        ({"level": 95}, "level 95"),
        ({"resamples": 1}, "1 resamples"),
        ({"drawn": ["rows"]}, "'rows' is not a level"),
        ({"drawn": []}, "no level is resampled"),
    ]:
        with pytest.raises(ValueError, match=match):
            hierarchical_interval(good, seed=1, **options)
    uneven = [np.zeros((2, 3)), np.zeros((3, 3))]
    with pytest.raises(UserError, match="tasks have different numbers of seeds"):
        hierarchical_interval(uneven, shared_seeds=True, seed=1)
