"""ROUGE-L for texts in any script, as Super-NaturalInstructions scores its cross-lingual track (Wang et al., 2022).

It compares tokens of GPT-2's byte-level tokenizer instead of words, since ROUGE-L's words are runs of a-z and 0-9, and
a text in another script has none. The scores are bit-equal to those of `rouge_score` with this tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tuition.evaluation.metrics.gpt2 import gpt2_tokenizer
from tuition.evaluation.metrics.metric import Metric, Profile
from tuition.evaluation.metrics.rouge import best_overlap, best_overlaps

_SPACE = "Ġ"


def rouge_l_xlingual(prediction: str, references: Sequence[str]) -> float:
    """Return the ROUGE-L F-measure over GPT-2's tokens in 0-1, the best over a prediction's references.

    Texts are neither lower-cased nor stemmed, and punctuation is kept. Leading spaces are stripped from each token, so
    that a word is the same token at the start of a text and inside it; a token of only spaces becomes an empty token,
    which counts and equals other empty ones. Lone surrogates (half characters), which have no UTF-8 bytes, become
    question marks.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    return best_overlap(prediction, references, _encode)


def rouge_l_xlingual_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Return `rouge_l_xlingual` of every prediction against its own references, in order.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    return best_overlaps(predictions, references, _encode)


def _encode(texts: Sequence[str]) -> list[str]:
    """Return each text as a string with one character per token."""
    codes = _codes()
    whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    encodings = gpt2_tokenizer().encode_batch_fast(whole, add_special_tokens=False)
    return ["".join([codes[number] for number in encoding.ids]) for encoding in encodings]


@cache
def _codes() -> list[str]:
    """Return the character of each token id: the same for tokens that differ only in the spaces before them."""
    tokenizer = gpt2_tokenizer()
    seen: dict[str, str] = {}
    stripped = [(tokenizer.id_to_token(number) or "").lstrip(_SPACE) for number in range(tokenizer.get_vocab_size())]
    return [seen.setdefault(token, chr(len(seen))) for token in stripped]


ROUGE_L_XLINGUAL = Metric(
    name="rouge_l_xlingual",
    title="ROUGE-L, cross-lingual",
    short_title="ROUGE-L (cross-lingual)",
    description=(
        "F-measure of the longest common subsequence of GPT-2's byte-level tokens, for text in any script. Leading "
        "spaces of a token are stripped; case and punctuation stay and nothing is stemmed. The best over the "
        "references counts. Equals the ROUGE-L of Super-NaturalInstructions' cross-lingual track."
    ),
    score=rouge_l_xlingual,
    score_many=rouge_l_xlingual_many,
    profile=Profile(
        tokenizer="GPT-2's byte-level tokenizer; leading spaces of a token stripped",
        normalisation="none",
        references="best",
        source="Wang et al. 2022 (Super-NaturalInstructions), cross-lingual track",
        equals='rouge_score 0.1.2, RougeScorer(["rougeL"], tokenizer=GPT-2)',
    ),
)
