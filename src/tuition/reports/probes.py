"""What a model follows: how far its scores move when a task is told otherwise in one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tuition.base.files import write_atomically
from tuition.base.seeds import derive_seed
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.stats.intervals import Statistic, interval_of, macro_of, mean_of
from tuition.prompts.probes import PROBES
from tuition.reports.scores_csv import csv_line
from tuition.studies.results import PredictionRow, probes_of

HEADER = ("task", "arm", "labels", "metric", "probe", "value", "difference", "low", "high", "n", "spread")
_REACH = (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class ProbeEffect:
    """One probe's score on a task, in 0-100, and its difference from the task as it is told, with a 95% interval.

    The interval is a bootstrap over instances, each instance paired with itself; seeds are averaged before.
    """

    probe: str
    value: float
    difference: float
    low: float
    high: float
    n: int

    @property
    def clear(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class ProbeSpread:
    """A task's score as told and under each probe; `spread` is the highest of all these less the lowest."""

    task: str
    arm: str
    labels: int
    metric: str
    value: float
    effects: tuple[ProbeEffect, ...]

    @property
    def spread(self) -> float:
        """The highest score less the lowest, in points."""
        values = [self.value, *(effect.value for effect in self.effects)]
        return max(values) - min(values)


@dataclass(frozen=True, slots=True)
class ProbeMean:
    """A probe's mean difference over tasks (each weighing the same) with its 95% interval over their instances.

    `moved` counts the tasks whose own interval leaves 0 out.
    """

    arm: str
    labels: int
    metric: str
    probe: str
    difference: float
    low: float
    high: float
    tasks: int
    moved: int


def probe_spreads(predictions: Iterable[PredictionRow]) -> tuple[ProbeSpread, ...]:
    """Return the spread of every task, arm, number of labels and metric that was probed.

    Metrics whose figure is no mean over instances (BLEU, chrF, macro-F1) are left out.
    """
    made = []
    for (task, arm, labels, metric), (usual, probed) in _paired(predictions).items():
        effects = tuple(_effect((task, arm, labels, metric), usual, name, own) for name, own in probed.items())
        made.append(ProbeSpread(task, arm, labels, metric, 100 * fmean(usual.values()), effects))
    return tuple(made)


def probe_means(predictions: Iterable[PredictionRow], metric: str) -> tuple[ProbeMean, ...]:
    """Return each probe's mean difference over the tasks that it was made of, by one metric."""
    groups: dict[tuple[str, int, str], list[tuple[Statistic, bool]]] = {}
    for (task, arm, labels, name), (usual, probed) in _paired(predictions).items():
        if name != metric:
            continue
        for probe, own in probed.items():
            clear = _effect((task, arm, labels, metric), usual, probe, own).clear
            groups.setdefault((arm, labels, probe), []).append((mean_of(_moved(usual, own), _REACH), clear))
    made = []
    for (arm, labels, probe), tasks in groups.items():
        seed = derive_seed("probe mean", arm, labels, metric, probe)
        found = interval_of(macro_of([statistic for statistic, _ in tasks]), seed=seed, bounds=_REACH)
        ends = (100 * found.mean, 100 * found.low, 100 * found.high)
        made.append(ProbeMean(arm, labels, metric, probe, *ends, len(tasks), sum(clear for _, clear in tasks)))
    return tuple(made)


def write_probes_csv(path: Path, spreads: Iterable[ProbeSpread]) -> None:
    """Write every probe's score and difference as CSV, a row for each task, arm, number of labels, metric and probe.

    Raises:
        UserError: the file cannot be written.
    """
    lines = [",".join(HEADER)]
    for own in spreads:
        for one in own.effects:
            difference = (one.value, one.difference, one.low, one.high, one.n, own.spread)
            lines.append(csv_line([own.task, own.arm, own.labels, own.metric, one.probe, *difference]))
    write_atomically(path, "\n".join(lines) + "\n")


Point = tuple[str, str, int, str]
Scores = Mapping[str, float]


def _paired(predictions: Iterable[PredictionRow]) -> dict[Point, tuple[Scores, dict[str, Scores]]]:
    """Return, by task, arm, labels and metric, each instance's score as told and under each probe."""
    rows = list(predictions)
    probed = probes_of((row.arm for row in rows), PROBES)
    if not probed:
        return {}
    scores: dict[Point, dict[str, list[float]]] = {}
    for row in rows:
        for metric, score in row.scores.items():
            if metric not in METRICS or METRICS[metric].corpus is None:
                place = scores.setdefault((row.task, row.arm, row.labels, metric), {})
                place.setdefault(row.instance, []).append(score)
    means = {point: {name: fmean(values) for name, values in own.items()} for point, own in scores.items()}
    made: dict[Point, tuple[Scores, dict[str, Scores]]] = {}
    for (task, arm, labels, metric), usual in means.items():
        own = {name: means.get((task, other, labels, metric)) for name, other in probed.get(arm, {}).items()}
        same: dict[str, Scores] = {
            name: found for name, found in own.items() if found is not None and found.keys() == usual.keys()
        }
        if same:
            made[task, arm, labels, metric] = (usual, same)
    return made


def _moved(usual: Scores, own: Scores) -> Sequence[float]:
    return [own[name] - usual[name] for name in usual]


def _effect(point: Point, usual: Scores, probe: str, own: Scores) -> ProbeEffect:
    found = interval_of(mean_of(_moved(usual, own), _REACH), seed=derive_seed("probe", *point, probe), bounds=_REACH)
    ends = (100 * found.mean, 100 * found.low, 100 * found.high)
    return ProbeEffect(probe, 100 * fmean(own.values()), *ends, found.n)
