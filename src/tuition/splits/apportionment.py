"""A whole number of rows shared out by rates, as evenly as whole numbers allow."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def apportion(weights: Sequence[float], total: int, most: Sequence[int] | None = None) -> list[int]:
    """Share `total` out in proportion to `weights`, by largest remainders; ties go to the first.

    Args:
        weights: what each counts for, 0 or more.
        total: what is shared out.
        most: what each can take; what one cannot take goes to the others in proportion. None sets no bound. The bounds
            of those that count for something must sum to `total` or more.

    Examples:
        >>> quotas([1, 1, 1], 8, [1, 9, 9])
        [1, 4, 3]
    """
    exact = [Fraction(weight) for weight in weights]
    shares = [Fraction(0)] * len(exact)
    free = [index for index, weight in enumerate(exact) if weight]
    left = Fraction(total)
    while free:  # each round settles those that their bound stops, so there are no more rounds than tasks
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
