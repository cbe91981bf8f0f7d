"""`tuition run … --plan`: estimate what a study takes, without loading its model or training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from tuition.base.errors import UserError
from tuition.commands.console import console, notes, print_json
from tuition.evaluation.remote import is_remote
from tuition.models.load import model_identity, model_shape, resolve_precision
from tuition.reports.wording import count
from tuition.studies.planning.estimate import outline
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import EvaluateStep
from tuition.studies.results import PROBE_MARK
from tuition.studies.run import stage_words
from tuition.studies.spec.remote import PRECISION
from tuition.studies.spec.stages import Stage
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.finished_steps import with_stored_keys
from tuition.studies.storage.store import open_store

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class ArmPreview:
    """One arm of a plan: its stages in words, the number of models behind its points (shared ones too), its points."""

    arm: str
    stages: tuple[str, ...]
    models: int
    points: int


def preview_and_print(spec: StudySpec, out: Path, *, as_json: bool = False) -> None:
    """Print what a study takes: models by arm, optimiser steps, tokens, disk. Nothing is loaded, trained or written.

    Steps that are finished in `out` are not counted. Sizes are left out, with a note, if the model is not downloaded.

    Raises:
        UserError: the study's tasks cannot be read, or are too small.
    """
    plan, shape = _planned(spec)
    plan, finished = _finished(plan, out)
    pending = [step for step in plan.work if step.key not in finished]
    done = len(plan.work) - len(pending)
    left = outline(pending, plan.precision, shape)
    arms = _arms(plan)
    if as_json:
        print_json(
            {
                "study": spec.study,
                "model": spec.model,
                "tasks": [task.name for task in plan.tasks],
                "arms": [asdict(arm) for arm in arms],
                "notices": list(plan.notes),
                "shared_inputs": asdict(plan.shared),
                "finished": done,
                "left": {name: value for name, value in asdict(left).items() if name != "seconds"},
            }
        )
        return
    table = Table("arm", "stages", "models", "points", box=None, pad_edge=False)
    for arm in arms:
        table.add_row(escape(arm.arm), escape("; then ".join(arm.stages)), str(arm.models), str(arm.points))
    console().print(table)
    labels, seeds = (", ".join(map(str, values)) for values in (spec.labels, spec.seeds))
    console().print(
        escape(
            f"{count(len(plan.tasks), 'task')} evaluated, {labels} labels, seeds {seeds}, model {spec.model} in "
            f"{plan.precision}. Models that several arms share are trained once."
        )
    )
    for note in plan.notes:
        console().print(escape(f"Note: {note}"))
    kept = f"{done} of {len(plan.work)} steps are finished in {out}. " if done else ""
    console().print(escape(f"{kept}To do: {left}." if pending else f"{kept}Nothing is left to do."))


def _planned(spec: StudySpec) -> tuple[Plan, Callable[[], nn.Module] | None]:
    """Return the plan, and a function that builds its model without weights; print a note if it is not downloaded."""
    if is_remote(spec.model):
        return make_plan(spec, model_identity=spec.remote.identity(spec.model), precision=PRECISION), None
    shapes: list[Callable[[], nn.Module] | None] = [None]

    def identity() -> str:
        try:
            found, shapes[0] = model_identity(spec.model), model_shape(spec.model)
        except UserError as error:
            notes().print(escape(f"{error}; its sizes are left out"), style="dim")
            return ""
        return found

    return make_plan(spec, model_identity=identity, precision=resolve_precision(spec.precision)), shapes[0]


def _finished(plan: Plan, out: Path) -> tuple[Plan, frozenset[str]]:
    """Return the plan with the keys under which `out` stores its steps, and the keys of the intact finished steps."""
    if not (out / "store.sqlite").is_file():
        return plan, frozenset()
    with open_store(out) as store:
        return with_stored_keys(plan, store), store.finished_keys() - store.damaged_keys()


def _arms(plan: Plan) -> list[ArmPreview]:
    points: dict[str, list[EvaluateStep]] = {arm: [] for arm in plan.spec.arms}
    for step in plan.evaluations:
        arm = step.arm if step.arm in points else step.arm.rpartition(PROBE_MARK)[0]
        points[arm].append(step)
    return [_arm(arm, stages, points[arm]) for arm, stages in plan.spec.arms.items()]


def _arm(arm: str, stages: Sequence[Stage], points: Sequence[EvaluateStep]) -> ArmPreview:
    models = {earlier.key for step in points for earlier in step.after}
    return ArmPreview(arm, tuple(stage_words(stage) for stage in stages), len(models), len(points))
