from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tuition.reports.curves import Curve, CurvePoint
from tuition.reports.summary import findings, label_saving, overview
from tuition.studies.results import ScoreRow, StudyResults


def curve(arm: str, values: Mapping[int, float], half: float = 5.0) -> Curve:
    points = tuple(CurvePoint(n, v, v - half, v + half, 50, (1,)) for n, v in values.items())
    return Curve("t", arm, "rouge_l", points)


def study(*curves: Curve, baseline: str = "") -> StudyResults:
    rows = [
        ScoreRow(c.task, c.arm, p.labels, 1, c.metric, p.value, p.low, p.high, p.n) for c in curves for p in c.points
    ]
    return StudyResults("s", tuple(rows), baseline=baseline)


def test_the_saving_is_the_largest_budget_matched_by_the_smallest() -> None:
    saving = label_saving(curve("with", {0: 20, 16: 45, 64: 60}), curve("without", {0: 5, 16: 20, 64: 45}))
    assert saving is not None
    assert (saving.fewer.labels, saving.labels.labels, saving.saved, saving.clear) == (16, 64, 48, False)


def test_a_saving_is_clear_only_where_the_intervals_lie_apart() -> None:
    saving = label_saving(curve("with", {0: 20, 16: 56}), curve("without", {0: 5, 64: 45}))
    assert saving is not None
    assert saving.clear


def test_a_budget_that_its_own_arm_matches_with_fewer_labels_saves_nothing() -> None:
    flat = curve("flat", {0: 50, 16: 50, 64: 49})
    assert label_saving(curve("other", {0: 50, 16: 50}), flat) is None
    assert label_saving(flat, flat) is None


def test_nothing_is_read_off_between_points() -> None:
    assert label_saving(curve("with", {0: 0, 64: 90}), curve("without", {0: 0, 64: 45})) is None


def test_a_finding_tells_both_ends_of_each_arm_and_the_saving_with_its_doubt() -> None:
    told = findings(study(curve("without", {0: 5, 16: 20, 64: 45}), curve("with", {0: 20, 16: 46, 64: 60})))["t"]
    assert told == (
        "“without” scored 5.0 (0.0 – 10.0) ROUGE-L with no labels and 45.0 (40.0 – 50.0) with 64; "
        "“with” 20.0 (15.0 – 25.0) and 60.0 (55.0 – 65.0). "
        "With 16 labels “with” scored 46.0 (41.0 – 51.0), no less than “without” with 64, 45.0 (40.0 – 50.0): "
        "48 labels saved. The two intervals overlap (n = 50), so this may be chance."
    )


def test_a_clear_saving_is_told_without_the_doubt() -> None:
    told = findings(study(curve("without", {0: 5, 64: 45}), curve("with", {0: 20, 16: 60})))["t"]
    assert told.endswith("48 labels saved. The two intervals do not overlap (n = 50).")


def test_no_saving_is_claimed_where_none_was_measured() -> None:
    told = findings(study(curve("without", {0: 5, 64: 45}), curve("with", {0: 20, 64: 60})))["t"]
    assert told.endswith("At no measured point did an arm match the other with fewer labels: no saving shows.")


def test_an_arm_that_costs_labels_is_told_as_plainly() -> None:
    told = findings(study(curve("without", {0: 5, 16: 50, 64: 60}), curve("with", {0: 4, 16: 20, 64: 45})))["t"]
    assert "With 16 labels “without” scored 50.0 (45.0 – 55.0), no less than “with” with 64" in told


def test_curves_that_cross_are_told_to_save_nothing_throughout() -> None:
    told = findings(study(curve("a", {0: 30, 16: 40, 64: 41}), curve("b", {0: 5, 16: 20, 64: 80, 256: 90})))["t"]
    assert "cross" not in told
    told = findings(study(curve("a", {0: 30, 16: 31, 256: 75}), curve("b", {0: 5, 16: 20, 64: 80})))["t"]
    assert told.endswith("The two curves cross, so neither arm saves labels throughout.")


def test_one_number_of_labels_shows_no_saving_and_one_arm_is_compared_with_none() -> None:
    told = findings(study(curve("a", {16: 30}), curve("b", {16: 40})))["t"]
    assert told.endswith("One number of labels cannot show whether an arm saves any.")
    assert findings(study(curve("a", {16: 30})))["t"] == "“a” scored 30.0 (25.0 – 35.0) ROUGE-L with 16 labels."


def test_arms_with_other_budgets_are_told_in_full() -> None:
    told = findings(study(curve("a", {0: 30, 16: 40}), curve("b", {16: 45}), curve("c", {0: 1, 16: 2})))["t"]
    assert "“b” 45.0 (40.0 – 50.0) with 16 labels; “c” 1.0 (-4.0 – 6.0) and 2.0 (-3.0 – 7.0)." in told


def test_the_named_baseline_is_what_arms_are_compared_with() -> None:
    low, middle, high = curve("low", {0: 1, 64: 30}), curve("middle", {0: 30, 64: 50}), curve("high", {0: 50, 64: 90})
    told = findings(study(low, middle, high, baseline="middle"))["t"]
    assert "“middle” scored 30.0 (25.0 – 35.0), no less than “low” with 64" in told
    assert "“high” scored 50.0 (45.0 – 55.0), no less than “middle” with 64" in told
    assert "no less than “low” with 64, 30.0 (25.0 – 35.0): 64 labels saved" in told
    assert "“high” scored 50.0 (45.0 – 55.0), no less than “low”" not in told


def test_the_overview_tells_the_size_the_means_and_on_how_many_tasks_labels_were_saved(results: StudyResults) -> None:
    assert overview(results) == (
        "This study compares 2 arms on 3 tasks with 0, 16 and 64 labels each (1 seed); every score is over 50 test "
        "instances. Averaged over the tasks, “without instruction” scored 10.0 ROUGE-L with no labels and 40.0 with "
        "64; “with instruction” 30.0 and 60.0. “with instruction” matched “without instruction” with fewer labels on "
        "3 of 3 tasks (with intervals that overlap); the reverse held on none."
    )


def test_arms_that_show_nothing_share_a_sentence(make_results: Callable[..., StudyResults]) -> None:
    results = make_results(arms=("a", "b"), labels=(0, 16))
    lifted = tuple(replace(r, arm="c", value=9.0, low=5.0, high=12.0) for r in results.scores if r.arm == "a")
    told = overview(replace(results, scores=tuple(r for r in results.scores if r.arm == "a") + lifted))
    assert told.endswith("Between “a” and “c” no saving of labels shows on any task.")


def test_means_are_told_only_over_all_tasks(results: StudyResults) -> None:
    part = tuple(r for r in results.scores if (r.task, r.arm) != ("causation", "with instruction"))
    told = overview(replace(results, scores=part))
    assert "Averaged over the tasks, “without instruction” scored 10.0 ROUGE-L with no labels and 40.0 with 64." in told
    assert "2 of 2 tasks" in told


def test_a_study_of_one_task_is_told_by_its_finding(make_results: Callable[..., StudyResults]) -> None:
    results = make_results(tasks=("only",), labels=(0,), arms=("a",))
    assert overview(results) == (
        "This study follows 1 arm on 1 task with no labels (1 seed); every score is over 50 test instances. "
        "“a” scored 10.0 (6.0 – 16.0) ROUGE-L with no labels."
    )


def test_names_cannot_turn_a_sentence_around(make_results: Callable[..., StudyResults]) -> None:
    results = make_results(arms=("a\u202e", "b\n\u2029"))
    told = overview(results) + "".join(findings(results).values())
    assert not set(told) & set("\u202e\n\u2029")
