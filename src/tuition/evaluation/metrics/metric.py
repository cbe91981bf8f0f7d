"""What a metric is: a pure function from a prediction and its accepted references to a score, with its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tuition.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ReferenceRule = Literal["best", "first", "all"]
"""How several references are used: the best score counts, only the first is used, or all are matched together."""

Options = Sequence[Sequence[str]]
"""The answer options of each instance; an empty list where they are not known."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a metric computes its scores, so that only scores computed by the same rules are compared.

    `source` names the paper or program that defines the rule, `equals` an implementation that gives the same values.
    `range` is that of one instance's score; reports show 100 times the score.
    """

    tokenizer: str
    normalisation: str
    references: ReferenceRule
    source: str
    equals: str = ""
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The score of many instances together, where it is not the mean of their scores (macro-F1, BLEU, chrF).

    `statistics` returns a row of numbers per instance (n × k), given predictions, their references and, where known,
    their options; `instances` computes each instance's own score from its row. `value` takes such rows and how often
    each counts (resamples × n), and returns the score of each resample in the profile's range: the corpus score if all
    counts are 1, that of a bootstrap sample if they are sampled.
    """

    statistics: Callable[[Sequence[str], Sequence[Sequence[str]], Options | None], npt.NDArray[Any]]
    instances: Callable[[npt.NDArray[Any]], list[float]]
    value: Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Question:
    """The question behind an answer, for metrics that use it: the task's definition and the instance's input.

    Either is empty where it is not known.
    """

    definition: str = ""
    input: str = ""


UNKNOWN = Question()
"""A question whose definition and input are both unknown."""


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """The references that a metric cannot read: too little of them is left once they are normalised.

    Its score for them says nothing about the answer. `hides` decides this for one reference; `reason` says why, such as
    "it reads only a-z and 0-9"; `instead` names metrics that can read such references.
    """

    hides: Callable[[str], bool]
    reason: str
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and what a reader of its scores must know.

    `description` says how text is tokenized and normalised and how several references are used. `score` scores one
    prediction against its references; `score_many` scores many, each against its own, with the same results in less
    time. `corpus` is set for a metric whose summary is not a mean over instances; `score` is then the rule applied to
    one instance alone. `over_options` is `score_many` for a metric that uses the answer options, and `over_questions`
    for one that uses the question (LLM-as-judge). Scores lie in the profile's range; higher is better unless
    `lower_is_better`. `blind_spot` says which references the metric cannot read.

    `short_title` is how tables and sentences write the metric, where that is not its `title`. `aliases` are the names
    under which other tools store scores of the same kind. `scores_text` says whether it scores generated text, whose
    curves forecasts take for a language model's.
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
    short_title: str = ""
    aliases: tuple[str, ...] = ()
    scores_text: bool = True

    @property
    def heading(self) -> str:
        """How tables and sentences write the metric: its short title, or else its title."""
        return self.short_title or self.title


def check_references(references: Sequence[str], which: str = "the prediction") -> None:
    """Check that there is a list of references; `which` names their prediction in the message.

    Raises:
        TypeError: it is a bare string, whose characters would each count as a reference.
        UserError: the list is empty.
    """
    if isinstance(references, str):
        raise TypeError(f"the references of {which} are one string; give a sequence of strings, such as a tuple of one")
    if not len(references):
        raise UserError(f"{which} has no reference to compare with; give at least one accepted output")


def check_pairs(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Check that each prediction has its list of references.

    Raises:
        TypeError: the references of some prediction are a bare string.
        UserError: some prediction has no reference.
        ValueError: `predictions` and `references` differ in length.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} lists of references; give one to each")
    for at, accepted in enumerate(references):
        if isinstance(accepted, str) or not len(accepted):
            check_references(accepted, f"prediction {at}")


def one_by_one(
    score: Callable[[str, Sequence[str]], float],
) -> Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]:
    """Return a `score_many` that calls `score` for each instance."""

    def score_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        check_pairs(predictions, references)
        return [score(prediction, accepted) for prediction, accepted in zip(predictions, references, strict=True)]

    return score_many
