"""Compare the scores that another tool stored with its answers with ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tuition.base.errors import clip
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.predictions.references import Answer

_NEAR = 1e-6


@dataclass(frozen=True, slots=True)
class Verdict:
    """A metric that another tool stored: its mean over `n` answers in 0-100, and that of our metric if we have it.

    `differ` counts the answers that both score, with different results; `example` is the first such instance.
    """

    system: str
    name: str
    value: float
    n: int
    ours: str = ""
    own_value: float | None = None
    differ: int = 0
    example: str = ""

    def __str__(self) -> str:
        """A sentence on both scores."""
        text = f"{self.name} as stored with the answers is {self.value:.2f} over {self._answers(self.n)}"
        if self.own_value is None:
            return f"{text}; Tuition has no such metric"
        text += f"; our {self.ours} of the same answers is {self.own_value:.2f}"
        if self.differ:
            verb = "differs" if self.differ == 1 else "differ"
            example = clip(self.example, 60)
            text += f", and {self._answers(self.differ)} {verb}, such as {example} (the rules of both may differ)"
        return text

    @staticmethod
    def _answers(number: int) -> str:
        return f"{number:,} {'answer' if number == 1 else 'answers'}"


def stored_verdicts(
    system: str, answers: Sequence[Answer], scores: Mapping[str, Sequence[float | None]]
) -> list[Verdict]:
    """Return each metric that was stored with a system's answers, compared with ours.

    Args:
        system: the system's name.
        answers: its answers.
        scores: our scores of them, by metric.
    """
    return [
        _verdict(system, name, answers, _same_metric(name), scores)
        for name in dict.fromkeys(name for answer in answers for name in answer.verdicts)
    ]


def _same_metric(name: str) -> str:
    """Return our metric for another tool's metric name, empty for none; the rules of both may still differ."""
    if name in METRICS:
        return name
    return next((ours for ours in METRICS if name in METRICS[ours].aliases), "")


def _verdict(
    system: str, name: str, answers: Sequence[Answer], ours: str, scores: Mapping[str, Sequence[float | None]]
) -> Verdict:
    at = [place for place, answer in enumerate(answers) if name in answer.verdicts]
    stored = [answers[place].verdicts[name] for place in at]
    # Some harnesses store percentages (BLEU, chrF).
    scale = 1.0 if max(map(abs, stored)) > 1 else 100.0
    value = scale * fmean(stored)
    own = scores.get(ours)
    if own is None:
        return Verdict(system, name, value, len(at))
    both = [
        (place, scale * theirs / 100, mine)
        for place, theirs in zip(at, stored, strict=True)
        if (mine := own[place]) is not None
    ]
    if not both:
        return Verdict(system, name, value, len(at))
    differing = [place for place, theirs, mine in both if abs(theirs - mine) > _NEAR]
    example = answers[differing[0]] if differing else None
    shown = "" if example is None else " ".join(filter(None, (example.place.task, example.instance)))
    mean = 100 * fmean(mine for _, _, mine in both)
    return Verdict(system, name, value, len(at), ours, mean, len(differing), shown)
