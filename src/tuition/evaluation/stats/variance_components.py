"""The variance of a mean over crossed axes (tasks, seeds, instances), computed from its mean squares.

Where every seed's model answers the same instances, seeds and instances are crossed. With N cells in all and n_W cells
of the axes in W, the mean's variance is the sum over sets of axes W of σ²_W / n_W (Searle, Casella and McCulloch,
1992, chapter 4). Its unbiased estimate is the sum over sets U of (-1)^(|U|+1) MS_U / N, MS_U being the mean square of
U's effect: for seeds and instances, (MS_seeds + MS_instances - MS_both) / N. Adding the spread of the seeds' means to
that of the instances' means would count their interaction twice.
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
    """Return the signed term of each set of axes in the estimate, and its degrees of freedom.

    Args:
        cells: the values of k statistics for every cell, shape (n_1, …, n_d, k).

    Returns:
        By set of axes, the term (k,), negative for sets with an even number of axes. Sets with an axis of length 1 are
        left out, since its variance cannot be estimated.
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
    """The sum of such terms: the variance of k statistics, and its degrees of freedom."""

    def __init__(self, figures: int) -> None:
        """Start with a variance of zero."""
        self._squares = np.zeros(figures)
        self._least = np.full(figures, np.inf)
        self.by_source: dict[tuple[Hashable, ...], _Floats] = {}

    def add(self, source: tuple[Hashable, ...], value: _Floats, freedom: int) -> None:
        """Add a term. Terms with the same `source` are summed; a source with one name is a main effect."""
        self.by_source[source] = self.by_source.get(source, np.zeros(len(value))) + value
        self._squares += np.square(value) / freedom
        self._least = np.where(value > 0, np.minimum(self._least, freedom), self._least)

    def total(self) -> tuple[_Floats, _Floats]:
        """Return the variance and its degrees of freedom (Satterthwaite, 1946), each (k,).

        The estimate can be below that of a single main effect, even negative; the result is at least the largest of
        these.
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
