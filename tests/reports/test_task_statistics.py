"""Labels by budget and lengths of prompts, against the published sums and sums by hand."""

from __future__ import annotations

import json
from pathlib import Path

from tuition.reports.task_statistics import (
    BUDGETS,
    budget_sums,
    budget_total,
    label_pool,
    mean_lengths,
    task_lengths,
    word_counts,
)
from tuition.tasks import Example, Instance, Task
from tuition.tasks.readers import open_collection
from tuition.tasks.statistics import groups_of


def task(count: int, name: str = "a", category: str = "Colour", repeats: int = 0) -> Task:
    rows = [Instance(str(n), f"input {n if n >= repeats else 0}", ("out",)) for n in range(count)]
    return Task(name, ("Say it.",), lambda: iter(rows), categories=(category,))


def test_a_large_task_has_the_same_labels_in_both_countings() -> None:
    pool = label_pool(task(300))
    assert (pool.thesis, pool.thesis_test, pool.honest, pool.honest_test) == (190, 100, 190, 100)
    assert not pool.reused
    assert not pool.possible


def test_a_task_below_120_rows_is_all_labels_in_the_thesis_and_none_in_an_honest_split() -> None:
    pool = label_pool(task(84))
    assert (pool.thesis, pool.thesis_test, pool.honest, pool.honest_test) == (84, 84, 0, 0)
    assert pool.reused
    assert "test" in pool.possible
    edge = label_pool(task(119))
    assert (edge.thesis, edge.honest) == (119, 9)
    assert label_pool(task(120)).thesis == 10


def test_labels_with_a_test_input_are_dropped_by_the_honest_count_alone() -> None:
    rows = [Instance(str(n), f"input {n % 150}", ("out",)) for n in range(300)]
    pool = label_pool(Task("a", (), lambda: iter(rows)))
    assert pool.thesis == 190
    assert pool.honest == 300 - 110 - pool.dropped == 80
    assert pool.category == ""


def test_a_task_without_rows_has_no_labels() -> None:
    pool = label_pool(task(0))
    assert (pool.thesis, pool.honest, pool.possible, pool.reused) == (0, 0, "nothing", False)


def test_a_budget_counts_at_most_what_each_task_has() -> None:
    pools = [label_pool(task(260, "a")), label_pool(task(2000, "b")), label_pool(task(400, "c", "Shape"))]
    colour, shape = budget_sums(pools, groups_of(pool.category for pool in pools))
    assert (colour.group, colour.tasks) == ("Colour", 2)
    assert colour.thesis == {"100": 200, "200": 150 + 200, "1000": 150 + 1000, "all": 150 + 1890}
    assert shape.honest == {"100": 100, "200": 200, "1000": 290, "all": 290}
    assert budget_total(pools).thesis["all"] == 150 + 1890 + 290


def test_lengths_are_the_words_of_the_prompts_that_models_read() -> None:
    rows = [Instance("1", "a b c", ("x y",)), Instance("2", "d", ("z",)), Instance("3", "no label", ())]
    told = Task("t", ("Do it well.",), lambda: iter(rows), positive_examples=(Example("in", "out"),))
    with_, without = mean_lengths(task_lengths(told, {"words": word_counts}))
    prompts = [
        "Definition: Do it well.\nPositive example 1-\ninput: in\noutput: out\n"
        f"Now complete the following example-\ninput: {row.input}\noutput:"
        for row in rows[:2]
    ]
    assert with_.rows == without.rows == 2
    assert with_.prompt == sum(len(prompt.split()) for prompt in prompts) / 2
    assert without.prompt == (5 + 3) / 2
    assert with_.target == 1.5
    assert without.longest == 5 + 2


def test_rows_weigh_the_same_and_tasks_weigh_the_same_in_their_own_means() -> None:
    one = Task("a", (), lambda: iter([Instance("1", "w " * 8, ("y",))]))
    three = Task("b", (), lambda: iter([Instance(str(n), "w", ("y",)) for n in range(3)]))
    lengths = [*task_lengths(one, {"words": word_counts}), *task_lengths(three, {"words": word_counts})]
    mean = next(mean for mean in mean_lengths(lengths) if mean.encoding == "without instructions")
    assert mean.prompt == (10 + 3 * 3) / 4
    assert mean.prompt_by_task == (10 + 3) / 2


def test_each_unit_counts_by_its_own_function() -> None:
    told = Task("a", (), lambda: iter([Instance("1", "abc", ("y",))]))
    lengths = task_lengths(told, {"words": word_counts, "signs": lambda texts: [len(text) for text in texts]})
    by_unit = {length.unit: length.prompt for length in lengths if length.encoding == "without instructions"}
    assert by_unit == {"words": 3, "signs": len("input: abc\noutput:")}


def test_no_rows_have_no_mean() -> None:
    assert mean_lengths(task_lengths(task(0), {"words": word_counts})) == []


def test_the_label_sums_of_the_real_tasks_are_those_published(superni: Path) -> None:
    pools = [label_pool(one) for one in open_collection(superni)]
    published = json.loads((superni / "expected_stats.json").read_text())
    groups = groups_of(pool.category for pool in pools)
    ours = {sums.group: sums for sums in budget_sums(pools, groups)}
    for budget, sums in published["train_samples"].items():
        for group, printed in sums.items():
            # Five Title Generation tasks have 200 training rows in the data at hand.
            missing = 4000 if (budget, group) == ("1000", "Title Generation") else 0
            assert ours[group].thesis[budget] == printed - missing, (budget, group)
    assert sum(pool.thesis_test for pool in pools) == published["test_instances"]
    reused = {pool.task.split("_")[0]: pool.rows for pool in pools if pool.reused}
    assert reused == {"task393": 100, "task602": 84, "task640": 100, "task760": 26, "task893": 100}
    total = budget_total(pools)
    assert total.honest == {"100": 11_189, "200": 21_755, "1000": 90_544, "all": 90_544}
    assert tuple(total.thesis) == BUDGETS
