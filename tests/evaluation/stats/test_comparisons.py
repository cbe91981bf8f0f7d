import numpy as np
import pytest

from tuition.base.errors import ProblemsError, UserError
from tuition.evaluation.stats.comparisons import Options, compare_arms, correct_overall, paired_points
from tuition.evaluation.stats.factorial import factor_effects
from tuition.evaluation.stats.hierarchical_bootstrap import hierarchical_interval
from tuition.evaluation.stats.instance_scores import ScoredInstance, align, gather_scores
from tuition.evaluation.stats.label_savings import first_crossing, labels_needed
from tuition.evaluation.stats.mean_curves import mean_curves
from tuition.evaluation.stats.significance import holm, sign_flip_p

stats = pytest.importorskip("scipy.stats", reason="scipy is the independent implementation")


def points(value, *, tasks=5, arms=("a", "b"), labels=(0,), seeds=("1",), n=20, answers=lambda *_: ""):
    """Scores by value(task, arm, labels, seed, instance), put together as a table's are."""
    return gather_scores(
        ScoredInstance(
            f"t{task}", arm, size, tuple(seed.split("/")), f"i{at}", value(task, arm, size, seed, at),
            answers(task, arm, size, seed),
        )
        for task in range(tasks) for arm in arms for size in labels for seed in seeds for at in range(n)
    )  # fmt: skip


def noisy(gain=0.1, spread=0.05):
    draw = np.random.default_rng(1)
    noise = {}

    def value(task, arm, labels, seed, at):
        key = (task, arm, labels, seed, at)
        noise.setdefault(key, draw.normal(0, spread))
        return float(np.clip(0.4 + 0.05 * (at % 5) + gain * (arm == "a") + noise[key], 0, 1))

    return value


def test_a_tasks_p_is_the_randomisation_test_of_its_instances_and_its_interval_that_of_the_differences() -> None:
    scores = points(noisy(0.02), tasks=2, n=12)
    found = compare_arms(scores, "a", "b", options=Options(correction="holm"))
    by = {(one.task, one.arm): one.values[0] for one in scores}
    ps = []
    for task in found.tasks:
        differences = by[task.task, "a"] - by[task.task, "b"]
        peer = stats.permutation_test(
            (differences, np.zeros(12)), lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
            permutation_type="samples", n_resamples=np.inf,
        )  # fmt: skip
        assert task.difference.p == pytest.approx(peer.pvalue, abs=1e-12)
        assert task.difference.mean == pytest.approx(differences.mean())
        half = stats.t.ppf(0.975, 11) * stats.sem(differences)
        assert task.difference.high - task.difference.low == pytest.approx(2 * half, rel=0.1)
        ps.append(task.difference.p)
    assert [task.difference.corrected for task in found.tasks] == holm(ps)


def test_over_tasks_p_flips_the_signs_of_tasks_and_every_task_weighs_the_same() -> None:
    scores = points(lambda task, arm, *_: 0.5 + (0.1 * task if arm == "a" else 0), tasks=6)
    found = compare_arms(scores, "a", "b")
    means = np.array([0.1 * task for task in range(6)])
    assert found.like_these is not None
    assert found.like_these.p == sign_flip_p(means, rng=np.random.default_rng(0)) == 2 / 2**5
    assert found.overall.mean == pytest.approx(means.mean())


def test_pairing_takes_out_what_instances_and_seeds_share() -> None:
    draw = np.random.default_rng(2)
    hard = draw.normal(0, 0.2, (5, 20))
    luck = {"1": -0.1, "2": 0.0, "3": 0.1}

    def value(task, arm, labels, seed, at):
        return 0.5 + 0.02 * (arm == "a") + hard[task, at] + luck[seed]

    scores = points(value, seeds=("1", "2", "3"))
    found = compare_arms(scores, "a", "b", options=Options(bounds=None))
    assert (found.these.low, found.these.high) == pytest.approx((0.02, 0.02))
    assert [one.verdict for one in found.tasks] == ["better"] * 5
    alone = hierarchical_interval([one.values for one in scores if one.arm == "a"], seed=1, bounds=None)
    assert alone.high - alone.low > 0.05


