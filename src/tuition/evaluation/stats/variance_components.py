"""The variance of a mean over crossed axes (tasks, seeds, instances), worked out from its mean squares.

Where every seed's model answers the same instances, seeds and instances are crossed. With N cells in all and n_W cells
of the axes in W, the mean's variance is the sum over sets of axes W of σ²_W / n_W (Searle, Casella and McCulloch,
1992, chapter 4). Its unbiased estimate is the sum over sets U of (-1)^(|U|+1) MS_U / N, MS_U being the mean square of
U's effect: for seeds and instances, (MS_seeds + MS_instances - MS_both) / N. Adding up the spread of the seeds' means
and that of the instances' means would count twice what belongs to both.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from itertools import chain, combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

_Floats: TypeAlias = npt.NDArray[np.float64]
Terms: TypeAlias = dict[tuple[int, ...], tuple[_Floats, int]]


def crossed_terms(cells: _Floats) -> Terms:
    """Return for each set of axes its signed share of the estimate, and the degrees of freedom behind it.

    Args:
        cells: one value of each of k figures for every cell, shape (n_1, …, n_d, k).

    Returns:
        By set of axes, the share (k,), negative for sets of an even number of axes. Sets with an axis of length 1 are
        left out: nothing can be said of how it varies.
    """
    shape = cells.shape[:-1]
    margins = {
        kept: cells.mean(axis=tuple(axis for axis in range(len(shape)) if axis not in kept), keepdims=True)
        for kept in _subsets(range(len(shape)))
    }
    terms: Terms = {}
    for axes in margins:
        if not axes or any(shape[axis] < 2 for axis in axes):
            continue
        effect = sum((-1.0) ** (len(axes) - len(inner)) * margins[inner] for inner in _subsets(axes))
        freedom = math.prod(shape[axis] - 1 for axis in axes)
        squares = np.square(effect).sum(axis=tuple(range(len(shape))))
        sign = 1 if len(axes) % 2 else -1
        terms[axes] = sign * squares / (math.prod(shape[axis] for axis in axes) * freedom), freedom
    return terms


class Variance:
    """A sum of such shares: the variance of k figures, and how many degrees of freedom stand behind it."""

    def __init__(self, figures: int) -> None:
        """Begin with nothing that varies."""
        self._squares = np.zeros(figures)
        self._least = np.full(figures, np.inf)
        self.by_source: dict[tuple[Hashable, ...], _Floats] = {}

    def add(self, source: tuple[Hashable, ...], value: _Floats, freedom: int) -> None:
        """Add a share; those of one `source` belong together, and a source of one name is what varies by itself."""
        self.by_source[source] = self.by_source.get(source, np.zeros(len(value))) + value
        self._squares += np.square(value) / freedom
        self._least = np.where(value > 0, np.minimum(self._least, freedom), self._least)

    def total(self) -> tuple[_Floats, _Floats]:
        """Return the variance and its degrees of freedom (Satterthwaite, 1946), each (k,).

        The estimate can come out below what one source alone gives, even negative; it is never taken to be less than
        the largest of these.
        """
        none = np.zeros(len(self._squares))
        total: _Floats = np.sum([none, *self.by_source.values()], axis=0)
        alone = np.max([none, *(value for source, value in self.by_source.items() if len(source) == 1)], axis=0)
        total = np.maximum(total, alone)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(self._squares > 0, np.square(total) / self._squares, np.inf)
        return total, np.maximum(freedom, np.where(np.isfinite(self._least), self._least, 1.0))


def _subsets(axes: Iterable[int]) -> list[tuple[int, ...]]:
    listed = tuple(axes)
    return list(chain.from_iterable(combinations(listed, size) for size in range(len(listed) + 1)))
