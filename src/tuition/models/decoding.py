"""How answers are to be chosen: greedily, by beams or by drawing; and texts at which an answer stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a model's answers are chosen; greedily where nothing else is said.

    `beams` above 1 searches with so many hypotheses, whose summed log-probabilities are divided by their length to the
    power of `length_penalty`. A `temperature` above 0 draws each token from the distribution it gives, among the
    likeliest tokens that together have `top_p` of it (nucleus sampling, Holtzman et al. 2020). Draws are decided by
    `seed` and a prompt's position alone, so that they do not depend on batches. An answer stops behind the token that
    completes any of the texts in `stop`, as it does before an end token.
    """

    beams: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    length_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            UserError: a value is out of its range, or draws are asked of beams.
        """
        if self.beams < 1:
            raise UserError(f"beams is {self.beams}; it is at least 1, which is no search")
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"the temperature is {self.temperature}; it is 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p is {self.top_p}; it is above 0, and at most 1 (all tokens)")
        if self.samples and self.beams > 1:
            raise UserError(f"{self.beams} beams and a temperature of {self.temperature}; choose one of them")
        if self.top_p < 1 and not self.samples:
            raise UserError(
                f"top_p is {self.top_p} and the temperature 0, at which nothing is drawn; give a temperature"
            )
        if "" in self.stop:
            raise UserError("a text to stop at is empty, and would stop every answer before its first token")

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn."""
        return self.temperature > 0


GREEDY = Decoding()


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    r"""Return an answer up to the first of the texts that stop it.

    Examples:
        >>> cut_at_stop("four\nQ: five", ["Q:", "\n"])
        'four'
    """
    return text[: min((text.find(mark) for mark in stop if mark in text), default=len(text))]
