from __future__ import annotations

import pytest

from tests.splits.made import made_collection, made_task, unreadable
from tuition.base.errors import ProblemsError
from tuition.splits.seen.facts import TaskFacts, read_facts

MADE = made_collection([made_task("a", categories=["c"], sources=["s"], definition="Do."), made_task("b")])


def test_facts_are_what_the_task_says_in_the_order_asked_for() -> None:
    assert read_facts(MADE)[0] == TaskFacts("a", ("c",), ("s",), ("Do.",))
    assert [fact.name for fact in read_facts(MADE, ["b", "a"])] == ["b", "a"]


def test_blank_names_are_nothing() -> None:
    (fact,) = read_facts(made_collection([made_task("a", categories=["", " ", "c"], sources=[""])]))
    assert (fact.categories, fact.sources) == (("c",), ())


def test_all_unreadable_tasks_are_told_together() -> None:
    with pytest.raises(ProblemsError) as caught:
        read_facts(unreadable(["a", "b", "c"]))
    assert [problem.found for problem in caught.value.problems] == ["a is broken", "b is broken", "c is broken"]
