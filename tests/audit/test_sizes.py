from __future__ import annotations

import pytest

from tuition.audit.audit import Setting
from tuition.audit.sizes import find_small
from tuition.tasks.collection import TaskSplit

HELD_OUT = Setting({"default": TaskSplit((), ("task1_made",))})


@pytest.mark.parametrize(("count", "small"), [(1, True), (110, True), (111, False), (0, False)])
def test_a_task_needs_111_distinct_inputs(make_rows, count: int, small: bool) -> None:
    assert bool(list(find_small(make_rows([(f"row {n}", "x") for n in range(count)]), HELD_OUT))) is small


def test_repeats_do_not_count(make_rows) -> None:
    (finding,) = find_small(make_rows([(f"row {n % 50}", "x") for n in range(500)]), HELD_OUT)
    assert "50 distinct" in finding.message
    assert "they are enough for" in finding.message


def test_a_task_that_no_split_holds_out_is_a_note(make_rows) -> None:
    rows = make_rows([("a", "x")])
    assert [f.severity for f in find_small(rows, HELD_OUT)] == ["warning"]
    assert [f.severity for f in find_small(rows, Setting())] == ["note"]


def test_a_task_with_sets_of_its_own_is_judged_by_them(make_rows) -> None:
    assert list(find_small(make_rows([("a", "x", "train"), ("b", "x", "test")]), HELD_OUT)) == []
