"""ROUGE-L: the longest common subsequence of words of two texts, as an F-measure (Lin, 2004, section 3).

The scores are bit-equal to those of the `rouge_score` package with `RougeScorer(["rougeL"], use_stemmer=True)`, which
Super-NaturalInstructions and later papers report. For speed, each distinct word is stemmed once and mapped to one
character, so that a text becomes a short string, and RapidFuzz finds the length of the longest common subsequence of
two strings in C++.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from rapidfuzz.distance import LCSseq

from tuition.base.errors import UserError
from tuition.evaluation.metrics.blind_spots import hides_from_ascii_words
from tuition.evaluation.metrics.metric import BlindSpot, Metric, Profile, check_pairs, check_references

# Many texts are tokenized at a time, joined by a word that no lower-cased text can contain: a capital letter.
_BREAK = "A"
_JOIN = f" {_BREAK} "
_BREAK_CODE = "\0"
_KEPT = b"abcdefghijklmnopqrstuvwxyz0123456789" + _BREAK.encode()
_TABLE = bytes(byte if byte in _KEPT else ord(" ") for byte in range(256))
_DIGITS = frozenset("0123456789")

_UNSTEMMED_LENGTH = 3
_BATCH_LETTERS = 1 << 18
# A vocabulary above either limit is replaced by an empty one; at the limit it takes some 40 MB.
_MAX_WORDS = 1 << 17
_MAX_LETTERS = 1 << 24


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """Return the ROUGE-L F-measure of a prediction in 0-1, the best over its references.

    A text is lower-cased and split into runs of a-z and 0-9; every other character separates words. Words longer than
    three letters are stemmed by NLTK's Porter stemmer with NLTK's extensions. A text without such words, as in most
    non-Latin scripts, scores 0.0. With L the length of the longest common subsequence of words, precision is L over
    the prediction's words, recall L over the reference's, and F their harmonic mean.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    return best_overlap(prediction, references, encode_words)


def rouge_l_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Return `rouge_l` of every prediction against its own references, in order.

    Memory use, apart from the arguments and the result, does not grow with their number.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    return best_overlaps(predictions, references, encode_words)


Encode = Callable[[Sequence[str]], list[str]]
"""Splits texts into tokens and returns each text as a string with one character per token."""


def best_overlap(prediction: str, references: Sequence[str], encode: Encode) -> float:
    """Return the best F-measure of the longest common subsequence of the tokens that `encode` returns.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    prediction_code, *reference_codes = encode([prediction, *references])
    return max(_f_measure(prediction_code, code) for code in reference_codes)


def best_overlaps(predictions: Sequence[str], references: Sequence[Sequence[str]], encode: Encode) -> list[float]:
    """Return `best_overlap` of every prediction against its own references, in order, in bounded memory.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    check_pairs(predictions, references)
    scores: list[float] = []
    for batch in _batches(zip(predictions, references, strict=True)):
        codes = iter(encode([text for prediction, accepted in batch for text in (prediction, *accepted)]))
        for _, accepted in batch:
            prediction_code = next(codes)
            best = 0.0
            for _ in accepted:
                score = _f_measure(prediction_code, next(codes))
                if score > best:
                    best = score
            scores.append(best)
    return scores


def _batches(
    pairs: Iterable[tuple[str, Sequence[str]]],
) -> Iterator[list[tuple[str, Sequence[str]]]]:
    """Group the pairs so that a group has at most `_BATCH_LETTERS` characters, or a single pair."""
    batch: list[tuple[str, Sequence[str]]] = []
    letters = 0
    for pair in pairs:
        size = len(pair[0]) + sum(map(len, pair[1]))
        if batch and letters + size > _BATCH_LETTERS:
            yield batch
            batch, letters = [], 0
        batch.append(pair)
        letters += size
    if batch:
        yield batch


def _f_measure(prediction: str, reference: str, lcs: Callable[[str, str], int] = LCSseq.similarity) -> float:
    # The operations and their order are rouge_score's: another order can differ in the last bit.
    common = lcs(prediction, reference)
    if not common:
        return 0.0
    precision = common / len(prediction)
    recall = common / len(reference)
    return 2 * precision * recall / (precision + recall)


class _Vocabulary(dict[str, str]):
    """Maps each word seen to a character, the same for words with the same stem.

    A word's character never changes, so threads may share a vocabulary.
    """

    def __init__(self) -> None:
        super().__init__({_BREAK: _BREAK_CODE})
        self._stems = {_BREAK: _BREAK_CODE}
        self._letters = 0
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        return len(self) > _MAX_WORDS or self._letters > _MAX_LETTERS

    def __missing__(self, word: str) -> str:
        with self._lock:
            stem = _stem(word)
            code = self._stems.get(stem)
            if code is None:
                if len(self._stems) > sys.maxunicode:
                    raise UserError(
                        f"a text has over {sys.maxunicode:,} different words, more than ROUGE-L can distinguish"
                    )
                code = self._stems[stem] = chr(len(self._stems))
            self[word] = code
            self._letters += len(word)
        return code


_vocabulary = _Vocabulary()


def encode_words(texts: Sequence[str]) -> list[str]:
    """Return each text as a string with one character per stemmed word; only compare strings of the same call."""
    global _vocabulary  # noqa: PLW0603 - a full vocabulary is replaced; running calls keep the one they have
    vocabulary = _vocabulary
    if vocabulary.full:
        vocabulary = _vocabulary = _Vocabulary()
    joined = _JOIN.join([text.lower() for text in texts])
    words = joined.encode("ascii", "replace").translate(_TABLE).decode("ascii").split()
    return "".join(map(vocabulary.__getitem__, words)).split(_BREAK_CODE)


def _stem(word: str) -> str:
    # Every rule of the stemmer looks for an ending in letters, so words that end in a digit never change.
    if len(word) <= _UNSTEMMED_LENGTH or word[-1] in _DIGITS:
        return word
    return _porter()(word)


@cache
def _porter() -> Callable[[str], str]:
    # Imported only when a word needs stemming: it imports all of NLTK and SciPy.
    from nltk.stem.porter import PorterStemmer

    stem: Callable[[str], str] = PorterStemmer().stem
    return stem


ROUGE_L = Metric(
    name="rouge_l",
    title="ROUGE-L",
    aliases=("rougeL",),
    description=(
        "F-measure of the longest common subsequence of words. Text is lower-cased and split into runs of a-z and 0-9; "
        "words longer than three letters are stemmed (Porter, NLTK's variant). The best over the references counts. "
        "Equals rouge_score's rougeL with its stemmer."
    ),
    score=rouge_l,
    score_many=rouge_l_many,
    profile=Profile(
        tokenizer="runs of a-z and 0-9, Porter-stemmed (NLTK) where longer than three letters",
        normalisation="lower case; every other character separates words",
        references="best",
        source="Lin 2004, section 3; as Tk-Instruct uses it (Wang et al. 2022)",
        equals='rouge_score 0.1.2, RougeScorer(["rougeL"], use_stemmer=True)',
    ),
    blind_spot=BlindSpot(hides_from_ascii_words, "it reads only a-z and 0-9", ("rouge_l_xlingual", "chrf")),
)
