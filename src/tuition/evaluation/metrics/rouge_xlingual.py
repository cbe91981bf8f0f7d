"""ROUGE-L for texts in any script, as Super-NaturalInstructions scores its cross-lingual track (Wang et al., 2022).

Words give way to the tokens of GPT-2's byte-level tokenizer, since ROUGE-L's own words are runs of a-z and 0-9 and a
text in another script has none. The scores equal those of `rouge_score` with such a tokenizer to the last bit.
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

    Texts are taken as they are: neither lower-cased nor stemmed, punctuation kept. Spaces at the beginning of a token
    are taken off it, so that a word is the same at the beginning of a text and within; a token of spaces alone becomes
    an empty one, which counts as a token and equals others of its kind. Half characters (lone surrogates), which have
    no bytes, are taken for question marks.

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
    """Return each text as a string with one character a token."""
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
    description=(
        "F-measure of the longest common subsequence of GPT-2's byte-level tokens, for text in any script. Spaces that "
        "lead a token are taken off; case and punctuation stay and nothing is stemmed. The best over the references "
        "counts. Equals Super-NaturalInstructions' ROUGE-L of its cross-lingual track."
    ),
    score=rouge_l_xlingual,
    score_many=rouge_l_xlingual_many,
    profile=Profile(
        tokenizer="GPT-2's byte-level tokenizer; spaces that lead a token taken off",
        normalisation="none",
        references="best",
        source="Wang et al. 2022 (Super-NaturalInstructions), cross-lingual track",
        equals='rouge_score 0.1.2, RougeScorer(["rougeL"], tokenizer=GPT-2)',
    ),
)
