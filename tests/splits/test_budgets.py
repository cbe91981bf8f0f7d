from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import SHARED
from tests.splits.made import made_task
from tuition.base.errors import UserError
from tuition.splits import content_key, possible_sizes, split_task
from tuition.splits.budgets import Order, TaskLabels
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Instance, RowSplit, Task

REAL = SHARED / "superni"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not beside the checkout")


def task(inputs: list[str], name: str = "task1_x") -> Task:
    rows = [Instance(str(number), text, ("out",)) for number, text in enumerate(inputs)]
    return Task(name, ("Do.",), lambda: iter(rows))


def distinct(n: int) -> Task:
    return task([f"input {number}" for number in range(n)])


def ids(rows: tuple[Instance, ...]) -> list[str]:
    return [row.id for row in rows]


# ---- content


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A  b\r\n", " a\tB"),
        ("ﬁne", "FINE"),
        ("Straße", "STRASSE"),
        ("e\u0301", "\u00c9"),
        ("a\u00a0b", "a b"),
        ("１２", "12"),
        ("a\u2003\u2028b", "a b"),
    ],
)
def test_inputs_that_differ_in_form_alone_are_one_content(one: str, other: str) -> None:
    assert content_key(one) == content_key(other)


@pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("a.", "a"), ("1", "2"), ("cafe", "café"), ("", ".")])
def test_inputs_of_other_words_are_other_content(one: str, other: str) -> None:
    assert content_key(one) != content_key(other)


@given(st.text())
def test_the_key_of_a_key_is_itself_and_has_no_stray_space(text: str) -> None:
    key = content_key(text)
    assert content_key(key) == key
    assert key == " ".join(key.split())


# ---- the three sets


def test_file_order_is_the_protocol_of_rows_0_to_99_100_to_109_and_the_first_n() -> None:
    split = split_task(distinct(300), order="file")
    assert ids(split.test) == [str(n) for n in range(100)]
    assert ids(split.validation) == [str(n) for n in range(100, 110)]
    assert ids(split.labels(16)) == [str(n) for n in range(110, 126)]
    assert (len(split.pool), split.dropped) == (190, 0)


def test_file_order_keeps_repeats_within_test_and_drops_them_after_it() -> None:
    split = split_task(task(["a", "A ", "b", "a", "c", "B", "d", "c", "d", "e"]), test=2, validation=2, order="file")
    assert ids(split.test) == ["0", "1"]
    assert ids(split.validation) == ["2", "4"], "row 3 has the content of row 0"
    assert ids(split.pool) == ["6", "8", "9"], "a content may repeat within the pool"
    assert split.dropped == 3


def test_seeded_order_tests_each_content_once() -> None:
    split = split_task(task(["a", "a", "a", "b", "b", "c", "d"]), test=2, validation=1, seed=4)
    assert len({content_key(row.input) for row in split.test}) == 2
    assert len(split.test) + len(split.validation) + len(split.pool) + split.dropped == 7


def test_seeds_and_task_names_make_other_splits_and_nothing_else_does() -> None:
    first = split_task(distinct(60), test=10, validation=5)
    assert first == split_task(distinct(60), test=10, validation=5, seed=0, labels=20)
    assert ids(first.test) != ids(split_task(distinct(60), test=10, validation=5, seed=1).test)
    other = task([row.input for row in distinct(60).instances()], "task2_x")
    assert ids(first.test) != ids(split_task(other, test=10, validation=5).test)


def test_no_validation_set_is_a_choice() -> None:
    assert split_task(distinct(5), test=3, validation=0).validation == ()


def test_a_task_of_just_the_size_has_an_empty_pool_for_zero_labels() -> None:
    split = split_task(distinct(110), order="file")
    assert split.labels(0) == split.pool == ()


rows = st.lists(
    st.sampled_from(["a", "A", " a ", "b", "B\n", "c", "d", "é", "e\u0301", "É", "f", "g", ""]), max_size=40
)
orders: st.SearchStrategy[Order] = st.sampled_from(["file", "seeded"])


def cut(inputs: list[str], test: int, validation: int, order: Order, seed: int) -> TaskLabels:
    try:
        return split_task(task(inputs), test=test, validation=validation, order=order, seed=seed)
    except UserError:
        assume(False)
        raise


