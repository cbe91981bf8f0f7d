"""A closed set of answer options, found in the answers themselves where nobody tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def closed_options(outputs: Iterable[Sequence[str]], *, most: int = 20, repeats: float = 3.0) -> tuple[str, ...]:
    """Return the distinct answers found in a task's accepted outputs, if they are a closed set; else nothing.

    Answers are taken without the white space around them, commonest first, then in the order of their letters.

    Args:
        outputs: each row's accepted outputs; no more of them are read than tell that the set is open.
        most: the most options of a closed set.
        repeats: how often an answer of a closed set is given, on average, at least; a handful of rows with free
            answers has few distinct ones too, but none of them twice.

    Raises:
        TypeError: a row's outputs are one string, whose letters would each count.
    """
    found: Counter[str] = Counter()
    for accepted in outputs:
        if isinstance(accepted, str):
            raise TypeError("a row's outputs are one string; give a sequence of strings, such as a tuple of one")
        found.update({text.strip() for text in accepted} - {""})
        if len(found) > most:
            return ()
    if not found or found.total() < repeats * len(found):
        return ()
    return tuple(sorted(found, key=lambda option: (-found[option], option)))
