"""ROUGE-1: how many words two texts share, in any order (Lin, 2004, section 2).

The scores are bit-equal to those of the `rouge_score` package with `RougeScorer(["rouge1"], use_stemmer=True)`. Words
are mapped to characters as for ROUGE-L. The longest common subsequence of two sorted texts is the words that they
share, each as often as both have it, so ROUGE-1 is ROUGE-L of sorted words.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuition.evaluation.metrics.blind_spots import hides_from_ascii_words
from tuition.evaluation.metrics.metric import BlindSpot, Metric, Profile
from tuition.evaluation.metrics.rouge import best_overlap, best_overlaps, encode_words


def rouge_1(prediction: str, references: Sequence[str]) -> float:
    """Return the ROUGE-1 F-measure of a prediction in 0-1, the best over its references.

    Text is split into words and stemmed as in `rouge_l`. With C the number of words in common, each counted as often as
    both texts have it, precision is C over the prediction's words, recall C over the reference's, and F their harmonic
    mean; 0.0 where there is no word.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    return best_overlap(prediction, references, _encode_sorted)


def rouge_1_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Return `rouge_1` of every prediction against its own references, in order.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    return best_overlaps(predictions, references, _encode_sorted)


def _encode_sorted(texts: Sequence[str]) -> list[str]:
    return ["".join(sorted(code)) for code in encode_words(texts)]


ROUGE_1 = Metric(
    name="rouge_1",
    title="ROUGE-1",
    aliases=("rouge1",),
    description=(
        "F-measure of the words that prediction and reference share, in any order. Words are split and stemmed as "
        "for ROUGE-L. The best over the references counts. Equals rouge_score's rouge1 with its stemmer."
    ),
    score=rouge_1,
    score_many=rouge_1_many,
    profile=Profile(
        tokenizer="runs of a-z and 0-9, Porter-stemmed (NLTK) where longer than three letters",
        normalisation="lower case; every other character separates words",
        references="best",
        source="Lin 2004, section 2; as Tk-Instruct uses it (Wang et al. 2022)",
        equals='rouge_score 0.1.2, RougeScorer(["rouge1"], use_stemmer=True)',
    ),
    blind_spot=BlindSpot(hides_from_ascii_words, "it reads only a-z and 0-9", ("rouge_l_xlingual", "chrf")),
)
