"""Read the scores of single instances for comparisons, from a study's folder or from any table of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuition.base.csv_cells import unguarded
from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.stats.instance_scores import InstanceScores, ScoredInstance, gather_scores
from tuition.evaluation.visibility import unseen_rows, unseen_sentence
from tuition.reports.arm_factors import Stages
from tuition.reports.study_instances import Place, StudyInstances, read_study_instances
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.delimited import csv_columns, csv_rows

_NEEDED = ("task", "arm", "instance", "value")
_MOST_LABELS = 10**12


@dataclass(frozen=True, slots=True)
class InstanceSource:
    """The scores of single instances under one metric.

    `metrics` are all available metrics. `top` is the factor of reports: 100 for scores in 0-1, else 1. `shared_seeds`
    are the arms for which one seed's model answers several tasks. `stages` are each arm's stages in the study, empty
    for a table; `missing` are the points of the study that are not evaluated yet. `unseen` is a sentence on accepted
    outputs that the metric cannot read, empty if there are none, and for a table.
    """

    metric: str
    metrics: tuple[str, ...]
    scores: tuple[InstanceScores, ...]
    arms: tuple[str, ...]
    top: float
    shared_seeds: frozenset[str]
    stages: Stages
    missing: tuple[Place, ...]
    unseen: str = ""


def read_instance_scores(source: Path, *, metric: str | None = None) -> InstanceSource:
    """Read a folder that run, learn, evaluate or demo created, or a CSV file with a row for each instance's score.

    A table has the columns task, arm, instance and value, and labels, seed and metric if there are several. All columns
    whose names end in `seed` (`sampling_seed`, `order_seed`) are seeds; other columns are ignored.

    Args:
        source: the folder or file.
        metric: the metric; the first one by default.

    Raises:
        UserError: there is no such source or metric, or it has no scores of instances.
        ProblemsError: rows are invalid; all of them are listed.
    """
    if source.is_dir():
        study = read_study_instances(source)
        chosen = _chosen(source, metric, study.metrics if study.keys else ())
        scores = gather_scores(study.rows(chosen))
        return InstanceSource(
            chosen, study.metrics, scores, study.arms, 100.0, study.shared_seeds, study.stages, study.expected,
            _unseen(study, chosen),
        )  # fmt: skip
    if not source.is_file():
        raise UserError(f"{source}: there is no such file or folder; give a study's folder or a CSV of scores")
    return _of_table(source, metric)


def _unseen(study: StudyInstances, metric: str) -> str:
    """Return a sentence on the accepted outputs that the metric cannot read; empty if there are none."""
    if metric not in METRICS or METRICS[metric].blind_spot is None:
        return ""
    by_task = {place[0]: key for place, key in study.keys.items()}
    references = [own for key in by_task.values() for own in study.answers(key).column("references").to_pylist()]
    unseen = unseen_rows(METRICS[metric], references)
    return unseen_sentence(metric, unseen, len(references)) if unseen else ""


def _of_table(path: Path, metric: str | None) -> InstanceSource:
    found = Findings(path)
    columns = csv_columns(path, path, Findings(path)) or ()
    missing = [name for name in _NEEDED if name not in columns]
    if columns and missing:
        seen = ", ".join(clip(name, 30) for name in columns[:12])
        raise UserError(
            f"{path}:1: no column is named {' or '.join(missing)} (columns: {seen}); a table of instance scores has "
            "task, arm, instance and value, and labels, seed and metric if there are several"
        )
    seeds = [name for name in columns if name.endswith("seed")]
    rows = list(_rows(path, seeds, found))
    if errors := found.errors():
        raise ProblemsError(errors)
    metrics = tuple(dict.fromkeys(name for name, _ in rows))
    chosen = _chosen(path, metric, metrics)
    own = [row for name, row in rows if name == chosen]
    scores = gather_scores(own)
    inside = all(0 <= row.value <= 1 for row in own)
    arms = tuple(dict.fromkeys(row.arm for row in own))
    return InstanceSource(chosen, metrics, scores, arms, 100.0 if inside else 1.0, frozenset(), {}, ())


def _rows(path: Path, seeds: Sequence[str], found: Findings) -> Iterator[tuple[str, ScoredInstance]]:
    for line, cells in csv_rows(path, path, found):
        row = {name: unguarded(str(cell)) for name, cell in cells.items()}
        value = _number(row["value"])
        labels = _number(row.get("labels", "0"))
        if value is None:
            found.error("no-number", f"value is {clip(row['value'], 40)!r}", "it is a number")
        elif labels is None or not (0 <= labels <= _MOST_LABELS and labels == int(labels)):
            found.error("no-number", f"labels is {clip(row['labels'], 40)!r}", "it is a whole number from 0 on")
        else:
            seed = tuple(row[name].strip() for name in seeds) or ("1",)
            place = Problem("score", "", "", path, line=line)
            score = ScoredInstance(row["task"], row["arm"], int(labels), seed, row["instance"], value, place=place)
            yield row.get("metric", "") or "score", score


def _number(text: str) -> float | None:
    """Return a cell's number; one that is not finite is refused later, in a message with its location."""
    try:
        return float(text)
    except ValueError:
        return None


def _chosen(source: Path, metric: str | None, metrics: Sequence[str]) -> str:
    if not metrics:
        raise UserError(f"{source}: there are no scores yet; run the study first")
    if metric is None:
        return metrics[0]
    if metric not in metrics:
        raise UserError(f"{source}: no scores by {clip(metric, 40)!r}; the metrics are {', '.join(map(clip, metrics))}")
    return metric
