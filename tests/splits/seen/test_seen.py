from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.splits.made import collections, made_collection, made_task, unreadable
from tuition.base.errors import ProblemsError, UserError
from tuition.splits.leaks import find_leaks, without_shared_sources
from tuition.splits.seen import TASK_SPLITS, TasksDivided, divide_tasks, each_fold
from tuition.splits.seen.facts import read_facts
from tuition.splits.seen.record import name_key
from tuition.tasks.collection import Collection

WITH_FOLDS = ["category", "dataset", "task", "cluster"]


def parts(split: TasksDivided) -> list[str]:
    return [*split.seen, *split.unseen, *(one.task for one in split.excluded)]


@given(collections(), st.sampled_from(WITH_FOLDS))
def test_every_fold_puts_every_task_in_one_place_and_holds_something_out(made: Collection, kind: str) -> None:
    for split in each_fold(made, kind):
        assert sorted(parts(split)) == sorted(made.names)
        assert split.unseen
        assert find_leaks(made, split).names == ()


@given(collections(), st.sampled_from(WITH_FOLDS))
def test_a_fold_asked_for_by_its_own_name_is_the_same_fold(made: Collection, kind: str) -> None:
    for split in each_fold(made, kind):
        assert divide_tasks(made, split.by) == split


@given(collections())
def test_leaving_a_dataset_or_category_out_leaves_nobody_with_it_among_the_seen(made: Collection) -> None:
    facts = {task.name: task for task in read_facts(made)}
    for kind in ("category", "dataset", "cluster"):
        for split in each_fold(made, kind):
            held = name_key(split.by.partition("=")[2])
            has = {
                name: held in map(name_key, task.sources if kind == "dataset" else task.categories)
                for name, task in facts.items()
            }
            assert {name for name in made.names if has[name]} == set(split.unseen)


@given(collections(), st.sampled_from(WITH_FOLDS))
def test_without_shared_sources_no_source_is_on_both_sides(made: Collection, kind: str) -> None:
    for split in each_fold(made, kind):
        apart = without_shared_sources(made, split)
        assert find_leaks(made, apart).sources == ()
        assert apart.unseen == split.unseen
        assert sorted(parts(apart)) == sorted(made.names)
        assert set(apart.seen) <= set(split.seen)


def test_no_instance_is_read_and_lists_and_tasks_read_nothing() -> None:
    blind = unreadable(["task1_a", "task2_b"])
    assert divide_tasks(blind, "task=task1").seen == ("task2_b",)
    assert len(each_fold(blind, "task")) == 2
    with pytest.raises(ProblemsError) as caught:
        divide_tasks(blind, "category=x")
    assert len(caught.value.problems) == 2, "the faults of both tasks are told"


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("categry=x", "no task split named 'categry'; did you mean 'category'?"),
        ("", "no task split named ''"),
        ("category=", "there is nothing after '='; write category=NAME"),
        ("category= ", "there is nothing after '='"),
        ("category", "no category to hold out is given; write category=NAME"),
        ("dataset", "write dataset=NAME"),
        ("task", "write task=NAME"),
        ("cluster", "write cluster=NAME"),
        ("list", "it ships none"),
    ],
)
def test_what_is_no_request_is_refused(by: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        divide_tasks(made_collection([made_task("task1_a", categories=["x"])]), by)
    assert message in str(caught.value)


def test_folds_are_refused_where_there_are_none_or_one_is_named() -> None:
    made = made_collection([made_task("task1_a", categories=["x"])])
    with pytest.raises(UserError, match="random split has no folds"):
        each_fold(made, "random")
    with pytest.raises(UserError, match="names one category; for all folds"):
        each_fold(made, "category=x")
    assert each_fold(made, "dataset") == ()


def test_every_kind_says_how_it_is_written() -> None:
    for name in TASK_SPLITS:
        assert TASK_SPLITS[name].name == name
        assert TASK_SPLITS[name].expects.startswith(name)
