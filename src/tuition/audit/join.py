"""The exact similarity join of sets: all pairs of sets with at least a given Jaccard similarity, and no others.

MinHash finds such pairs with some probability; here none is missed. If the elements of all sets are in the same order,
two sets with a similarity of at least t share an element among the first few of each. With the rarest elements first,
there are few such pairs to compare (prefix filtering: Chaudhuri et al. 2006, Bayardo et al. 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuition.audit.words import Hashes, Indices

# The number of pairs that are compared at once; memory is this times the size of a set.
_PAIRS = 1 << 19
_ENTRIES = 1 << 23


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets of hashes: `hashes[k]` is in the set `rows[k]`; `rows` ascend, and no set has a hash twice."""

    hashes: Hashes
    rows: Indices
    count: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of sets, by their numbers with `first` < `second`, and their similarities."""

    first: Indices
    second: Indices
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Index:
    """The elements that are in two or more sets, by row and in each row the rarest first; and the sizes of all sets."""

    ranks: Indices
    rows: Indices
    begins: Indices
    sizes: Indices
    prefixes: Indices


def unique_sets(hashes: Hashes, rows: Indices, count: int) -> Sets:
    """Return sets without repeated elements; `rows` must ascend."""
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
    # Elements of only one set are the rarest: they come first in a row and count for its prefix, but are not stored.
    needed = np.ceil(threshold * sizes - 1e-9).astype(np.int64)
    prefixes = np.clip(sizes - needed + 1 - (sizes - kept), 0, kept)
    return _Index(ranks, rows, begins, sizes, prefixes)


def _candidates(index: _Index, threshold: float) -> Iterator[tuple[Indices, Indices]]:
    """Yield blocks of pairs that share an element of their prefixes and are of similar enough size."""
    position = np.arange(len(index.ranks)) - index.begins[index.rows]
    in_prefix = position < index.prefixes[index.rows]
    ranks, rows = index.ranks[in_prefix], index.rows[in_prefix]
    # Within an element's group smaller sets come first, and each set is paired only with those before it.
    order = np.lexsort((rows, index.sizes[rows], ranks))
    ranks, rows = ranks[order], rows[order]
    is_first = np.ones(len(ranks), bool)
    is_first[1:] = ranks[1:] != ranks[:-1]
    group_start = np.maximum.accumulate(np.where(is_first, np.arange(len(ranks)), 0))
    earlier = np.arange(len(ranks)) - group_start
    total = np.cumsum(earlier)
    begin = 0
    while begin < len(ranks):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + _PAIRS, side="right")))
        for first, second in _group_pairs(rows, group_start, earlier, begin, end):
            fits = index.sizes[first] >= threshold * index.sizes[second] - 1e-9
            one, other = first[fits], second[fits]
            if len(one):
                yield np.minimum(one, other), np.maximum(one, other)
        begin = end


def _group_pairs(
    rows: Indices, group_start: Indices, earlier: Indices, begin: int, end: int
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pairs of the entries `begin` to `end` with those before them in their groups, in bounded blocks."""
    times = earlier[begin:end]
    if end - begin == 1 and times[0] > _PAIRS:
        start = int(group_start[begin])
        for low in range(start, begin, _PAIRS):
            block = rows[low : min(low + _PAIRS, begin)]
            yield block, np.full(len(block), rows[begin])
        return
    later = np.repeat(np.arange(begin, end), times)
    step = np.arange(len(later)) - np.repeat(np.cumsum(times) - times, times)
    yield rows[group_start[later] + step], rows[later]


def _shared(index: _Index, left: Indices, right: Indices) -> npt.NDArray[np.int64]:
    """Return the number of common elements of each pair of sets."""
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
