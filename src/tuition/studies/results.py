"""What a study found, as plain records: the rows that reports show and that `scores.csv` holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuition.evaluation.options.rankings import Ranking

PROBE_MARK = " · "
"""What separates the name of an arm from that of the probe by which its tasks are prompted differently."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score: a metric's mean over `n` test instances, in 0-100, with its 95% bootstrap interval."""

    task: str
    arm: str
    labels: int
    seed: int
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A model's answer to one test instance, with the accepted answers; `scores` are in 0-1 by metric.

    `ranking` is the model's scores of the instance's options, where these were ranked.
    """

    task: str
    arm: str
    labels: int
    seed: int
    instance: str
    input: str
    prediction: str
    references: tuple[str, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    ranking: Ranking | None = None


@dataclass(frozen=True, slots=True)
class StudyResults:
    """Everything a report needs; `facts` are (name, value) lines such as the model, the seeds and the time taken.

    The order in which tasks, arms and metrics first appear in `scores` is the order in which reports show them: a
    study hands its rows over in its own order. The first metric is the one that summaries speak of. `tasks` maps each
    task's name to the definition in its prompts. `baseline` names the arm that the others are compared
    with; it is the first arm where this is empty or has no scores.
    """

    study: str
    scores: tuple[ScoreRow, ...]
    predictions: tuple[PredictionRow, ...] = ()
    tasks: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    baseline: str = ""


def probe_arm(arm: str, probe: str) -> str:
    """Return the name of an arm whose tasks are prompted as a probe has it."""
    return f"{arm}{PROBE_MARK}{probe}"


def probes_of(arms: Iterable[str], known: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return, for each arm that was probed, the arms of its probes by the probes' names (which are `known`)."""
    listed, names = list(dict.fromkeys(arms)), list(known)
    found = {arm: {name: other for name in names if (other := probe_arm(arm, name)) in listed} for arm in listed}
    return {arm: own for arm, own in found.items() if own}
