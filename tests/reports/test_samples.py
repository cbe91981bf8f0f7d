from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from tuition.reports.samples import choose_samples, is_right
from tuition.studies.results import PredictionRow


def answers(right: int, wrong: int, *, arm: str = "a", labels: int = 0) -> list[PredictionRow]:
    return [
        PredictionRow("t", arm, labels, 1, f"i{n}", f"input {n}", "x", ("y",), {"exact_match": float(n < right)})
        for n in range(right + wrong)
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "shown"),
    [
        (20, 20, (4, 4)),
        (1, 20, (1, 7)),
        (20, 2, (6, 2)),
        (0, 20, (0, 8)),
        (20, 0, (8, 0)),
        (2, 3, (2, 3)),
        (1, 0, (1, 0)),
    ],
)
def test_right_and_wrong_answers_are_mixed_as_far_as_they_reach(right: int, wrong: int, shown: tuple[int, int]) -> None:
    [sample] = choose_samples(answers(right, wrong))
    marks = [is_right(row) for row in sample.shown]
    assert (marks.count(True), marks.count(False)) == shown
    assert (sample.total, sample.right) == (right + wrong, right)


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    rows = answers(20, 20)
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    assert choose_samples(rows) == choose_samples(shuffled)


def test_points_of_a_task_show_the_same_instances_where_answers_allow_it() -> None:
    here, there = choose_samples([*answers(20, 20), *answers(20, 20, arm="b")])
    assert [row.instance for row in here.shown] == [row.instance for row in there.shown]
    assert [row.instance for row in here.shown] != [f"i{n}" for n in range(8)]


def test_points_stand_by_labels_then_by_arm() -> None:
    rows = [*answers(1, 1, labels=64), *answers(1, 1, labels=0), *answers(1, 1, arm="b", labels=0)]
    assert [(s.labels, s.arm) for s in choose_samples(rows)] == [(0, "a"), (0, "b"), (64, "a")]


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        ({"rouge_l": 1.0, "exact_match": 0.0}, False),
        ({"rouge_l": 0.2, "exact_match": 1.0}, True),
        ({"rouge_l": 1.0}, True),
        ({"rouge_l": 0.99}, False),
        ({}, None),
    ],
)
def test_an_answer_is_right_by_exact_match_or_else_by_its_first_metric(
    scores: Mapping[str, float], right: bool | None
) -> None:
    assert is_right(PredictionRow("t", "a", 0, 1, "i", "in", "out", ("ref",), scores)) is right


def test_answers_that_nobody_judged_are_shown_but_not_counted() -> None:
    rows = [PredictionRow("t", "a", 0, 1, f"i{n}", "in", "out", ("ref",)) for n in range(12)]
    [sample] = choose_samples(rows)
    assert (len(sample.shown), sample.total, sample.right) == (8, 12, None)


def test_no_answers_make_no_samples() -> None:
    assert choose_samples([]) == ()
