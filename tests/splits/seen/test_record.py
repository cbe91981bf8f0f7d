from __future__ import annotations

import pytest

from tests.splits.made import made_collection, made_task
from tuition.base.errors import UserError
from tuition.splits.seen.record import Excluded, TasksDivided, divided, find_name, name_key
from tuition.tasks.collection import TaskSplit

MADE = made_collection([made_task(f"task{n}") for n in range(4)])


@pytest.mark.parametrize(
    ("seen", "unseen", "excluded"),
    [(("a",), ("a",), ()), (("a", "a"), ("b",), ()), (("a",), ("b",), (Excluded("b", "why"),))],
)
def test_a_task_in_two_places_is_no_split(
    seen: tuple[str, ...], unseen: tuple[str, ...], excluded: tuple[Excluded, ...]
) -> None:
    with pytest.raises(ValueError, match="more than once"):
        TasksDivided("x", seen, unseen, excluded)


def test_sets_keep_the_collections_order_and_give_the_lists_that_collections_ship() -> None:
    split = divided(MADE, "x=y", unseen={"task3", "task1"}, excluded={"task0": "why"})
    assert split == TasksDivided("x=y", ("task2",), ("task1", "task3"), (Excluded("task0", "why"),))
    assert split.task_split == TaskSplit(train=("task2",), test=("task1", "task3"))


def test_an_empty_side_is_noted() -> None:
    assert divided(MADE, "x", unseen=set(MADE.names)).notes == ("no task is left to train on",)
    assert divided(MADE, "x", unseen=set()).notes == ("no task is held out",)


@pytest.mark.parametrize(("one", "other"), [("disfl_qa", "DisflQA"), ("Textual Entailment", "textual-entailment")])
def test_spellings_of_a_name_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_other_names_stay_apart_even_those_of_signs_alone() -> None:
    assert len({name_key(name) for name in ("squad1.1", "squad2.0", "squad", "?", "!", "")}) == 6


def test_a_name_is_meant_exactly_before_it_is_meant_by_spelling() -> None:
    assert find_name("QA", ["qa", "QA", "q-a"], "category", MADE) == "QA"
    assert find_name("text entailment", ["Text Entailment"], "category", MADE) == "Text Entailment"
    with pytest.raises(UserError, match="'q_a' may mean qa, QA; write one of them exactly"):
        find_name("q_a", ["qa", "QA"], "category", MADE)


def test_an_unknown_name_is_answered_with_the_nearest_or_some_that_exist() -> None:
    with pytest.raises(UserError, match="no category is named 'Sentimental'; nearest: Sentiment"):
        find_name("Sentimental", ["Topic", "Sentiment"], "category", MADE)
    with pytest.raises(UserError, match="it has 2, such as: Topic, Sentiment"):
        find_name("xyzzy", ["Topic", "Sentiment"], "category", MADE)
    with pytest.raises(UserError, match="its tasks name no dataset"):
        find_name("x", [], "dataset", MADE)
    with pytest.raises(UserError) as caught:
        find_name("x" * 10**6, ["a"], "category", MADE)
    assert len(str(caught.value)) < 500
