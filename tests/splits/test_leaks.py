from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from tests.splits.made import collections, made_collection, made_task
from tuition.base.errors import Problem, ProblemsError
from tuition.splits.content import content_key
from tuition.splits.leaks import (
    InputLeaks,
    Shared,
    SharedInputs,
    excerpt,
    find_leaks,
    shared_inputs,
    without_shared_sources,
)
from tuition.splits.seen import Excluded, TasksDivided, each_fold
from tuition.tasks.collection import Collection
from tuition.tasks.types import Task

MADE = made_collection(
    [
        made_task("a", ["One.", "two", "", "three"], sources=["SQuAD 2.0"], definition="Answer it."),
        made_task("b", ["four", "TWO ", "five"], sources=["drop"], definition="Ask."),
        made_task("c", ["one.", "one.", "two", " ", "six"], sources=["squad2.0", "x"], definition="answer  IT."),
    ]
)
SPLIT = TasksDivided("list=x", ("a", "b"), ("c",))


def test_sources_and_definitions_are_shared_however_they_are_spelt() -> None:
    leaks = find_leaks(MADE, SPLIT)
    assert leaks.sources == (Shared("squad2.0", ("a",), ("c",)),)
    assert leaks.definitions == (Shared("answer  IT.", ("a",), ("c",)),)
    assert (leaks.names, leaks.inputs, leaks.clean) == ((), None, False)


def test_inputs_are_counted_by_unseen_rows_and_by_pairs_and_blank_ones_are_not() -> None:
    inputs = shared_inputs(MADE, SPLIT)
    assert inputs == InputLeaks(
        None, seen_rows=6, unseen_rows=4, leaked=3, pairs=(SharedInputs("c", "a", 3), SharedInputs("c", "b", 1))
    )
    assert find_leaks(MADE, SPLIT, rows=None).inputs == inputs


def test_a_bounded_look_reads_no_more_rows() -> None:
    def endless() -> object:
        number = 0
        while True:
            yield next(made_task("x", [f"row {number}"]).instances())
            number += 1

    made = made_collection([Task(name, ("Do.",), endless) for name in ("a", "b")])  # type: ignore[arg-type]
    inputs = shared_inputs(made, TasksDivided("x", ("a",), ("b",)), rows=7)
    assert (inputs.seen_rows, inputs.unseen_rows, inputs.leaked) == (7, 7, 7)


def test_excluded_tasks_are_on_neither_side() -> None:
    split = TasksDivided("x", ("b",), ("c",), (Excluded("a", "why"),))
    leaks = find_leaks(MADE, split, rows=None)
    assert leaks.sources == leaks.definitions == ()
    assert leaks.inputs is not None
    assert leaks.inputs.pairs == (SharedInputs("c", "b", 1),)


def test_a_split_with_nothing_in_common_is_clean() -> None:
    made = made_collection([made_task("a", ["x"]), made_task("b", ["y"])])
    assert find_leaks(made, TasksDivided("x", ("a",), ("b",)), rows=None).clean


def test_seen_tasks_with_an_unseen_source_are_excluded_with_the_reason() -> None:
    apart = without_shared_sources(MADE, SPLIT)
    assert apart.seen == ("b",)
    assert apart.excluded == (Excluded("a", "shares the source dataset 'SQuAD 2.0' with the unseen c"),)
    only = without_shared_sources(MADE, TasksDivided("x", ("a",), ("c",), (Excluded("b", "why"),)))
    assert only.notes == ("no task is left to train on",)
    assert [one.task for one in only.excluded] == ["a", "b"]


def test_faults_in_rows_of_all_tasks_are_told_together() -> None:
    def broken(name: str) -> Task:
        def read() -> object:
            raise ProblemsError([Problem("broken", f"{name} is broken", "fix it")])

        return Task(name, ("Do.",), read)  # type: ignore[arg-type]

    made = made_collection([broken("a"), broken("b")])
    with pytest.raises(ProblemsError) as caught:
        find_leaks(made, TasksDivided("x", ("a",), ("b",)), rows=5)
    assert sorted(problem.found for problem in caught.value.problems) == ["a is broken", "b is broken"]


@given(collections())
def test_counts_are_those_of_a_plain_comparison(made: Collection) -> None:
    keys = {task.name: [content_key(row.input) for row in task.instances()] for task in made}
    for split in each_fold(made, "task"):
        inputs = shared_inputs(made, split)
        seen = {key for name in split.seen for key in keys[name] if key}
        assert inputs.leaked == sum(1 for name in split.unseen for key in keys[name] if key in seen)
        pairs = Counter(
            {
                (unseen, other): sum(1 for key in keys[unseen] if key and key in keys[other])
                for unseen in split.unseen
                for other in split.seen
            }
        )
        assert {(pair.unseen, pair.seen): pair.rows for pair in inputs.pairs} == dict(+pairs)


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt("a\nb   c") == "a b c"
    assert len(excerpt("x" * 1000)) == 71
