"""The models that a run made, found again by what they are: task, arm, labels and seed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError, clip
from tuition.base.names import full_name
from tuition.evaluation.metric_scores import Score
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import TrainStep, training_steps
from tuition.studies.spec.study import StudySpec, parse_study
from tuition.studies.storage.finished_steps import with_stored_keys
from tuition.studies.storage.store import Store
from tuition.tasks import Task


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A trained model of a run, with its scores by task, and the arms that it belongs to."""

    step: TrainStep
    scores: dict[str, tuple[Score, ...]]
    arms: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of its last training stage."""
        return self.step.tasks

    def __str__(self) -> str:
        """What it is, by the options that choose it."""
        return f"--task {self.step.title!r} --arm {self.step.arm!r} --labels {self.step.labels} --seed {self.step.seed}"


def read_plan(store: Store, *, model_identity: str, precision: str) -> Plan:
    """Make the plan of the study that was run in a store's folder again.

    Raises:
        UserError: no study was run there, or its tasks cannot be read any more.
    """
    return with_stored_keys(make_plan(stored_study(store), model_identity=model_identity, precision=precision), store)


def stored_study(store: Store) -> StudySpec:
    """Return the study that was run in a store's folder.

    Raises:
        UserError: none was, or its file is damaged.
    """
    file = store.folder / "study.json"
    with library_errors(f"{file}: is damaged", "run the study again, which writes it"):
        return parse_study(orjson.loads(store.read_study()), file)


def made_models(plan: Plan, store: Store) -> list[MadeModel]:
    """Return the finished models of a plan, each once."""
    scored: dict[str, dict[str, tuple[Score, ...]]] = {}
    arms: dict[str, dict[str, None]] = {}
    for step in plan.evaluations:
        if step.trained is not None and len(step.after) == _trained_stages(plan, step.arm):
            arms.setdefault(step.trained, {})[step.arm] = None
        kept = store.finished(step.key)
        if kept is not None and step.trained is not None:
            scored.setdefault(step.trained, {})[step.task.name] = kept.scores
    finished = store.finished_keys()
    return [
        MadeModel(step, scored.get(step.key, {}), tuple(arms.get(step.key, ())))
        for step in training_steps(plan.work)
        if step.key in finished
    ]


def _trained_stages(plan: Plan, arm: str) -> int:
    stages = plan.spec.arms.get(arm, ())  # a probe is no arm of the study
    return sum(stage.setting not in ("in-context", "heuristic") for stage in stages)


def choose_model(
    models: Sequence[MadeModel],
    folder: Path,
    *,
    task: str | None = None,
    arm: str | None = None,
    labels: int | None = None,
    seed: int | None = None,
) -> MadeModel:
    """Return the one model that the options choose; by default that of the most labels and the first seed.

    Raises:
        UserError: none answers, or several do; those that there are, are named.
    """
    if not models:
        raise UserError(f"{folder}: no model was trained here; run a study with labels first")
    if task is not None:
        task = full_name(task, [other.name for made in models for other in made.tasks], "task", str(folder))
    if arm is not None:
        arm = full_name(arm, [name for made in models for name in (made.step.arm, *made.arms)], "arm", str(folder))
    chosen = [
        made
        for made in models
        if (task is None or any(other.name == task for other in made.tasks))
        and (arm is None or arm in (made.step.arm, *made.arms))
        and (labels is None or made.step.labels == labels)
        and (seed is None or made.step.seed == seed)
    ]
    if labels is None and chosen:
        most = max(made.step.labels for made in chosen)
        chosen = [made for made in chosen if made.step.labels == most]
    if seed is None and chosen:
        chosen = [made for made in chosen if made.step.seed == chosen[0].step.seed]
    if len(chosen) == 1:
        return chosen[0]
    listed = "\n".join(f"  {clip(str(made))}" for made in itertools.islice(chosen or models, 20))
    found = "no model answers to that; there are" if not chosen else "several models answer to that"
    raise UserError(f"{folder}: {found}:\n{listed}")