def test_arms_of_other_seeds_are_compared_as_independent() -> None:
    draw = np.random.default_rng(3)
    scores = gather_scores(
        ScoredInstance("t", arm, 0, (seed,), f"i{at}", 0.5 + luck + draw.normal(0, 0.01))
        for arm, seed, luck in [("a", "1", 0.1), ("a", "2", -0.1), ("b", "3", 0.1), ("b", "4", -0.1)]
        for at in range(30)
    )
    found = compare_arms(scores, "a", "b")
    assert found.seeds == 2
    assert found.these.low < -0.2
    assert found.these.high > 0.2


def test_seeds_that_differ_more_than_arms_leave_a_task_undecided() -> None:
    def value(task, arm, labels, seed, at):
        return 0.5 + (0.05 if arm == "a" else 0) + (0.3 * (int(seed) - 2) if arm == "a" else 0)

    one = compare_arms(points(value, seeds=("3",), tasks=1), "a", "b")
    three = compare_arms(points(value, seeds=("1", "2", "3"), tasks=1), "a", "b")
    assert one.tasks[0].verdict == "better"
    assert three.tasks[0].verdict == "undecided"
    assert three.these.p > 0.5


def test_lower_is_better_turns_verdicts_and_labels_needed() -> None:
    def value(task, arm, labels, seed, at):
        return 0.9 - (0.2 if arm == "a" else 0) - 0.01 * labels

    scores = points(value, labels=(0, 16, 64))
    options = Options(lower_is_better=True)
    assert {one.verdict for one in compare_arms(scores, "a", "b", labels=16, options=options).tasks} == {"better"}
    need = labels_needed(scores, "a", "b", 16, options=options)
    assert 16 < need.needed < 64


def test_one_seldom_finds_a_better_task_where_none_is() -> None:
    draw = np.random.default_rng(4)
    wrong = 0
    for number in range(60):
        scores = points(lambda *_: float(draw.random() < 0.5), tasks=10, n=20)
        found = compare_arms(scores, "a", "b", options=Options(correction="holm", resamples=50, flips=999, seed=number))
        wrong += any(one.verdict != "undecided" for one in found.tasks)
    assert wrong / 60 < 0.15


def test_the_most_labels_of_each_task_are_those_that_both_arms_have() -> None:
    scores = [
        one for one in points(noisy(), labels=(0, 16, 64), tasks=3)
        if (one.task, one.arm, one.labels) not in {("t1", "a", 64), ("t2", "a", 64), ("t2", "b", 16)}
    ]  # fmt: skip
    found = compare_arms(scores, "a", "b")
    assert [(one.task, one.labels) for one in found.tasks] == [("t0", 64), ("t1", 16), ("t2", 0)]
    pairs, left_out, _ = paired_points(scores, "a", "b", 64)
    assert [one.task for one, _ in pairs] == ["t0"]
    assert left_out == ("t1", "t2")


def test_correction_over_comparisons_is_of_their_overall_ps() -> None:
    scores = points(noisy(0.01), arms=("a", "b", "c"), tasks=6)
    made = [compare_arms(scores, arm, "b") for arm in ("a", "c")]
    corrected = correct_overall(made, "holm")
    assert [one.overall.corrected for one in corrected] == holm([one.overall.p for one in made])


def test_points_meet_on_their_common_instances_and_seeds() -> None:
    rows = [ScoredInstance("t", "a", 0, (seed,), name, 0.5) for seed in "12" for name in "xyz"]
    rows += [ScoredInstance("t", "b", 0, (seed,), name, 0.4) for seed in "23" for name in "zyw"]
    [[a, b]] = align([gather_scores(rows)], shared_seeds=False)
    assert a.instances == b.instances == ("y", "z")
    assert a.seeds == b.seeds == (("2",),)
    assert a.values.shape == b.values.shape == (1, 2)