@given(rows, st.integers(1, 6), st.integers(0, 4), orders, st.integers(0, 5))
def test_sets_share_no_content_and_no_row_is_lost(
    inputs: list[str], test: int, validation: int, order: Order, seed: int
) -> None:
    split = cut(inputs, test, validation, order, seed)
    assert (len(split.test), len(split.validation)) == (test, validation)
    sets = [split.test, split.validation, split.pool]
    contents = [{content_key(row.input) for row in rows} for rows in sets]
    assert sum(len(content) for content in contents) == len(set().union(*contents))
    taken = [row.id for rows in sets for row in rows]
    assert len(taken) == len(set(taken))
    assert len(taken) + split.dropped == len(inputs)
    held_out = contents[0] | contents[1]
    left = {str(n) for n in range(len(inputs))} - set(taken)
    assert all(content_key(inputs[int(n)]) in held_out for n in left), "only what is held out is dropped"
    assert split == split_task(task(inputs), test=test, validation=validation, order=order, seed=seed)
    if order == "file":
        assert ids(split.test) == [str(n) for n in range(test)]
        assert [int(i) for i in ids(split.pool)] == sorted(int(i) for i in ids(split.pool))
    else:
        assert max(Counter(content_key(row.input) for row in split.test).values()) == 1


@given(rows, orders, st.integers(0, 5), st.data())
def test_budgets_are_nested(inputs: list[str], order: Order, seed: int, data: st.DataObject) -> None:
    split = cut(inputs, 2, 1, order, seed)
    more = data.draw(st.integers(0, len(split.pool)))
    fewer = data.draw(st.integers(0, more))
    assert split.labels(more)[:fewer] == split.labels(fewer)
    assert len(split.labels(more)) == more


@given(rows, st.integers(1, 60), st.integers(0, 12), st.integers(0, 30), orders, st.integers(0, 3))
def test_what_a_task_is_said_to_give_it_gives(
    inputs: list[str], test: int, validation: int, labels: int, order: Order, seed: int
) -> None:
    wanted: dict[str, Any] = {"test": test, "validation": validation, "labels": labels}
    where: dict[str, Any] = {"order": order, "seed": seed}
    sizes = possible_sizes(task(inputs), **wanted, **where)
    if sizes is None:
        assert not inputs
        return
    assert sizes.test <= test
    assert sizes.validation <= validation
    offered = {"test": sizes.test, "validation": sizes.validation, "labels": sizes.labels}
    assert len(split_task(task(inputs), **offered, **where).pool) >= sizes.labels
    if offered != wanted:
        with pytest.raises(UserError, match=f"enough for e.g. {sizes}".replace("+", r"\+")):
            split_task(task(inputs), **wanted, **where)


# ---- what is refused


def test_a_task_too_small_is_refused_with_sizes_that_it_could_give() -> None:
    with pytest.raises(UserError) as caught:
        split_task(distinct(84), labels=16)
    assert str(caught.value) == (
        "task1_x has 84 instances (84 distinct inputs); 100 test + 10 validation + 16 labels need 126;"
        " enough for e.g. 50 test + 10 validation + 24 labels"
    )


def test_a_task_of_repeats_is_told_why_its_rows_do_not_suffice() -> None:
    with pytest.raises(UserError, match=r"200 instances \(50 distinct inputs\).* and \d+ repeat an input of test"):
        split_task(task([f"in {n % 50}" for n in range(200)]), test=40, validation=10, labels=16)


def test_a_task_without_rows_has_nothing_to_give() -> None:
    with pytest.raises(UserError, match=r"0 instances .* not enough for any split"):
        split_task(distinct(0))
    assert possible_sizes(distinct(0)) is None


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"test": 0}, "test is 0; it must be a whole number of rows, 1 or more"),
        ({"test": -1}, "test is -1"),
        ({"test": 1.5}, "test is 1.5"),
        ({"test": True}, "test is True"),
        ({"validation": -1}, "validation is -1; it must be a whole number of rows, 0 or more"),
        ({"labels": -16}, "labels is -16"),
        ({"labels": "all"}, "labels is 'all'"),
        ({"order": "random"}, "no order 'random'; it is 'file' or 'seeded'"),
    ],
)
def test_sizes_that_are_no_counts_are_refused_before_a_row_is_read(sizes: dict[str, Any], message: str) -> None:
    def read() -> Any:
        raise AssertionError("rows were read")

    for ask in (split_task, possible_sizes):
        with pytest.raises(UserError) as caught:
            ask(Task("task1_x", ("Do.",), read), **sizes)
        assert message in str(caught.value)


@pytest.mark.parametrize("n", [-1, 21, 10**9])
def test_a_budget_beyond_the_pool_is_refused_with_what_there_is(n: int) -> None:
    split = split_task(distinct(30), test=8, validation=2)
    with pytest.raises(UserError, match=r"a budget may be 0 to 20|labels is -1"):
        split.labels(n)


# ---- budgets that say what they really were


