"""Detect a closed set of answer options from the answers, where the task does not list them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def closed_options(outputs: Iterable[Sequence[str]], *, most: int = 20, repeats: float = 3.0) -> tuple[str, ...]:
    """Return the distinct answers in a task's accepted outputs if they are a closed set, else an empty tuple.

    Answers are stripped of surrounding white space and sorted by frequency, most common first, then alphabetically.

    Args:
        outputs: each row's accepted outputs; reading stops as soon as there are more than `most` distinct answers.
        most: the maximum number of options of a closed set.
        repeats: how often each answer of a closed set occurs at least, on average. A few rows with free-form answers
            have few distinct answers too, but none of them repeats.

    Raises:
        TypeError: a row's outputs are a bare string, whose characters would each count.
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