def test_crossed_seeds_get_an_axis_each_and_others_share_one() -> None:
    whole = points(noisy(), tasks=1, arms=("a",), seeds=("1/x", "1/y", "2/x", "2/y"))
    assert whole[0].values.shape == (2, 2, 20)
    part = points(noisy(), tasks=1, arms=("a",), seeds=("1/x", "1/y", "2/x"))
    assert part[0].values.shape == (3, 20)
    assert part[0].seeds == (("1/x", "1/y", "2/x"),)


def test_rows_that_cannot_be_right_are_refused_together() -> None:
    rows = [
        ScoredInstance("t", "a", 0, ("1",), "i", float("nan")),
        ScoredInstance("t", "a", 0, ("1",), "j", 0.5),
        ScoredInstance("t", "a", 0, ("1",), "j", 0.6),
        ScoredInstance("t", "a", 0, ("2",), "k", 0.6),
    ]
    with pytest.raises(ProblemsError) as caught:
        gather_scores(rows)
    assert {problem.kind for problem in caught.value.problems} == {"no-score", "two-scores", "other-instances"}
    with pytest.raises(UserError, match="no score"):
        gather_scores([])


@pytest.mark.parametrize(
    ("curve", "target", "labels"),
    [
        ([10, 20, 40], 30, 32),  # half way from 16 to 64, in log labels
        ([10, 20, 40], 15, 8),  # half way from none to 16, in labels
        ([10, 20, 40], 5, 0),
        ([10, 20, 40], 40, 64),
        ([10, 20, 40], 41, np.inf),
        ([10, 30, 20], 30, 16),  # the first time counts
        ([10, 30, 20], 25, 12),
    ],
)
def test_labels_needed_lie_where_the_curve_first_reaches_the_score(curve, target, labels) -> None:
    assert first_crossing([0, 16, 64], np.array([curve], float), np.array([float(target)])) == pytest.approx([labels])


def test_labels_saved_at_equal_score_are_those_of_a_known_curve() -> None:
    def value(task, arm, labels, seed, at):
        return 0.2 + 0.1 * np.log2(max(labels, 2) * (4 if arm == "a" else 1) / 2)

    scores = points(value, labels=(2, 4, 8, 16))
    need = labels_needed(scores, "a", "b", 2)
    assert (need.needed, need.low, need.high) == pytest.approx((8, 8, 8), rel=1e-6)
    assert need.saved == pytest.approx(6)
    assert labels_needed(scores, "a", "b", 8).needed == np.inf
    assert labels_needed(scores, "b", "a", 2).needed == 2  # or fewer: it begins above
    with pytest.raises(UserError, match="two numbers of labels"):
        labels_needed(points(value, labels=(2,)), "a", "b", 2)


def factorial(task, arm, labels, seed, at):
    first, second = arm.split()
    return 0.3 + 0.1 * (first == "with") + 0.05 * (second == "told") + 0.08 * (arm == "with told") + 0.001 * labels


DESIGN = {f"{a} {b}": {"pre": a, "how": b} for a in ("none", "with") for b in ("plain", "told")}


def effect(found, *names):
    [one] = [one for one in found if tuple(name for name, _, _ in one.factors) == names]
    return one


def test_main_effects_and_interactions_are_those_put_in() -> None:
    found = factor_effects(points(factorial, arms=tuple(DESIGN)), DESIGN, labels=0)
    assert effect(found, "pre").mean == pytest.approx(0.14)
    assert effect(found, "how").mean == pytest.approx(0.09)
    assert effect(found, "pre", "how").mean == pytest.approx(0.08)
    turned = factor_effects(points(factorial, arms=tuple(DESIGN)), DESIGN, labels=0, references={"pre": "with"})
    assert effect(turned, "pre").mean == pytest.approx(-0.14)


