"""What a metric is: a pure function from a prediction and its accepted references to a score, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tuition.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ReferenceRule = Literal["best", "first", "all"]
"""What several references do: the best of them counts, the first alone does, or all of them together are matched."""

Options = Sequence[Sequence[str]]
"""The answer options of each instance; an empty list where they are not known."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a metric's scores are made, so that nobody compares them with scores that are made otherwise.

    `source` names the paper or program that the rule is from, `equals` an implementation whose figures are the same.
    `range` is that of one instance's score, of which reports show a hundredfold.
    """

    tokenizer: str
    normalisation: str
    references: ReferenceRule
    source: str
    equals: str = ""
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The value of many instances together, where that is not the mean of theirs (macro-F1, BLEU, chrF).

    `statistics` returns a row of numbers for each instance, given predictions, their references and, where known, their
    options; `instances` makes each instance's own score of its row. `value` takes such rows (n × k) and how often each
    counts (draws × n), and returns the value of each draw in the profile's range: with all counts 1 it is the corpus
    score, with drawn counts that of a bootstrap sample.
    """

    statistics: Callable[[Sequence[str], Sequence[Sequence[str]], Options | None], npt.NDArray[Any]]
    instances: Callable[[npt.NDArray[Any]], list[float]]
    value: Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer answers, for a metric that looks at it: the task's definition and the instance's input.

    Either is empty where it is not known.
    """

    definition: str = ""
    input: str = ""


UNKNOWN = Question()
"""A question of which nothing is known."""


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """The references that a metric cannot see: those of which too little is left once it has cut and normalised them.

    Its score there says nothing of the answer. `hides` decides that for one reference; `reason` says why, such as "it
    reads a-z and 0-9 alone"; `instead` names metrics that can see such references.
    """

    hides: Callable[[str], bool]
    reason: str
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and what a reader of its scores must know.

    `description` says how text is cut and normalised and how several references are treated. `score` judges one
    prediction against its references; `score_many` judges many, each against its own, with the same results and
    less time. `corpus` is there for a metric whose summary is no mean over instances: `score` then is what its rule
    gives for one instance alone. `over_options` is `score_many` for a metric that looks at the answer options, and
    `over_questions` for one that looks at what was asked (a judge model).
    Scores lie in the profile's range; more is better unless `lower_is_better`. `blind_spot` says which references the
    metric cannot see.
    """

    name: str
    title: str
    description: str
    score: Callable[[str, Sequence[str]], float]
    score_many: Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]
    profile: Profile
    corpus: Corpus | None = None
    over_options: Callable[[Sequence[str], Sequence[Sequence[str]], Options], list[float]] | None = None
    over_questions: Callable[[Sequence[str], Sequence[Sequence[str]], Sequence[Question]], list[float]] | None = None
    lower_is_better: bool = False
    blind_spot: BlindSpot | None = None


def check_references(references: Sequence[str], which: str = "the prediction") -> None:
    """Refuse references that nothing can be compared with; `which` names their prediction in the message.

    Raises:
        TypeError: a bare string, whose letters would each count as a reference.
        UserError: there is none.
    """
    if isinstance(references, str):
        raise TypeError(f"the references of {which} are one string; give a sequence of strings, such as a tuple of one")
    if not len(references):
        raise UserError(f"{which} has no reference to be compared with; give at least one accepted output")


def check_pairs(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Refuse predictions and references that do not belong together.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: there are more of one than of the other.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} lists of references; give one to each")
    for at, accepted in enumerate(references):
        if isinstance(accepted, str) or not len(accepted):
            check_references(accepted, f"prediction {at}")


def one_by_one(
    score: Callable[[str, Sequence[str]], float],
) -> Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]:
    """Return the `score_many` of a metric that gains nothing from seeing many instances at once."""

    def score_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        check_pairs(predictions, references)
        return [score(prediction, accepted) for prediction, accepted in zip(predictions, references, strict=True)]

    return score_many
