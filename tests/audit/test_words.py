from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tuition.audit import words as module
from tuition.audit.words import ngrams, split_words
from tuition.splits.content import content_key


def told(texts: list[str], *, punctuation: bool = False) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in texts]
    words = split_words(texts, punctuation=punctuation)
    for row, start, end in zip(words.rows.tolist(), words.starts.tolist(), words.ends.tolist(), strict=True):
        found[row].append(texts[row][start:end])
    return found


def test_words_are_runs_of_letters_and_digits() -> None:
    assert told(["it's 3 o'clock, naïve!", "", "a"]) == [["it", "s", "3", "o", "clock", "naïve"], [], ["a"]]


def test_signs_are_words_where_they_are_asked_for() -> None:
    assert told(["a -> b ~~", "!"], punctuation=True) == [["a", "->", "b", "~~"], ["!"]]


def test_letters_of_scripts_without_spaces_are_words_of_their_own() -> None:
    assert told(["東京へ行く", "한국 사람", "ไทย", "नमस्ते जी"]) == [
        list("東京へ行く"),
        ["한국", "사람"],
        list("ไทย"),
        ["नमस्ते", "जी"],
    ]


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=40), max_size=8))
def test_ascii_words_are_those_of_a_regular_expression(texts: list[str]) -> None:
    texts = [content_key(text) for text in texts]
    assert told(texts) == [re.findall(r"[a-z0-9]+", text) for text in texts]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.integers(1, 4))
def test_two_sequences_have_one_hash_just_where_their_words_are_equal(texts: list[str], width: int) -> None:
    words = split_words(texts)
    hashes, inside = ngrams(words, width)
    seen: dict[int, tuple[str, ...]] = {}
    split = told(texts)
    firsts = np.searchsorted(words.rows, np.arange(len(texts)))
    expected = [
        (row, tuple(split[row][place : place + width]))
        for row in range(len(texts))
        for place in range(len(split[row]) - width + 1)
    ]
    found = np.flatnonzero(inside).tolist()
    assert len(found) == len(expected)
    for place, (row, sequence) in zip(found, expected, strict=True):
        assert words.rows[place] == row
        assert place >= firsts[row]
        assert seen.setdefault(int(hashes[place]), sequence) == sequence
    assert len(seen) == len({sequence for _, sequence in expected})


def test_blocks_change_nothing(monkeypatch) -> None:
    texts = [f"row {number} of {number * 7} words" for number in range(300)]
    whole = split_words(texts)
    monkeypatch.setattr(module, "_BLOCK", 100)
    for one, other in zip(
        (whole.hashes, whole.rows, whole.starts, whole.ends),
        (lambda w: (w.hashes, w.rows, w.starts, w.ends))(split_words(texts)),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_hashes_are_the_same_in_every_process() -> None:
    words = "split_words(['one two 東'], punctuation=True)"
    code = f"from tuition.audit.words import split_words; print({words}.hashes.tolist())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": s}
        ).stdout
        for s in ("1", "2")
    }
    assert len(runs) == 1


def test_a_lone_surrogate_is_a_sign_like_any_other() -> None:
    assert told(["a \ud800 b"]) == [["a", "b"]]