def test_an_effects_interval_is_that_of_the_paired_differences_of_its_arms() -> None:
    draw = np.random.default_rng(5)
    own = {task: draw.normal(0, 0.05) for task in range(8)}
    scores = points(
        lambda t, a, *rest: factorial(t, a, *rest) + own[t] * a.startswith("with"), arms=tuple(DESIGN), tasks=8
    )
    made = effect(factor_effects(scores, DESIGN, labels=0, options=Options(resamples=20000)), "pre")
    means = 0.14 + np.array(list(own.values()))
    low, high = stats.t.interval(0.95, 7, means.mean(), stats.sem(means))
    assert made.mean == pytest.approx(means.mean())
    assert made.high - made.low == pytest.approx(high - low, rel=0.15)


def test_a_design_with_holes_is_told_over_the_settings_that_it_has() -> None:
    arms = {arm: levels for arm, levels in DESIGN.items() if arm != "with plain"}
    found = factor_effects(points(factorial, arms=tuple(arms)), arms, labels=0)
    pre = effect(found, "pre")
    assert (pre.mean, pre.settings, pre.possible) == (pytest.approx(0.18), 1, 2)
    assert all(len(one.factors) == 1 for one in found)


def test_labels_are_a_factor_where_all_of_them_are_asked_for() -> None:
    found = factor_effects(points(factorial, arms=tuple(DESIGN), labels=(0, 16, 64)), DESIGN)
    gains = {one.factors[0][2]: one.mean for one in found if [name for name, _, _ in one.factors] == ["labels"]}
    assert gains == pytest.approx({"16": 0.016, "64": 0.064})
    assert effect(found, "pre").settings == 6


def test_one_models_answers_under_several_arms_have_no_effect_and_no_interval() -> None:
    def key(task, arm, labels, seed):
        return f"{task}-{arm.split()[0]}"

    scores = points(lambda t, a, *_: 0.4 + 0.1 * a.startswith("with"), arms=tuple(DESIGN), answers=key)
    how = effect(factor_effects(scores, DESIGN, labels=0), "how")
    assert (how.mean, how.low, how.high, how.same) == (0, 0, 0, True)
    assert not effect(factor_effects(scores, DESIGN, labels=0), "pre").same
    found = compare_arms(scores, "with told", "with plain", labels=0)
    assert found.same
    assert (found.these.low, found.these.high, found.these.p) == (0, 0, 1)


def test_designs_that_cannot_be_are_refused() -> None:
    scores = points(factorial, arms=tuple(DESIGN))
    for arms, match in [
        ({"with told": {"pre": "with"}, "none told": {}}, "no level of the factor 'pre'"),
        ({"with told": {"pre": "x"}, "none told": {"pre": "x"}}, "same levels of all factors"),
        ({"with told": {"pre": "x"}}, "has only one level"),
        ({"with told": {"labels": "x"}, "none told": {"labels": "y"}}, "give another factor another name"),
        ({"p": {"pre": "x"}, "q": {"pre": "y"}}, "no effect can be computed"),
    ]:
        with pytest.raises(UserError, match=match):
            factor_effects(scores, arms)
    with pytest.raises(UserError, match="the reference pre = 'x' is unknown; known are none, with"):
        factor_effects(scores, DESIGN, references={"pre": "x"})


def test_mean_curves_weigh_tasks_alike_and_say_how_many_there_are() -> None:
    scores = [
        one for one in points(lambda t, a, size, *_: 0.1 * t + 0.01 * size, labels=(0, 16), tasks=3)
        if (one.task, one.arm, one.labels) != ("t2", "b", 16)
    ]  # fmt: skip
    made = {(one.arm, one.labels): one for one in mean_curves(scores, sizes=[0, 16])}
    assert made["a", 16].mean == pytest.approx(0.16 + 0.05)
    assert {one.tasks for one in made.values()} == {2}
    like = made["a", 0].like_these
    assert like is not None
    assert like[1] - like[0] > made["a", 0].high - made["a", 0].low
    other = [one for one in scores if (one.task, one.arm) in {("t0", "a"), ("t1", "b")}]
    assert {one.tasks for one in mean_curves(other, sizes=[0, 16])} == {1}
