"""ChrF (Popović, 2015), computed by sacrebleu (Post, 2018): corpus chrF for summaries, else sentence chrF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sacrebleu.metrics import chrf as peer

from tuition.evaluation.metrics.metric import (
    Corpus,
    Metric,
    Options,
    Profile,
    check_pairs,
    check_references,
    one_by_one,
)

if TYPE_CHECKING:
    import numpy.typing as npt

_CHRF = peer.CHRF()
_WIDTH = 3 * _CHRF.order


def chrf(prediction: str, references: Sequence[str]) -> float:
    """Return a prediction's sentence chrF in 0-1, as `sacrebleu.sentence_chrf` does.

    It is the F2 of character n-grams of order 1 to 6, without white space, against the reference that scores highest.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    return _instances(_statistics([prediction], [references]))[0]


def _statistics(
    predictions: Sequence[str], references: Sequence[Sequence[str]], options: Options | None = None
) -> npt.NDArray[np.float64]:
    """Return each instance's n-gram counts: for each order the prediction's, the best reference's, and the matches."""
    del options
    check_pairs(predictions, references)
    # sacrebleu has no public function for these counts; the tests compare the scores computed from them with its own.
    rows = [
        _CHRF._extract_corpus_statistics([prediction], [[reference] for reference in accepted])[0]
        for prediction, accepted in zip(predictions, references, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, _WIDTH)


def _value(rows: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return _of_sums(counts.astype(np.float64) @ rows)


def _instances(rows: npt.NDArray[Any]) -> list[float]:
    scores: list[float] = _of_sums(rows).tolist()
    return scores


def _of_sums(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the score of each row of counts, with sacrebleu's operations in the same order for bit-equal results.

    Precision and recall are means over the orders for which both texts have n-grams.
    """
    precision, recall, orders = (np.zeros(len(sums)) for _ in range(3))
    for order in range(_CHRF.order):
        own, reference, common = sums[:, 3 * order : 3 * order + 3].T
        both = (own > 0) & (reference > 0)
        precision[both] += common[both] / own[both]
        recall[both] += common[both] / reference[both]
        orders += both
    some = orders > 0
    precision[some] /= orders[some]
    recall[some] /= orders[some]
    factor = _CHRF.beta**2
    above = (1 + factor) * precision * recall
    below = (factor * precision) + recall
    return np.divide(above, below, out=np.zeros(len(sums)), where=below > 0)


CHRF = Metric(
    name="chrf",
    title="chrF",
    description=(
        "F-score of character n-grams of order 1 to 6 without white space, with recall weighted twice; case kept. Of "
        "several references the best one counts. Summaries give corpus chrF, as sacrebleu's corpus_chrf; one "
        "instance's score is its sentence chrF, and corpus chrF is not the mean of these."
    ),
    score=chrf,
    score_many=one_by_one(chrf),
    profile=Profile(
        tokenizer="character n-grams of order 1 to 6, white space left out",
        normalisation="none: case is kept",
        references="best",
        source="Popović 2015 (chrF2); Post 2018 (sacrebleu)",
        equals="sacrebleu's corpus_chrf and, by instance, sentence_chrf",
    ),
    corpus=Corpus(statistics=_statistics, instances=_instances, value=_value),
)
