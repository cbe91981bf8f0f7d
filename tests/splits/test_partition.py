from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuition.splits.partition import (
    Partition,
    RowPools,
    Sizes,
    nearest_sizes,
    partition_rows,
    source_pools,
    unrestricted_pools,
)
from tuition.tasks.types import RowSplit

row_splits: st.SearchStrategy[RowSplit] = st.sampled_from(["", "train", "validation", "test"])


def test_sets_come_from_the_sources_own() -> None:
    places = source_pools(["train", "test", "validation", "", "test"])
    assert (places.test, places.validation, places.pool, places.separate) == ([1, 4], [2], [0, 3], True)


def test_without_validation_rows_these_come_from_train() -> None:
    assert source_pools(["train", "test"]).validation == [0]


def test_without_test_rows_those_for_validation_are_the_test() -> None:
    places = source_pools(["train", "validation"])
    assert (places.test, places.validation, places.pool) == ([1], [0], [0])


def test_training_rows_alone_are_divided_like_any() -> None:
    assert source_pools(["train", "", "train"]) == unrestricted_pools(3)
    assert source_pools([]) == unrestricted_pools(0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), row_splits), max_size=30), st.integers(1, 5), st.integers(0, 4))
def test_sets_share_no_row_and_no_content_and_keep_to_their_places(
    rows: list[tuple[str, RowSplit]], test: int, validation: int
) -> None:
    keys, splits = [key for key, _ in rows], [split for _, split in rows]
    places = source_pools(splits)
    for repeats in (True, False):
        cut = partition_rows(keys, Sizes(test, validation, 0), places, repeats=repeats)
        sets = (cut.test, cut.validation, cut.pool)
        for mine, allowed in zip(sets, (places.test, places.validation, places.pool), strict=True):
            assert set(mine) <= set(allowed)
            assert mine == sorted(mine)
        contents = [{keys[index] for index in mine} for mine in sets]
        assert sum(map(len, contents)) == len(set().union(*contents))
        assert len(set(cut.test)) == len(cut.test) <= test
        if not repeats:
            assert len(contents[0]) == len(cut.test)
        left = set(places.pool) - set(cut.test) - set(cut.validation) - set(cut.pool)
        assert all(keys[index] in contents[0] | contents[1] for index in left), "labels are lost to nothing else"


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), row_splits), max_size=30),
    st.integers(1, 20),
    st.integers(0, 9),
    st.integers(0, 20),
)
def test_offered_sizes_always_fit(rows: list[tuple[str, RowSplit]], test: int, validation: int, labels: int) -> None:
    keys, places = [key for key, _ in rows], source_pools([split for _, split in rows])
    for repeats in (True, False):
        sizes = nearest_sizes(keys, Sizes(test, validation, labels), places, repeats=repeats)
        if sizes is None:
            assert not rows
            continue
        assert partition_rows(keys, sizes, places, repeats=repeats).satisfies(sizes)
        assert sizes.test <= test
        assert sizes.validation <= validation


def test_a_source_with_few_training_rows_keeps_its_test_set() -> None:
    keys = [str(n) for n in range(320)]
    places = RowPools(range(300), range(300, 320), range(300, 320), separate=True)
    sizes = nearest_sizes(keys, Sizes(100, 10, 16), places, repeats=True)
    assert sizes == Sizes(100, 10, 10)


def test_a_cut_holds_sizes_that_it_meets() -> None:
    cut = Partition([0], [1], [2, 3])
    assert cut.satisfies(Sizes(1, 1, 2))
    assert cut.satisfies(Sizes(1, 1, 0))
    assert not cut.satisfies(Sizes(1, 1, 3))
    assert not cut.satisfies(Sizes(2, 1, 0))
    assert not cut.satisfies(Sizes(1, 0, 0))
