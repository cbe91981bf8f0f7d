"""How answers are decoded: greedily, by beam search or by sampling; and the texts at which an answer stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a model's answers are decoded; greedily by default.

    `beams` above 1 is beam search with that many hypotheses, whose summed log-probabilities are divided by their length
    to the power of `length_penalty`. A `temperature` above 0 samples each token, among the most likely tokens that
    together have probability `top_p` (nucleus sampling, Holtzman et al. 2020). Samples depend on `seed` and the
    prompt's position only, not on batches. An answer stops after the token that completes any of the texts in `stop`,
    and before an end token.
    """

    beams: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    length_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a value is out of its range, or both beam search and sampling are requested.
        """
        if self.beams < 1:
            raise UserError(f"beams is {self.beams}; it must be 1 (no beam search) or more")
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"the temperature is {self.temperature}; it must be 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p is {self.top_p}; it must be above 0, and at most 1 (all tokens)")
        if self.samples and self.beams > 1:
            raise UserError(f"{self.beams} beams and a temperature of {self.temperature}; choose one of them")
        if self.top_p < 1 and not self.samples:
            raise UserError(
                f"top_p is {self.top_p} and the temperature 0, at which nothing is sampled; give a temperature"
            )
        if "" in self.stop:
            raise UserError("a stop text is empty, and would stop every answer before its first token")

    @property
    def samples(self) -> bool:
        """Whether tokens are sampled."""
        return self.temperature > 0


GREEDY = Decoding()


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    r"""Return an answer up to the first stop text in it.

    Examples:
        >>> cut_at_stop("four\nQ: five", ["Q:", "\n"])
        'four'
    """
    return text[: min((text.find(mark) for mark in stop if mark in text), default=len(text))]
