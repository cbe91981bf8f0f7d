"""A name in full, its first word or a unique prefix; anything else is answered with what there is."""

from __future__ import annotations

import pytest

from tuition.base.errors import UserError
from tuition.base.names import full_name

NAMES = ["task39_sum", "task391_difference", "task4", "with"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("task39", "task39_sum"), ("task391", "task391_difference"), ("task4", "task4"), ("w", "with")]
)
def test_a_name_is_found_by_its_first_word_or_a_unique_prefix(typed: str, meant: str) -> None:
    assert full_name(typed, NAMES, "task") == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("task3", "x: 'task3' begins 2 task names .task39_sum, task391_difference.; write more"),
        ("tsk4", "x: no task is named 'tsk4'; nearest: task4"),
        ("zz", "x: no task is named 'zz'; there are task39_sum, .*with"),
        ("", "no task is named ''"),
    ],
)
def test_any_other_name_is_refused_with_what_there_is(typed: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        full_name(typed, NAMES, "task", "x")


def test_of_many_names_a_few_are_shown() -> None:
    with pytest.raises(UserError, match=r"it has 500, such as n0, n1, …"):
        full_name("zz", [f"n{i}" for i in range(500)], "task")
