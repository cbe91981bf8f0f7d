"""Exact match: whether a prediction equals a reference, ignoring case, punctuation and spacing."""

from __future__ import annotations

import string
from collections.abc import Sequence

from tuition.evaluation.metrics.blind_spots import hides_without_punctuation
from tuition.evaluation.metrics.metric import BlindSpot, Metric, Profile, check_pairs, check_references

_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the normalised prediction equals any normalised reference, else 0.0.

    Text is normalised as in the evaluation of Tk-Instruct (Wang et al., 2022), which follows SQuAD but keeps articles:
    lower-cased, ASCII punctuation deleted (not turned into spaces: "twenty-one" becomes "twentyone"), white space
    collapsed. Other characters, such as typographic quotes, are kept. Any two texts of punctuation alone are equal.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    answer = _normalise(prediction)
    return float(any(_normalise(reference) == answer for reference in references))


def exact_match_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Return `exact_match` of every prediction against its own references, in order.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    check_pairs(predictions, references)
    return [exact_match(prediction, accepted) for prediction, accepted in zip(predictions, references, strict=True)]


def _normalise(text: str) -> str:
    return " ".join(text.lower().translate(_DROP_PUNCTUATION).split())


EXACT_MATCH = Metric(
    name="exact_match",
    title="Exact match",
    short_title="exact match",
    aliases=("em",),
    description=(
        "1 where the prediction equals a reference, else 0. Both are lower-cased, without ASCII punctuation and with "
        "white space collapsed; articles stay. Any of the references counts. Equals Tk-Instruct's exact match."
    ),
    score=exact_match,
    score_many=exact_match_many,
    profile=Profile(
        tokenizer="none: whole texts are compared",
        normalisation="lower case, ASCII punctuation deleted, white space collapsed; articles stay",
        references="best",
        source="Wang et al. 2022 (Tk-Instruct), after Rajpurkar et al. 2016 (SQuAD 1.1)",
        equals="Tk-Instruct's exact_match",
    ),
    blind_spot=BlindSpot(hides_without_punctuation, "it drops punctuation, and nothing else is there", ("accuracy",)),
)
