"""What a metric is: a pure function from a prediction and its accepted references to a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and what a reader of its scores must know.

    `description` says how text is cut and normalised and how several references are treated. `score` judges one
    prediction against its references; `score_many` judges many, each against its own, with the same results and
    less time. Scores lie in 0-1, more is better.
    """

    name: str
    title: str
    description: str
    score: Callable[[str, Sequence[str]], float]
    score_many: Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]


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