def test_a_budget_is_a_count_a_share_of_the_pool_or_all() -> None:
    split = split_task(distinct(210), order="file")
    for asked, got in ((0, 0), (16, 16), ("16", 16), ("6%", 6), ("5.91%", 6), ("0.1%", 1), ("all", 100), ("100%", 100)):
        budget = split.budget(asked)
        assert (budget.task, budget.count, budget.pool, budget.short) == ("task1_x", got, 100, False)
    assert str(split.budget("6%")) == "6 labels"


def test_a_budget_beyond_the_pool_is_refused_or_capped_and_told() -> None:
    split = split_task(distinct(204), order="file")
    with pytest.raises(UserError, match="100 labels were requested and its pool has 94"):
        split.budget(100)
    capped = split.budget(100, over="capped")
    assert (capped.count, capped.short, str(capped)) == (94, True, "94 labels of the 100 requested")
    with pytest.raises(UserError, match="over is 'loose'; it is 'strict' or 'capped'"):
        split.budget(100, over="loose")  # type: ignore[arg-type]


@given(rows, orders, st.integers(0, 3), st.lists(st.integers(0, 10_000), min_size=2, max_size=5), st.booleans())
def test_percentages_counts_and_all_are_nested(
    inputs: list[str], order: Order, seed: int, parts: list[int], stratified: bool
) -> None:
    try:
        split = split_task(task(inputs), test=2, validation=1, order=order, seed=seed)
    except UserError:
        assume(False)
        raise
    split = split.stratified() if stratified else split
    asked = [f"{part / 100:.2f}%" for part in parts] + [str(part) for part in parts] + ["all"]
    taken = sorted((split.labels(split.budget(one, over="capped").count) for one in asked), key=len)
    for fewer, more in itertools.pairwise(taken):
        assert more[: len(fewer)] == fewer
    assert taken[-1] == split.pool


def test_capped_dividing_takes_the_labels_there_are() -> None:
    split = split_task(distinct(114), order="file", labels=100, over="capped")
    assert str(split.sizes) == "100 test + 10 validation + 4 labels"
    assert split.shortfall == (
        "task1_x: 100 test + 10 validation + 100 labels requested, 100 test + 10 validation + 4 labels available"
    )
    assert split_task(distinct(300), order="file", labels=100, over="capped").shortfall is None


def test_capped_dividing_shrinks_test_and_validation_where_there_is_no_other_way() -> None:
    split = split_task(distinct(84), labels=16, over="capped")
    assert split.sizes == possible_sizes(distinct(84), labels=16)
    assert split.shortfall is not None
    with pytest.raises(UserError, match="not enough for any split"):
        split_task(distinct(0), over="capped")


@given(rows, st.integers(1, 60), st.integers(0, 12), st.integers(0, 30), orders)
def test_capped_dividing_refuses_empty_tasks_only(
    inputs: list[str], test: int, validation: int, labels: int, order: Order
) -> None:
    wanted: dict[str, Any] = {"test": test, "validation": validation, "labels": labels, "order": order}
    if not inputs:
        with pytest.raises(UserError, match="not enough for any split"):
            split_task(task(inputs), over="capped", **wanted)
        return
    split = split_task(task(inputs), over="capped", **wanted)
    told = (split.sizes.test, split.sizes.validation, min(split.sizes.labels, labels))
    assert (split.shortfall is None) == (told == (test, validation, labels))
    contents = [{content_key(row.input) for row in rows} for rows in (split.test, split.validation, split.pool)]
    assert sum(map(len, contents)) == len(set().union(*contents))


# ---- balanced pools


def test_a_stratified_pool_has_the_same_rows_and_balanced_beginnings() -> None:
    answers = ["yes" if n % 5 else "no" for n in range(300)]
    told = made_task("task1_x", [f"input {n}" for n in range(300)], outputs=answers)
    plain = split_task(told, test=50)
    even = plain.stratified()
    assert (plain.test, plain.validation) == (even.test, even.validation)
    assert set(plain.pool) == set(even.pool)
    share = Fraction(sum(1 for row in even.pool if row.outputs == ("no",)), len(even.pool))
    for n in range(len(even.pool) + 1):
        assert abs(sum(1 for row in even.labels(n) if row.outputs == ("no",)) - n * share) <= Fraction(1, 2)


# ---- the source's own sets


SOURCE: list[RowSplit] = ["train"] * 30 + ["validation"] * 10 + ["test"] * 20


def from_source(splits: list[RowSplit], inputs: list[str] | None = None) -> Task:
    return made_task("task1_x", inputs or [f"input {n}" for n in range(len(splits))], splits=splits)


