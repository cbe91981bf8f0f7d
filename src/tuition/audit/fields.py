"""The fields that a task's inputs are written in (`Passage: … Question: …`), and which of them a row leaves empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tuition.audit.missing import is_missing

# A name is a field's where so many of the inputs looked at have it.
_FORM, _LOOKED_AT = 0.95, 100
_LONGEST = 24


def task_markers(inputs: Sequence[str]) -> frozenset[str]:
    """Return the names of the fields that nearly all inputs have; empty for a task without any."""
    looked = inputs[:: max(1, len(inputs) // _LOOKED_AT)]
    met = Counter(name for text in looked for name in {name for name, _, _ in _named(text.split())})
    return frozenset(name for name, count in met.items() if count >= max(2, _FORM * len(looked)))


def empty_field(text: str, markers: frozenset[str]) -> str | None:
    """Return the name of the first field of `text` with nothing in it, or None if all are filled."""
    return next((name for name, held in _filled(text, markers) if not any(word.strip(".,;<>") for word in held)), None)


def missing_field(text: str, markers: frozenset[str]) -> str | None:
    """Return the name of the first field of `text` that holds what a program writes for a missing value."""
    return next((name for name, held in _filled(text, markers) if len(held) == 1 and is_missing(held[0])), None)


def _filled(text: str, markers: frozenset[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each field of `text` and the words that it holds."""
    words = text.split()
    found = [field for field in _named(words) if field[0] in markers]
    for number, (name, _, begin) in enumerate(found):
        end = found[number + 1][1] if number + 1 < len(found) else len(words)
        yield name, words[begin:end]


def _named(words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each name before a colon, with the place of its first word and that of what follows it."""
    for place, word in enumerate(words):
        if word[-1] == ":" and 1 < len(word) <= _LONGEST:
            name, first = word[:-1], place
            if name.isdigit() and place:  # "Sentence 1:"
                name, first = f"{words[place - 1]} {name}", place - 1
            if name[0].isalpha():
                yield name, first, place + 1
