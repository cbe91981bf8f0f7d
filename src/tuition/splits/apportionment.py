"""Divide a number of rows in proportion to weights, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def apportion(weights: Sequence[float], total: int, most: Sequence[int] | None = None) -> list[int]:
    """Divide `total` in proportion to `weights`, by largest remainders; ties go to the first.

    Args:
        weights: the weight of each part, 0 or more.
        total: the number to divide.
        most: the most that each part can get; the excess goes to the others in proportion. None sets no bound. The
            bounds of the parts with a weight above 0 must sum to `total` or more.

    Examples:
        >>> apportion([1, 1, 1], 8, [1, 9, 9])
        [1, 4, 3]
    """
    exact = [Fraction(weight) for weight in weights]
    shares = [Fraction(0)] * len(exact)
    free = [index for index, weight in enumerate(exact) if weight]
    left = Fraction(total)
    while free:  # each round fixes the parts that reach their bound, so there are at most as many rounds as parts
        unit = left / sum(exact[index] for index in free)
        full = {index for index in free if most is not None and exact[index] * unit >= most[index]}
        if not full or most is None:
            for index in free:
                shares[index] = exact[index] * unit
            break
        for index in full:
            shares[index] = Fraction(most[index])
            left -= most[index]
        free = [index for index in free if index not in full]
    whole = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: (whole[index] - shares[index], index))
    for index in by_remainder[: total - sum(whole)]:
        whole[index] += 1
    return whole
