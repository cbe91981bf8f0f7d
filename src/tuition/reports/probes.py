"""Prompt probes: how much a model's scores change when one thing in the prompt is changed."""

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
_BOUNDS = (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class ProbeEffect:
    """One probe's score on a task, in 0-100, and its difference from the unchanged prompt, with a 95% interval.

    The interval is a paired bootstrap over instances, after averaging over seeds.
    """

    probe: str
    value: float
    difference: float
    low: float
    high: float
    n: int

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class ProbeSpread:
    """A task's score with the unchanged prompt and with each probe; `spread` is the highest minus the lowest."""

    task: str
    arm: str
    labels: int
    metric: str
    value: float
    effects: tuple[ProbeEffect, ...]

    @property
    def spread(self) -> float:
        """The highest score minus the lowest, in points."""
        values = [self.value, *(effect.value for effect in self.effects)]
        return max(values) - min(values)


@dataclass(frozen=True, slots=True)
class ProbeMean:
    """A probe's mean difference over tasks with equal weights, with its 95% interval over their instances.

    `moved` counts the tasks whose own interval excludes 0.
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

    Metrics that are not a mean over instances (BLEU, chrF, macro-F1) are left out.
    """
    spreads = []
    for (task, arm, labels, metric), (usual, probed) in _paired(predictions).items():
        effects = tuple(_effect((task, arm, labels, metric), usual, name, own) for name, own in probed.items())
        spreads.append(ProbeSpread(task, arm, labels, metric, 100 * fmean(usual.values()), effects))
    return tuple(spreads)


def probe_means(predictions: Iterable[PredictionRow], metric: str) -> tuple[ProbeMean, ...]:
    """Return each probe's mean difference over its tasks, under one metric."""
    groups: dict[tuple[str, int, str], list[tuple[Statistic, bool]]] = {}
    for (task, arm, labels, name), (usual, probed) in _paired(predictions).items():
        if name != metric:
            continue
        for probe, own in probed.items():
            clear = _effect((task, arm, labels, metric), usual, probe, own).clear
            groups.setdefault((arm, labels, probe), []).append((mean_of(_differences(usual, own), _BOUNDS), clear))
    means = []
    for (arm, labels, probe), tasks in groups.items():
        seed = derive_seed("probe mean", arm, labels, metric, probe)
        found = interval_of(macro_of([statistic for statistic, _ in tasks]), seed=seed, bounds=_BOUNDS)
        ends = (100 * found.mean, 100 * found.low, 100 * found.high)
        means.append(ProbeMean(arm, labels, metric, probe, *ends, len(tasks), sum(clear for _, clear in tasks)))
    return tuple(means)


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
    """Return, by task, arm, labels and metric, each instance's score with the unchanged prompt and with each probe."""
    rows = list(predictions)
    probed = probes_of((row.arm for row in rows), PROBES)
    if not probed:
        return {}
    scores: dict[Point, dict[str, list[float]]] = {}
    for row in rows:
        for metric, score in row.scores.items():
            if metric not in METRICS or METRICS[metric].corpus is None:
                by_instance = scores.setdefault((row.task, row.arm, row.labels, metric), {})
                by_instance.setdefault(row.instance, []).append(score)
    means = {point: {name: fmean(values) for name, values in own.items()} for point, own in scores.items()}
    pairs: dict[Point, tuple[Scores, dict[str, Scores]]] = {}
    for (task, arm, labels, metric), usual in means.items():
        own = {name: means.get((task, other, labels, metric)) for name, other in probed.get(arm, {}).items()}
        same: dict[str, Scores] = {
            name: found for name, found in own.items() if found is not None and found.keys() == usual.keys()
        }
        if same:
            pairs[task, arm, labels, metric] = (usual, same)
    return pairs


def _differences(usual: Scores, own: Scores) -> Sequence[float]:
    return [own[name] - usual[name] for name in usual]


def _effect(point: Point, usual: Scores, probe: str, own: Scores) -> ProbeEffect:
    found = interval_of(
        mean_of(_differences(usual, own), _BOUNDS), seed=derive_seed("probe", *point, probe), bounds=_BOUNDS
    )
    ends = (100 * found.mean, 100 * found.low, 100 * found.high)
    return ProbeEffect(probe, 100 * fmean(own.values()), *ends, found.n)
