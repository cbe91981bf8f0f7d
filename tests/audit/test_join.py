from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.audit import join as module
from tuition.audit.join import similar_pairs, unique_sets


def joined(sets: list[set[int]], threshold: float) -> dict[tuple[int, int], float]:
    hashes = np.array([value for one in sets for value in one], np.uint64)
    rows = np.array([number for number, one in enumerate(sets) for _ in one], np.int64)
    found: dict[tuple[int, int], float] = {}
    for pairs in similar_pairs(unique_sets(hashes, rows, len(sets)), threshold):
        for first, second, similarity in zip(
            pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True
        ):
            assert (first, second) not in found
            found[first, second] = similarity
    return found


def brute(sets: list[set[int]], threshold: float) -> dict[tuple[int, int], float]:
    pairs = ((i, j) for i, j in itertools.combinations(range(len(sets)), 2) if sets[i] and sets[j])
    measured = {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in pairs}
    return {pair: similarity for pair, similarity in measured.items() if similarity >= threshold}


@settings(deadline=None)  # the first call imports SciPy
@given(st.lists(st.sets(st.integers(0, 12), max_size=10), max_size=14), st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]))
def test_the_join_finds_every_similar_pair_and_no_other(sets: list[set[int]], threshold: float) -> None:
    assert joined(sets, threshold) == pytest.approx(brute(sets, threshold))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_small_blocks_find_the_same(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    sets = [set(draw.sample(range(16), draw.randint(8, 14))) for _ in range(60)] + [set(range(20))] * 8
    expected = brute(sets, 0.6)
    assert len(expected) > 200
    monkeypatch.setattr(module, "_PAIRS", size)
    monkeypatch.setattr(module, "_ENTRIES", size)
    assert joined(sets, 0.6) == pytest.approx(expected)


def test_repeats_within_a_set_count_once() -> None:
    sets = unique_sets(np.array([5, 5, 7, 5], np.uint64), np.array([0, 0, 0, 1]), 3)
    assert (sets.hashes.tolist(), sets.rows.tolist()) == ([5, 7, 5], [0, 0, 1])


def test_nothing_is_similar_to_nothing() -> None:
    assert joined([], 0.8) == joined([set(), set()], 0.8) == {}
