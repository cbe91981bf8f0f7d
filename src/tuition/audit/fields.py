"""The fields of a task's inputs (`Passage: … Question: …`), and the fields that are empty in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tuition.audit.missing import is_missing

# A name is a field's name if at least this share of the sampled inputs has it.
_FIELD_SHARE, _SAMPLED = 0.95, 100
_LONGEST = 24


def task_markers(inputs: Sequence[str]) -> frozenset[str]:
    """Return the names of the fields that nearly all inputs have; empty if there are none."""
    sampled = inputs[:: max(1, len(inputs) // _SAMPLED)]
    counts = Counter(name for text in sampled for name in {name for name, _, _ in _named(text.split())})
    return frozenset(name for name, count in counts.items() if count >= max(2, _FIELD_SHARE * len(sampled)))


def empty_field(text: str, markers: frozenset[str]) -> str | None:
    """Return the name of the first empty field of `text`, or None if all are filled."""
    return next((name for name, words in _fields(text, markers) if not any(w.strip(".,;<>") for w in words)), None)


def missing_field(text: str, markers: frozenset[str]) -> str | None:
    """Return the name of the first field of `text` with what a program writes for a missing value."""
    return next((name for name, words in _fields(text, markers) if len(words) == 1 and is_missing(words[0])), None)


def _fields(text: str, markers: frozenset[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each field of `text` and its words."""
    words = text.split()
    found = [field for field in _named(words) if field[0] in markers]
    for number, (name, _, begin) in enumerate(found):
        end = found[number + 1][1] if number + 1 < len(found) else len(words)
        yield name, words[begin:end]


def _named(words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each name before a colon, with the index of its first word and of the first word after it."""
    for index, word in enumerate(words):
        if word[-1] == ":" and 1 < len(word) <= _LONGEST:
            name, first = word[:-1], index
            if name.isdigit() and index:  # "Sentence 1:"
                name, first = f"{words[index - 1]} {name}", index - 1
            if name[0].isalpha():
                yield name, first, index + 1
