"""Words and word n-grams of many texts at once, as 64-bit hashes, for finding near duplicates and triggers.

A hash depends only on the word, not on its position or on the process, so two runs have equal results.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Texts are processed in blocks of about this many characters, so that memory does not grow with the task.
_BLOCK = 2_000_000
_SPACE, _WORD, _PUNCTUATION, _ALONE = 0, 1, 2, 3
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
# Scripts without spaces between words: each of their letters counts as a word.
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR", "TIBETAN")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of some texts, in order: each word's hash, its text's number, and its start and end in the text."""

    hashes: Hashes
    rows: Indices
    starts: Indices
    ends: Indices


def split_words(texts: Sequence[str], *, punctuation: bool = False) -> Words:
    """Return the words of `texts`: runs of letters and digits, and single letters of scripts without spaces.

    Args:
        texts: texts without line breaks, as `content_key` returns them; a line break counts as a space.
        punctuation: whether runs of other visible characters are words too.
    """
    parts = [_split_block(texts[first:last], first, punctuation) for first, last in _blocks(texts)]
    if not parts:
        none = np.empty(0, np.int64)
        return Words(np.empty(0, np.uint64), none, none, none)
    return Words(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def ngrams(words: Words, width: int) -> tuple[Hashes, Flags]:
    """Return a hash of the `width` words beginning at each word, and whether the same text has that many."""
    count = len(words.hashes)
    hashes = words.hashes.copy()
    inside = np.zeros(count, bool)
    if count >= width:
        inside[: count - width + 1] = words.rows[: count - width + 1] == words.rows[width - 1 :]
        for step in range(1, width):
            hashes[: count - step] = mix(hashes[: count - step] * np.uint64(_BASE) + words.hashes[step:])
    return hashes, inside


def mix(values: Hashes) -> Hashes:
    """Mix the bits so that each depends on all others (the finaliser of splitmix64; Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    first = size = 0
    for number, text in enumerate(texts):
        size += len(text) + 1
        if size >= _BLOCK:
            yield first, number + 1
            first, size = number + 1, 0
    if first < len(texts):
        yield first, len(texts)


def _split_block(texts: Sequence[str], first: int, punctuation: bool) -> tuple[npt.NDArray[Any], ...]:
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds(codes, punctuation)
    before = np.concatenate((np.zeros(1, np.uint8), kinds[:-1]))
    after = np.concatenate((kinds[1:], np.zeros(1, np.uint8)))
    starts = np.flatnonzero((kinds != _SPACE) & ((kinds != before) | (kinds == _ALONE)))
    ends = np.flatnonzero((kinds != _SPACE) & ((kinds != after) | (kinds == _ALONE))) + 1
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths + 1)[:-1]))
    rows = np.searchsorted(offsets, starts, side="right") - 1
    # A word's hash is a polynomial in its characters; differences of the running sum give all hashes without a loop.
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(codes)), out=sums[1:])
    hashes = mix((sums[ends] - sums[starts]) * _powers(_INVERSE, len(codes) + 1)[starts])
    return hashes, rows + first, starts - offsets[rows], ends - offsets[rows]


def _powers(base: int, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _kinds(codes: npt.NDArray[np.uint32], punctuation: bool) -> npt.NDArray[np.uint8]:
    table = np.array([_kind(code, punctuation) for code in range(128)], np.uint8)
    kinds = table[np.minimum(codes, 127)]
    rare = np.flatnonzero(codes > 127)
    if len(rare):
        distinct, inverse = np.unique(codes[rare], return_inverse=True)
        kinds[rare] = np.array([_kind(int(code), punctuation) for code in distinct], np.uint8)[inverse]
    return kinds


def _kind(code: int, punctuation: bool) -> int:
    character = chr(code)
    if character.isspace():
        return _SPACE
    # Combining marks (category M) belong to the letter before them; otherwise words of many Indian scripts would split.
    if character.isalnum() or unicodedata.category(character)[0] == "M":
        return _ALONE if unicodedata.name(character, "").startswith(_UNSPACED) else _WORD
    return _PUNCTUATION if punctuation else _SPACE
