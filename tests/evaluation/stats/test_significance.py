import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.evaluation.stats import significance
from tuition.evaluation.stats.significance import CORRECTIONS, benjamini_hochberg, holm, sign_flip_p

stats = pytest.importorskip("scipy.stats", reason="scipy is the independent implementation")

PS = st.lists(st.floats(0, 1), min_size=1, max_size=7)


def p_of(differences, seed=1, **options):
    return sign_flip_p(np.asarray(differences, dtype=float), rng=np.random.default_rng(seed), **options)


def scipys(differences, resamples):
    return stats.permutation_test(
        (differences, np.zeros(len(differences))),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=2,
    ).pvalue


@pytest.mark.parametrize("n", [2, 5, 9, 12])
def test_p_of_few_units_is_scipys_exact_one(n):
    values = np.random.default_rng(n).normal(0.4, 1, n)
    assert p_of(values) == pytest.approx(scipys(values, np.inf), abs=1e-12)


@pytest.mark.parametrize("kind", ["spread", "right or wrong"])
def test_p_of_many_units_agrees_with_scipys_permutation_test(kind):
    draw = np.random.default_rng(13)
    values = draw.normal(0.2, 1, 60) if kind == "spread" else draw.choice([-1.0, 0.0, 1.0], 60, p=[0.2, 0.45, 0.35])
    assert p_of(values, resamples=20000) == pytest.approx(scipys(values, 20000), abs=0.015)


@pytest.mark.parametrize("better", [0.0, 0.02, 0.05])
def test_for_many_differences_p_is_the_normal_one(better):
    noise = np.random.default_rng(12).normal(0, 0.2, 400)
    values = better + noise - noise.mean()
    z = better / (math.sqrt(np.mean(values**2)) / 20)
    assert p_of(values, resamples=20000) == pytest.approx(2 * (1 - NormalDist().cdf(z)), abs=0.01)


@pytest.mark.parametrize(("n", "p"), [(1, 1.0), (2, 0.5), (5, 0.0625), (8, 2 / 256)])
def test_p_of_a_clean_sweep_is_that_of_the_sign_test(n, p):
    assert p_of([1.0] * n) == p
    assert p_of([-0.3] * n) == p


def test_no_difference_gives_one_and_zeros_change_nothing():
    assert p_of([]) == p_of([0.0] * 50) == 1.0
    assert p_of([0.5, 0.2, -0.1, *[0.0] * 60]) == p_of([0.5, 0.2, -0.1])


def test_sums_that_differ_by_rounding_alone_are_equal():
    # 0.1 + 0.2 + 0.3 in another order is another float; each such pattern must count as just as far from 0
    assert p_of([0.1, 0.2, 0.3] * 3) == 2 / 2**9


def test_small_blocks_give_every_resample(monkeypatch):
    values = np.random.default_rng(8).normal(0.2, 1, 40)
    whole = p_of(values, resamples=5001)
    monkeypatch.setattr(significance, "_BLOCK", 100)
    assert p_of(values, resamples=5001) == pytest.approx(whole, abs=0.02)


def test_one_seldom_finds_a_difference_where_there_is_none():
    draw = np.random.default_rng(18)
    found = [p_of(draw.choice([-1.0, 0.0, 1.0], 40), seed, resamples=400) < 0.05 for seed in range(400)]
    assert np.mean(found) < 0.07


@settings(max_examples=100, deadline=None)
@given(PS)
def test_benjamini_and_hochbergs_are_scipys(ps):
    assert benjamini_hochberg(ps) == pytest.approx(list(stats.false_discovery_control(ps)), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(PS)
def test_holms_are_those_of_the_closed_bonferroni_test(ps):
    """Holm's procedure is the closure of Bonferroni's: a test's p is the largest of all sets of tests it is in."""
    sets = [own for size in range(1, len(ps) + 1) for own in itertools.combinations(range(len(ps)), size)]
    closed = [max(min(1.0, len(own) * min(ps[i] for i in own)) for own in sets if at in own) for at in range(len(ps))]
    assert holm(ps) == pytest.approx(closed, abs=1e-12)


def test_no_correction_leaves_ps_as_they_are_and_none_of_nothing_is_nothing():
    assert CORRECTIONS["none"]([0.2, 0.01]) == [0.2, 0.01]
    assert all(correct([]) == [] for correct in CORRECTIONS.values())


def test_what_is_no_p_is_refused():
    for wrong in (1.2, -0.1, math.nan):
        with pytest.raises(ValueError, match="lie in 0 to 1"):
            holm([0.5, wrong])
