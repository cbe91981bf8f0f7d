"""The exact join of sets by similarity: every pair of sets at or above a Jaccard similarity, and no other.

MinHash finds such pairs with a chance; here none is missed. Two sets of a similarity of at least t share an element
among the first few of each, when the elements of both stand in one order; with the rarest first there are few such
pairs to compare (prefix filtering: Chaudhuri et al. 2006, Bayardo et al. 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuition.audit.words import Hashes, Indices

# Pairs that are compared at once; memory is this times the size of a set.
_PAIRS = 1 << 19
_ENTRIES = 1 << 23


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets as rows of hashes: `hashes[k]` is in the set `rows[k]`; rows ascend, and no set holds a hash twice."""

    hashes: Hashes
    rows: Indices
    count: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of sets, `first` < `second` by their numbers, and how similar they are."""

    first: Indices
    second: Indices
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Index:
    """The elements that stand in two sets or more, by row and in each row the rarest first; and all sets' sizes."""

    ranks: Indices
    rows: Indices
    begins: Indices
    sizes: Indices
    prefixes: Indices


def unique_sets(hashes: Hashes, rows: Indices, count: int) -> Sets:
    """Return sets without repeats; `rows` must ascend."""
    order = np.lexsort((hashes, rows))
    hashes, rows = hashes[order], rows[order]
    fresh = np.ones(len(hashes), bool)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return Sets(hashes[fresh], rows[fresh], count)


def similar_pairs(sets: Sets, threshold: float) -> Iterator[Pairs]:
    """Yield, in blocks, each pair of sets whose Jaccard similarity is `threshold` or more, once.

    Empty sets are similar to nothing.
    """
    index = _index(sets, threshold)
    seen_before = np.empty(0, np.int64)
    for first, second in _candidates(index, threshold):
        codes = np.unique(first * sets.count + second)
        codes = codes[np.isin(codes, seen_before, assume_unique=True, invert=True)]
        left, right = codes // sets.count, codes % sets.count
        shared = _shared(index, left, right)
        similarity = shared / (index.sizes[left] + index.sizes[right] - shared)
        near = similarity >= threshold
        seen_before = np.concatenate((seen_before, codes[near]))
        if near.any():
            yield Pairs(left[near], right[near], similarity[near])


def _index(sets: Sets, threshold: float) -> _Index:
    sizes = np.bincount(sets.rows, minlength=sets.count)
    _, ids, frequency = np.unique(sets.hashes, return_inverse=True, return_counts=True)
    rank_of = np.empty(len(frequency), np.int64)
    rank_of[np.argsort(frequency, kind="stable")] = np.arange(len(frequency))
    common = frequency[ids] > 1
    rows, ranks = sets.rows[common], rank_of[ids[common]]
    order = np.lexsort((ranks, rows))
    rows, ranks = rows[order], ranks[order]
    kept = np.bincount(rows, minlength=sets.count)
    begins = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))
    # Elements of one set alone are the rarest of all: they fill the beginning of a row before any other does.
    needed = np.ceil(threshold * sizes - 1e-9).astype(np.int64)
    prefixes = np.clip(sizes - needed + 1 - (sizes - kept), 0, kept)
    return _Index(ranks, rows, begins, sizes, prefixes)


def _candidates(index: _Index, threshold: float) -> Iterator[tuple[Indices, Indices]]:
    """Yield blocks of pairs that share an element of their beginnings and are near enough in size."""
    place = np.arange(len(index.ranks)) - index.begins[index.rows]
    early = place < index.prefixes[index.rows]
    ranks, rows = index.ranks[early], index.rows[early]
    # Within an element's group smaller sets come first, so that each set meets only those before it.
    order = np.lexsort((rows, index.sizes[rows], ranks))
    ranks, rows = ranks[order], rows[order]
    opens = np.ones(len(ranks), bool)
    opens[1:] = ranks[1:] != ranks[:-1]
    group_start = np.maximum.accumulate(np.where(opens, np.arange(len(ranks)), 0))
    meets = np.arange(len(ranks)) - group_start
    total = np.cumsum(meets)
    begin = 0
    while begin < len(ranks):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + _PAIRS, side="right")))
        for first, second in _meetings(rows, group_start, meets, begin, end):
            fits = index.sizes[first] >= threshold * index.sizes[second] - 1e-9
            one, other = first[fits], second[fits]
            if len(one):
                yield np.minimum(one, other), np.maximum(one, other)
        begin = end


def _meetings(
    rows: Indices, group_start: Indices, meets: Indices, begin: int, end: int
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pairs of the entries `begin` to `end` with those before them in their groups, a bounded lot at once."""
    times = meets[begin:end]
    if end - begin == 1 and times[0] > _PAIRS:
        start = int(group_start[begin])
        for low in range(start, begin, _PAIRS):
            lot = rows[low : min(low + _PAIRS, begin)]
            yield lot, np.full(len(lot), rows[begin])
        return
    later = np.repeat(np.arange(begin, end), times)
    step = np.arange(len(later)) - np.repeat(np.cumsum(times) - times, times)
    yield rows[group_start[later] + step], rows[later]


def _shared(index: _Index, left: Indices, right: Indices) -> npt.NDArray[np.int64]:
    """Return how many elements the two sets of each pair have in common."""
    from scipy.sparse import csr_matrix

    width = int(index.ranks.max()) + 1 if len(index.ranks) else 1
    ones = np.ones(len(index.ranks), np.int32)
    matrix = csr_matrix((ones, index.ranks, index.begins), shape=(len(index.sizes), width))
    shared = np.zeros(len(left), np.int64)
    load = np.cumsum(index.sizes[left] + index.sizes[right])
    begin = 0
    while begin < len(left):
        done = load[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(load, done + _ENTRIES, side="right")))
        both = matrix[left[begin:end]].multiply(matrix[right[begin:end]])
        shared[begin:end] = np.asarray(both.sum(axis=1)).ravel()
        begin = end
    return shared
