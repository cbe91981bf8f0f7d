"""SQuAD's two metrics: exact match and token F1, by the rules of its official evaluation (Rajpurkar et al., 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from tuition.evaluation.metrics.metric import BlindSpot, Metric, Profile, check_references, one_by_one

_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NORMALISATION = "lower case, ASCII punctuation deleted, then a, an and the deleted, white space collapsed"
_HIDDEN = "it drops punctuation and articles, and nothing else is there"
_SOURCE = "Rajpurkar et al. 2016, the evaluation of SQuAD 1.1"


def exact_match_squad(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the prediction equals any reference once both are normalised as SQuAD 1.1 does, else 0.0.

    Unlike `exact_match`, articles do not count: "the cat" equals "cat", and "the" equals nothing at all.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    answer = _words(prediction)
    return float(any(_words(reference) == answer for reference in references))


def f1_squad(prediction: str, references: Sequence[str]) -> float:
    """Return the F1 of the words that prediction and reference share in 0-1, the best over the references.

    Texts are normalised as SQuAD 1.1 does and split at white space; a shared word counts as often as both have it. F1
    is 0.0 where one of the two has no word left, also where neither has (SQuAD 2.0 differs here).

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    answer = _words(prediction)
    return max(_f1(answer, _words(reference)) for reference in references)


def _f1(prediction: list[str], reference: list[str]) -> float:
    common = (Counter(prediction) & Counter(reference)).total()
    if not common:
        return 0.0
    precision = common / len(prediction)
    recall = common / len(reference)
    return (2 * precision * recall) / (precision + recall)


def _words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_DROP_PUNCTUATION)).split()


EXACT_MATCH_SQUAD = Metric(
    name="exact_match_squad",
    title="Exact match (SQuAD)",
    short_title="exact match (SQuAD)",
    description=(
        "1 where the prediction equals a reference, else 0. Both are lower-cased, without ASCII punctuation, a, an and "
        "the; white space is collapsed. Any of the references counts. Equals SQuAD 1.1's exact match."
    ),
    score=exact_match_squad,
    score_many=one_by_one(exact_match_squad),
    profile=Profile("none: whole texts are compared", _NORMALISATION, "best", _SOURCE, "SQuAD 1.1's exact_match"),
    blind_spot=BlindSpot(lambda text: bool(text.strip()) and not _words(text), _HIDDEN, ("accuracy",)),
)

F1_SQUAD = Metric(
    name="f1_squad",
    title="Token F1 (SQuAD)",
    short_title="F1 (SQuAD)",
    aliases=("f1",),
    description=(
        "Harmonic mean of precision and recall of the words that prediction and reference share. Both are lower-cased, "
        "without ASCII punctuation and without a, an and the, and split at white space. The best over the references "
        "counts. Equals SQuAD 1.1's F1."
    ),
    score=f1_squad,
    score_many=one_by_one(f1_squad),
    profile=Profile("words between white space", _NORMALISATION, "best", _SOURCE, "SQuAD 1.1's f1"),
    blind_spot=BlindSpot(lambda text: bool(text.strip()) and not _words(text), _HIDDEN, ("accuracy",)),
)
