from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.splits.made import collections, made_collection, made_task
from tuition.base.errors import UserError
from tuition.splits.seen import divide_tasks
from tuition.splits.seen.facts import read_facts
from tuition.splits.seen.record import name_key
from tuition.tasks.collection import Collection

# As many tasks as Natural Instructions has, in its six categories.
SIZES = {"QG": 13, "AG": 16, "CF": 12, "IAG": 8, "MM": 10, "VF": 2}
NI = made_collection(
    [made_task(f"{category}{n}", categories=[category]) for category, size in SIZES.items() for n in range(size)]
)


def by_category(names: tuple[str, ...]) -> Counter[str]:
    return Counter(name.rstrip("0123456789") for name in names)


def test_two_tasks_of_each_category_are_held_out_by_default() -> None:
    split = divide_tasks(NI, "random")
    assert by_category(split.unseen) == {"QG": 2, "AG": 2, "CF": 2, "IAG": 2, "MM": 2, "VF": 1}
    assert split.notes == ("1 categories hold out fewer than 2, to keep a seen task: VF 1",)
    assert (split.by, split.seed) == ("random=2/category", 0)
    assert len(split.seen) == 61 - 11


def test_a_total_is_spread_evenly_and_met() -> None:
    split = divide_tasks(NI, "random=12")
    assert by_category(split.unseen) == {"QG": 2, "AG": 3, "CF": 2, "IAG": 2, "MM": 2, "VF": 1}
    assert by_category(divide_tasks(NI, "random=5").unseen) == {"QG": 1, "AG": 1, "CF": 1, "MM": 1, "IAG": 1}


def test_the_seed_decides_and_nothing_else_does() -> None:
    first = divide_tasks(NI, "random", seed=3)
    assert first == divide_tasks(NI, "random=2/category", seed=3)
    assert first.unseen != divide_tasks(NI, "random", seed=4).unseen
    backwards = made_collection([NI[name] for name in reversed(NI.names)])
    assert set(divide_tasks(backwards, "random", seed=3).unseen) == set(first.unseen)
    without = made_collection([task for task in NI if task.categories != ("MM",)])
    assert set(divide_tasks(without, "random", seed=3).unseen) == {n for n in first.unseen if not n.startswith("MM")}


def test_more_of_a_seed_hold_out_what_fewer_do() -> None:
    few, many = (set(divide_tasks(NI, f"random={n}", seed=1).unseen) for n in (6, 30))
    assert few < many


def test_every_task_is_drawn_about_as_often() -> None:
    counts = Counter(name for seed in range(600) for name in divide_tasks(NI, "random=3", seed=seed).unseen)
    # 3 of the largest categories AG, QG, CF by turns: each AG task has 600/16 = 37.5 draws on average.
    drawn = [counts[f"AG{n}"] for n in range(16)]
    assert sum(drawn) == 600
    assert sum((count - 37.5) ** 2 / 37.5 for count in drawn) < 37.7, "chi-square, 15 degrees of freedom, p = 0.001"


@given(collections(), st.integers(0, 3), st.integers(1, 9), st.sampled_from(["", "/category"]))
def test_a_category_never_goes_whole_and_a_total_is_met_or_refused(
    made: Collection, seed: int, n: int, ending: str
) -> None:
    categories = Counter(name_key(task.categories[0]) if task.categories else "" for task in read_facts(made))
    spare = sum(count - 1 for count in categories.values())
    if spare < (1 if ending else n):
        with pytest.raises(UserError, match=r"keeps a seen task|leave a seen one"):
            divide_tasks(made, f"random={n}{ending}", seed=seed)
        return
    split = divide_tasks(made, f"random={n}{ending}", seed=seed)
    assert split == divide_tasks(made, f"random={n}{ending}", seed=seed)
    assert split.seen
    assert split.unseen
    assert ending or len(split.unseen) == n
    assert not split.excluded


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "2/cat", "0/category", "1e3", "٣", "9" * 40])
def test_what_is_no_number_of_tasks_is_refused(value: str) -> None:
    with pytest.raises(UserError, match="is not a number of tasks to hold out; write random"):
        divide_tasks(NI, f"random={value}")


def test_more_tasks_than_there_are_is_refused_with_what_could_be_had() -> None:
    with pytest.raises(UserError, match=r"60 random tasks were requested; of its 61 tasks in 6 categories at most 55"):
        divide_tasks(NI, "random=60")
    alone = made_collection([made_task("a", categories=["x"]), made_task("b", categories=["y"])])
    with pytest.raises(UserError, match="no category has two tasks"):
        divide_tasks(alone, "random")
