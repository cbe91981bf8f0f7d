"""The scores of single instances in a study's folder, also while the study is running or after it was stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from tuition.base.errors import UserError, clip
from tuition.evaluation.stats.instance_scores import ScoredInstance
from tuition.reports.arm_factors import Stages
from tuition.reports.scores_csv import read_scores_csv
from tuition.studies.storage.run_files import results_are_current
from tuition.studies.storage.store_check import RUN_AGAIN, require_version

_DATABASE, _STUDY, _SCORES, _PREFIX = "store.sqlite", "study.json", "scores.csv", "score:"
Place: TypeAlias = tuple[str, str, int, int]
"""Task, arm, labels, seed."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A finished evaluation step; `scores` are value, low, high and n by metric."""

    key: str
    place: Place
    scores: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class StudyInstances:
    """The evaluation step of each point of a study, and the study's arms.

    `stages` are those of `study.json`, empty if there is none. `expected` are the study's points that are not evaluated
    yet, on tasks that have any score. `scored` are each step's value, low, high and n by metric.
    """

    folder: Path
    metrics: tuple[str, ...]
    keys: Mapping[Place, str]
    arms: tuple[str, ...]
    stages: Stages
    expected: tuple[Place, ...]
    scored: Mapping[str, Mapping[str, tuple[float, ...]]]

    @property
    def shared_seeds(self) -> frozenset[str]:
        """The arms of which one seed's model answers several tasks."""
        shared = {
            name
            for name, own in self.stages.items()
            if any(stage.get("on") == "seen" or stage.get("setting") == "multi-task" for stage in own)
        }
        return frozenset(arm for arm in self.arms if _arm(arm) in shared or arm in shared)

    def rows(self, metric: str) -> Iterator[ScoredInstance]:
        """Yield every instance's score under a metric.

        Raises:
            UserError: a file of answers cannot be read, or has no such scores.
        """
        read: dict[str, list[tuple[str, float]]] = {}
        for (task, arm, labels, seed), key in self.keys.items():
            if key not in read:
                read[key] = _instances(self.folder / "predictions" / f"{key}.parquet", metric)
            for name, value in read[key]:
                yield ScoredInstance(task, arm, labels, (str(seed),), name, value, key)

    def answers(self, key: str) -> Any:
        """Return the stored answers of a step as a pyarrow table: instance, input, prediction, references, scores.

        Raises:
            UserError: the file cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / "predictions" / f"{key}.parquet"
        try:
            return pq.read_table(path, page_checksum_verification=True)
        except (OSError, pa.ArrowInvalid) as error:
            why = next(iter(str(error).splitlines()), type(error).__name__)
            raise UserError(f"{path}: cannot be read ({clip(why)}); run the study again") from error


def read_study_instances(folder: Path) -> StudyInstances:
    """Read the finished steps of a study's folder; nothing is written, so a run may be in progress.

    `scores.csv` lists the finished steps that belong to the study. If it is missing, or of another study, a run is in
    progress or was stopped; then the newest step of each point counts. Points without labels that several arms share
    are evaluated once, and belong to each of these arms.

    Raises:
        UserError: the folder has no store, or it cannot be read.
    """
    if not (folder / _DATABASE).is_file():
        raise UserError(f"{folder}: the folder has no {_DATABASE}; give one that run, learn, evaluate or demo created")
    study, steps, points = _study(folder), _steps(folder), _points(folder)
    stages: Stages = study.get("arms", {})
    if results_are_current(folder):
        keys, metrics = _listed(folder, steps, points)
    else:
        newest: dict[Place, str] = {}
        for step in steps:
            if not stages or _arm(step.place[1]) in stages:
                newest.setdefault(step.place, step.key)
        keys = dict(reversed(newest.items()))
        finished = {step.key for step in steps}
        keys |= {place: key for place, key in points.items() if key in finished and _arm(place[1]) in stages}
        keys |= _shared_without_labels(study, keys)
        metrics = [*_named_metrics(study), *(name for step in steps for name in step.scores)]
    found = dict.fromkeys(arm for _, arm, _, _ in keys)
    arms = (*(arm for arm in stages if arm in found), *(arm for arm in found if arm not in stages))
    scored = {step.key: step.scores for step in steps}
    return StudyInstances(folder, tuple(dict.fromkeys(metrics)), keys, arms, stages, _expected(study, keys), scored)


def _arm(name: str) -> str:
    """Return the arm of a probe, or the arm itself."""
    return name.partition(" · ")[0]


def _study(folder: Path) -> dict[str, Any]:
    """Return the content of `study.json`; empty if it is missing or invalid."""
    try:
        study = orjson.loads((folder / _STUDY).read_bytes())
        return study if all(isinstance(own, list) and own for own in study["arms"].values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _named_metrics(study: Mapping[str, Any]) -> Sequence[str]:
    """Return the metrics that a study names; empty if each task has its own (`metrics: null`)."""
    options = study.get("evaluate", study.get("judge"))  # its former name
    metrics = options.get("metrics") if isinstance(options, dict) else None
    return metrics if isinstance(metrics, list) else ()


def _steps(folder: Path) -> list[_Step]:
    """Return the evaluation steps of a store, newest first."""
    path = folder / _DATABASE
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            require_version(database.execute("PRAGMA user_version").fetchone()[0], path)
            listed = database.execute(
                "SELECT key, task, arm, labels, seed FROM steps WHERE kind = 'evaluate' ORDER BY rowid DESC"
            ).fetchall()
            scores: dict[str, dict[str, tuple[float, ...]]] = {}
            for key, name, *numbers in database.execute("SELECT step, metric, value, low, high, n FROM scores"):
                if not all(isinstance(number, (int, float)) for number in numbers):
                    raise UserError(f"{path}: a score in it is damaged; {RUN_AGAIN}")
                scores.setdefault(key, {})[name] = tuple(numbers)
    except sqlite3.Error as error:
        raise UserError(f"{path}: cannot be read ({error}); give a folder that run, learn or demo created") from error
    return [_Step(key, (task, arm, labels, seed), scores.get(key, {})) for key, task, arm, labels, seed in listed]


def _points(folder: Path) -> dict[Place, str]:
    """Return the planned step of each point; empty for folders of older versions, which did not store it."""
    path = folder / _DATABASE
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT task, arm, labels, seed, key FROM points").fetchall()
    except sqlite3.Error:
        return {}
    return {(task, arm, labels, seed): key for task, arm, labels, seed, key in rows}


def _listed(folder: Path, steps: Sequence[_Step], points: Mapping[Place, str]) -> tuple[dict[Place, str], list[str]]:
    """Return the step of each point of `scores.csv`, and its metrics."""
    table = read_scores_csv(folder / _SCORES)
    rows: dict[Place, dict[str, tuple[float, ...]]] = {}
    for row in table:
        place = (row.task, row.arm, row.labels, row.seed)
        rows.setdefault(place, {})[row.metric] = (row.value, row.low, row.high, row.n)
    by_task: dict[str, list[_Step]] = {}
    for step in steps:
        by_task.setdefault(step.place[0], []).append(step)
    keys = {
        place: _key(folder, by_task.get(place[0], ()), place, scores, points.get(place))
        for place, scores in rows.items()
    }
    return keys, list(dict.fromkeys(row.metric for row in table))


def _key(
    folder: Path, steps: Sequence[_Step], place: Place, scores: Mapping[str, tuple[float, ...]], planned: str | None
) -> str:
    """Return the step of a row of the table: the one that was planned for it, if it has these scores.

    Identical points (no labels with several seeds, a stage that arms share) are one step, stored under the first arm
    and seed. Its scores are the same to the last digit.
    """
    task, arm, labels, seed = place
    same = [
        step
        for step in steps
        if step.place[2] == labels and all(step.scores.get(name) == own for name, own in scores.items())
    ]
    if not same:
        where = f"task {clip(task, 80)}, arm {clip(arm, 60)}, {labels} labels, seed {seed}"
        raise UserError(
            f"{folder}: {where}: {_SCORES} has a score that is not in the store; run the study again to rewrite it"
        )
    if any(one.key == planned for one in same):
        return str(planned)
    nearest = min(same, key=lambda one: (one.place != place, one.place[1] != arm, one.place[3] != seed))
    return nearest.key


def _shared_without_labels(study: Mapping[str, Any], keys: Mapping[Place, str]) -> dict[Place, str]:
    """Return the points without labels that were evaluated under another arm or seed with the same settings."""
    decides = {
        arm: own
        for arm, stages in study.get("arms", {}).items()
        if (own := _settings_without_labels(stages)) is not None
    }
    seeds: Sequence[int] = study.get("seeds", ())
    known: dict[tuple[str, bytes, int], str] = {}
    for (task, arm, labels, seed), key in keys.items():
        if labels == 0 and arm in decides:
            for each in seeds if len(study["arms"][arm]) == 1 else (seed,):
                known.setdefault((task, decides[arm], each), key)
    if 0 not in study.get("labels", ()):
        return {}
    return {
        (task, arm, 0, seed): key
        for arm, own in decides.items()
        for (task, of, seed), key in known.items()
        if of == own and (task, arm, 0, seed) not in keys
    }


def _settings_without_labels(stages: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return the settings that decide an arm's answers at 0 labels of its last stage; None if it has no such point."""
    *before, last = stages
    if last.get("on") == "seen" or last.get("setting") not in ("single-task", "multi-task"):
        return None
    recipe = last.get("recipe", {})
    prompt = [last.get(name) for name in ("encoding", "chat", "template")]
    limits = [recipe.get(name) for name in ("max_length", "too_long", "cut", "share_prefix")]
    return orjson.dumps([before, last.get("start") if before else None, prompt, limits], option=orjson.OPT_SORT_KEYS)


def _expected(study: Mapping[str, Any], keys: Mapping[Place, str]) -> tuple[Place, ...]:
    tasks = dict.fromkeys(task for task, _, _, _ in keys)
    counts = [labels for labels in study.get("labels", ()) if isinstance(labels, int)]
    return tuple(
        (task, arm, labels, seed)
        for arm, stages in study.get("arms", {}).items()
        if stages[-1].get("on") != "seen"
        for labels in counts
        for seed in study.get("seeds", ())
        for task in tasks
        if (task, arm, labels, seed) not in keys
    )


def _instances(path: Path, metric: str) -> list[tuple[str, float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["instance", f"{_PREFIX}{metric}"], page_checksum_verification=True)
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"{path}: has no scores by {metric} that can be read ({clip(why)}); run the study again"
        ) from error
    names, values = (table.column(at).to_pylist() for at in (0, 1))
    return [(str(name), float("nan") if value is None else value) for name, value in zip(names, values, strict=True)]
