"""The results of a forecast, as plain records: expected scores, labels needed, and the gain of the next labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expected:
    """The score expected at a number of labels: the median, and the 80% and 95% intervals of the expected score.

    A single measured run also varies around the expected score by its own test and seed noise.
    """

    labels: int
    score: float
    low80: float
    high80: float
    low95: float
    high95: float


@dataclass(frozen=True, slots=True)
class Need:
    """The labels needed for `target`; None if they are more than `within`, the largest size considered.

    `chance` is the probability that the target is reached within `within` labels, `now` that it already is.
    """

    target: float
    chance: float
    now: float
    within: int
    labels: int | None
    low80: int | None
    high80: int | None
    low95: int | None
    high95: int | None

    @property
    def reached(self) -> bool:
        """Whether the target is already reached, with 90% certainty."""
        return self.now >= 0.9

    @property
    def reachable(self) -> bool:
        """Whether the chance of reaching the target is at least 10%."""
        return self.chance >= 0.1


@dataclass(frozen=True, slots=True)
class Worth:
    """The gain of `labels` more than the largest known size: the median and its 80% interval."""

    labels: int
    gain: float
    low80: float
    high80: float


@dataclass(frozen=True, slots=True)
class Band:
    """The forecast as a band to draw, from the last point to eight times its labels: arrays of equal length."""

    labels: tuple[float, ...]
    score: tuple[float, ...]
    low80: tuple[float, ...]
    high80: tuple[float, ...]
    low95: tuple[float, ...]
    high95: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of one curve at more labels; all scores are on the scale of the input, 0 to `top`.

    `labels` and `scores` are the known points. `plateau` is the expected score at 64 times the largest known size, the
    limit of the calibration. `advice` is one plain sentence; `warnings` say what is not reliable.
    """

    task: str
    arm: str
    metric: str
    top: float
    labels: tuple[int, ...]
    scores: tuple[float, ...]
    at: tuple[Expected, ...]
    need: Need | None
    worth: tuple[Worth, ...]
    plateau: Expected
    band: Band
    advice: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the forecast as plain data for `json.dumps`."""
        plain = asdict(self)
        if self.need is not None:
            plain["need"] |= {"reached": self.need.reached, "reachable": self.need.reachable}
        return plain

    def _repr_html_(self) -> str:
        """Show the expected scores in a notebook, with the advice and its warnings."""
        from tuition.base.html import html_table

        rows = [
            (
                f"{one.labels:,}",
                *(f"{value:.3g}" for value in (one.score, one.low80, one.high80, one.low95, one.high95)),
            )
            for one in self.at
        ]
        headings = ("labels", "expected score", "80% low", "80% high", "95% low", "95% high")
        return html_table(headings, rows, caption=" ".join((self.advice, *(f"{one}." for one in self.warnings))))