@pytest.mark.parametrize("order", ["file", "seeded"])
def test_rows_keep_to_the_set_that_their_source_puts_them_in(order: Order) -> None:
    split = split_task(from_source(SOURCE), test=8, validation=4, order=order)
    assert {row.split for row in split.test} == {"test"}
    assert {row.split for row in split.validation} == {"validation"}
    assert {row.split for row in split.pool} == {"train"}
    assert (len(split.pool), split.dropped, split.unused) == (30, 0, 18)
    if order == "file":
        assert ids(split.test) == [str(n) for n in range(40, 48)]
        assert ids(split.validation) == [str(n) for n in range(30, 34)]


def test_where_the_source_has_no_validation_rows_they_come_from_train() -> None:
    split = split_task(from_source([*SOURCE[:30], *SOURCE[40:]]), test=20, validation=5, order="file")
    assert ids(split.validation) == ["0", "1", "2", "3", "4"]
    assert len(split.pool) == 25


def test_contents_of_test_are_kept_out_of_train_even_if_the_source_does_not() -> None:
    split = split_task(
        from_source(["train", "train", "test", "validation"], ["A", "b", "a ", "c"]), test=1, validation=1
    )
    assert ids(split.pool) == ["1"]
    assert (split.dropped, split.unused) == (1, 0)


def test_the_sources_sets_can_be_set_aside() -> None:
    split = split_task(from_source(SOURCE), test=40, validation=4, order="file", source_splits=False)
    assert ids(split.test) == [str(n) for n in range(40)]


def test_a_source_with_too_few_test_rows_is_told_with_what_could_be_had() -> None:
    with pytest.raises(UserError) as caught:
        split_task(from_source(SOURCE), labels=16)
    assert str(caught.value) == (
        "task1_x has 60 instances, which its source splits (20 for test, 30 to train on, 10 for validation);"
        " 100 test + 10 validation + 16 labels do not fit; enough for e.g. 20 test + 10 validation + 30 labels"
    )


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "train", "validation", "test"])), max_size=30),
    st.integers(1, 4),
    st.integers(0, 3),
    orders,
)
def test_divided_sources_lose_no_row_unaccounted(
    made: list[tuple[str, RowSplit]], test: int, validation: int, order: Order
) -> None:
    told = from_source([split for _, split in made], [text for text, _ in made])
    sizes = possible_sizes(told, test=test, validation=validation, order=order)
    assert (sizes is None) == (not made)
    if sizes is None:
        return
    split = split_task(told, test=sizes.test, validation=sizes.validation, labels=sizes.labels, order=order)
    assert sum((split.sizes.test, split.sizes.validation, split.sizes.labels, split.dropped, split.unused)) == len(made)
    contents = [{content_key(row.input) for row in rows} for rows in (split.test, split.validation, split.pool)]
    assert sum(map(len, contents)) == len(set().union(*contents))


# ---- the real tasks


@real
def test_the_real_test_sets_are_the_first_hundred_rows_and_five_tasks_are_too_small() -> None:
    small = []
    for told in open_collection(REAL):
        rows = tuple(told.instances())
        try:
            split = split_task(told, order="file", labels=16)
        except UserError:
            small.append(told.name.split("_")[0])
            continue
        assert split.test == rows[:100]
        assert split.validation == rows[100:110]
        pool = set(split.pool)
        assert [row for row in rows[110:] if row in pool] == list(split.pool)
        assert len(split.pool) + split.dropped == len(rows) - 110
    assert small == ["task393", "task602", "task640", "task760", "task893"]


@real
def test_task1152_has_94_labels_beside_its_held_out_rows() -> None:
    split = split_task(open_collection(REAL)["task1152"], order="file")
    assert len(split.labels(94)) == 94
    with pytest.raises(UserError, match="100 labels were requested and its pool has 94; a budget may be 0 to 94"):
        split.labels(100)


@real
def test_capped_dividing_gives_every_real_task_something_and_says_where_it_fell_short() -> None:
    short = {}
    for told in open_collection(REAL):
        split = split_task(told, order="file", labels=100, over="capped")
        if split.shortfall:
            short[told.name.split("_")[0]] = str(split.sizes)
    assert {"task393", "task602", "task640", "task760", "task893", "task1152"} <= set(short)
    assert short["task1152"] == "100 test + 10 validation + 94 labels"


@real
@pytest.mark.skipif(not (SHARED / "flan").is_dir(), reason="the shared data is not beside the checkout")
def test_flans_datasets_keep_their_own_test_rows() -> None:
    for told in open_collection(SHARED / "flan"):
        split = split_task(told, test=50, validation=10, labels=100).stratified()
        assert {row.split for row in split.test} == {"test"}
        assert {row.split for row in split.pool} == {"train"}
