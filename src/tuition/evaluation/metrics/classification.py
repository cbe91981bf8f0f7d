"""Accuracy, macro-F1 and the rate of invalid outputs, for tasks whose answers come from a set of options."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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

_TOKENIZER = "none: whole answers are compared"
_NORMALISATION = "case folded, white space collapsed, ASCII punctuation stripped from both ends"
_ENDS = string.punctuation + " "
_NO_OPTION = -1


def normalise_option(text: str) -> str:
    r"""Return an answer normalised for comparison with options.

    Case is folded, white space collapsed, and punctuation stripped from both ends. Punctuation inside stays, so that
    "1.5" and "15" differ. An answer that is nothing but punctuation ("+", "?!") keeps it, since it may be an option.

    Examples:
        >>> normalise_option(" Entailment.\n")
        'entailment'
    """
    plain = " ".join(text.casefold().split())
    return plain.strip(_ENDS) or plain


def accuracy(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the normalised prediction equals any normalised reference, else 0.0.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    answer = normalise_option(prediction)
    return float(any(normalise_option(reference) == answer for reference in references))


def invalid_outputs(
    predictions: Sequence[str], references: Sequence[Sequence[str]], options: Options | None = None
) -> list[float]:
    """Return 1.0 for each prediction that, once normalised, is none of its options, and 0.0 for the others.

    Instances without known options share one set: all references of such instances in this call.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: predictions, references and options differ in number.
    """
    return [float(row[1] == _NO_OPTION) for row in _classes(predictions, references, options)]


def _classes(
    predictions: Sequence[str], references: Sequence[Sequence[str]], options: Options | None
) -> npt.NDArray[np.int64]:
    """Return each instance's true and predicted class as integers (n × 2); -1 where no option was predicted.

    Of several references, the predicted one is the true class, else the first.
    """
    check_pairs(predictions, references)
    if options is not None and len(options) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions but {len(options)} lists of options; give one to each")
    known = _known(references, options)
    numbers: dict[str, int] = {}
    rows = []
    for prediction, accepted, valid in zip(predictions, references, known, strict=True):
        answer = normalise_option(prediction)
        right = [normalise_option(reference) for reference in accepted]
        target = answer if answer in right else right[0]
        predicted = numbers.setdefault(answer, len(numbers)) if answer in valid or answer in right else _NO_OPTION
        rows.append((numbers.setdefault(target, len(numbers)), predicted))
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _known(references: Sequence[Sequence[str]], options: Options | None) -> list[frozenset[str]]:
    """Return each instance's options, normalised; equal lists become one set."""
    given: Options = options if options is not None else [()] * len(references)
    found = {
        normalise_option(text) for accepted, own in zip(references, given, strict=True) if not own for text in accepted
    }
    together = frozenset(found)
    # By identity: a task's instances share one list, and hashing a long one for each instance would be quadratic.
    sets: dict[int, frozenset[str]] = {}
    for own in given:
        if own and id(own) not in sets:
            sets[id(own)] = frozenset(map(normalise_option, own))
    return [sets[id(own)] if own else together for own in given]


def _right(rows: npt.NDArray[Any]) -> list[float]:
    return [float(right) for right in rows[:, 0] == rows[:, 1]]


def _macro_f1(rows: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return for each resample the mean F1 of the classes that occur: 2·right / (predicted + true)."""
    classes = int(rows.max(initial=0)) + 1
    target, predicted = rows[:, 0], rows[:, 1]
    right, answered = target == predicted, predicted != _NO_OPTION
    values = np.empty(len(counts))
    for at, times in enumerate(counts):
        hits = np.bincount(target[right], times[right], classes)
        total = np.bincount(target, times, classes) + np.bincount(predicted[answered], times[answered], classes)
        occurring = total > 0
        values[at] = (2 * hits[occurring] / total[occurring]).mean()
    return values


ACCURACY = Metric(
    name="accuracy",
    title="Accuracy",
    short_title="accuracy",
    aliases=("acc",),
    description=(
        "1 where the prediction is a reference, else 0. Both are case-folded, with white space collapsed and ASCII "
        "punctuation stripped from the ends. Any of the references counts. Its mean equals scikit-learn's "
        "accuracy_score of the normalised answers."
    ),
    score=accuracy,
    score_many=one_by_one(accuracy),
    profile=Profile(_TOKENIZER, _NORMALISATION, "best", "usual", "scikit-learn's accuracy_score"),
)

MACRO_F1 = Metric(
    name="macro_f1",
    title="Macro-F1",
    short_title="macro-F1",
    description=(
        "Mean F1 of the classes that occur among references and valid predictions; answers are normalised as for "
        "accuracy, and a prediction that is no option belongs to no class. Of several references the predicted one is "
        "the true class, else the first. One instance's score is its accuracy; the summary is computed over all of "
        "them. Equals scikit-learn's f1_score(average='macro')."
    ),
    score=accuracy,
    score_many=one_by_one(accuracy),
    profile=Profile(
        _TOKENIZER,
        _NORMALISATION,
        "best",
        "usual; see Opitz and Burst 2019 for the two macro-F1s",
        "scikit-learn's f1_score(average='macro')",
    ),
    corpus=Corpus(statistics=_classes, instances=_right, value=_macro_f1),
)

INVALID_OUTPUT = Metric(
    name="invalid_output",
    title="Invalid outputs",
    short_title="invalid output",
    scores_text=False,
    description=(
        "1 where the prediction is none of the instance's options, else 0; normalised as for accuracy. Where options "
        "are not known, all references scored together are the options. Lower is better."
    ),
    score=lambda prediction, references: invalid_outputs([prediction], [references])[0],
    score_many=invalid_outputs,
    profile=Profile(_TOKENIZER, _NORMALISATION, "all", "Tuition"),
    over_options=invalid_outputs,
    lower_is_better=True,
)
