"""BLEU (Papineni et al., 2002), computed by sacrebleu (Post, 2018): corpus BLEU for summaries, else sentence BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sacrebleu.metrics import bleu as peer

from tuition.evaluation.metrics.blind_spots import hides_without_spaces
from tuition.evaluation.metrics.metric import (
    BlindSpot,
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

_SENTENCE = peer.BLEU(effective_order=True)
_CORPUS = peer.BLEU()
_ORDER = 4


def bleu(prediction: str, references: Sequence[str]) -> float:
    """Return a prediction's sentence BLEU in 0-1, as `sacrebleu.sentence_bleu` does.

    N-gram orders longer than the prediction are left out and orders without a match are smoothed (exp); otherwise most
    sentences would score 0. The mean of these scores is not corpus BLEU, which first sums n-gram counts over sentences.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    return min(1.0, _SENTENCE.sentence_score(prediction, list(references)).score / 100)


def _statistics(
    predictions: Sequence[str], references: Sequence[Sequence[str]], options: Options | None = None
) -> npt.NDArray[np.float64]:
    """Return each instance's counts: matched n-grams and all n-grams of order 1 to 4, and both texts' lengths."""
    del options
    check_pairs(predictions, references)
    rows = []
    for prediction, accepted in zip(predictions, references, strict=True):
        one = _SENTENCE.sentence_score(prediction, list(accepted))
        rows.append((*one.counts, *one.totals, one.sys_len, one.ref_len))
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * _ORDER + 2)


def _instances(rows: npt.NDArray[Any]) -> list[float]:
    return [_of_sums(row, _SENTENCE) for row in rows]


def _value(rows: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.array([_of_sums(sums, _CORPUS) for sums in counts.astype(np.float64) @ rows])


def _of_sums(row: npt.NDArray[Any], rule: peer.BLEU) -> float:
    sums = [int(number) for number in row]
    done = rule.compute_bleu(
        correct=sums[:_ORDER],
        total=sums[_ORDER : 2 * _ORDER],
        sys_len=sums[-2],
        ref_len=sums[-1],
        smooth_method=rule.smooth_method,
        smooth_value=rule.smooth_value,
        effective_order=rule.effective_order,
        max_ngram_order=_ORDER,
    )
    return min(1.0, float(done.score) / 100)


BLEU = Metric(
    name="bleu",
    title="BLEU",
    description=(
        "Geometric mean of the precisions of 1- to 4-grams, times the brevity penalty; tokenizer 13a, case kept, "
        "smoothing exp. All references are matched together. Summaries give corpus BLEU, as sacrebleu's corpus_bleu; "
        "one instance's score is its sentence BLEU (effective order), and corpus BLEU is not the mean of these."
    ),
    score=bleu,
    score_many=one_by_one(bleu),
    profile=Profile(
        tokenizer="sacrebleu's 13a (mteval-v13a)",
        normalisation="none: case is kept",
        references="all",
        source="Papineni et al. 2002; Post 2018 (sacrebleu)",
        equals="sacrebleu's corpus_bleu and, by instance, sentence_bleu",
    ),
    corpus=Corpus(statistics=_statistics, instances=_instances, value=_value),
    blind_spot=BlindSpot(hides_without_spaces, "it splits words at spaces, which this script does not use", ("chrf",)),
)
