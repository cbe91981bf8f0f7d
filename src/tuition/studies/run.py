"""From a study to its results: plan it, run what is not finished yet, and gather what the store holds."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tuition.base.version import __version__
from tuition.evaluation.remote import is_remote
from tuition.models.load import model_identity, require_local_model, resolve_precision
from tuition.prompts.fit import FitLedger
from tuition.studies.engines import ENGINES, Failure, Watcher
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.evaluation_notes import evaluation_facts, evaluation_notices
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import EvaluateStep, Step
from tuition.studies.results import PredictionRow, ScoreRow, StudyResults
from tuition.studies.spec.remote import PRECISION, remote_facts, remote_notices
from tuition.studies.spec.stages import Stage
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.store import Finished, Store


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a plan is finished: steps and work (in the units of `step_cost`), and how much there is."""

    steps: int
    work: float
    total_steps: int
    total_work: float


def plan_study(spec: StudySpec, watcher: Watcher) -> Plan:
    """Expand a study for this machine.

    Raises:
        UserError: a task or the model cannot be had.
    """
    if is_remote(spec.model):
        return make_plan(spec, model_identity=spec.remote.identity(spec.model), precision=PRECISION)
    require_local_model(spec.model)
    precision = resolve_precision(spec.precision)
    return make_plan(spec, model_identity=lambda: model_identity(spec.model, say=watcher.say), precision=precision)


def measure(plan: Plan, store: Store) -> Progress:
    """Return how much of a plan the store already holds."""
    pending = {step.key for step in pending_steps(plan, store)}
    done = [step for step in plan.work if step.key not in pending]
    return Progress(len(done), sum(map(step_cost, done)), len(plan.work), sum(map(step_cost, plan.work)))


def run_plan(plan: Plan, store: Store, watcher: Watcher, *, engine: str = "") -> list[Failure]:
    """Run the steps that the store lacks; return those that failed.

    Args:
        plan: the steps of a study.
        store: where results are kept.
        watcher: is called as steps begin and end.
        engine: the name of the engine; by default `remote` for a remote model and `local` for any other.

    Raises:
        UserError: there is no such engine, or it cannot run this model.
    """
    chosen = ENGINES[engine or ("remote" if is_remote(plan.spec.model) else "local")]
    keep_points(plan, store)
    pending = pending_steps(plan, store)
    return chosen().run(plan, store, watcher, pending) if pending else []


def keep_points(plan: Plan, store: Store) -> None:
    """Keep which step each point of a plan is of, by which comparisons find its answers."""
    store.write_points({(one.task.name, one.arm, one.labels, one.seed): one.key for one in plan.evaluations})


def pending_steps(plan: Plan, store: Store) -> list[Step]:
    """Return the steps that are to be run, in order: unfinished ones, and those whose weights are needed and gone."""
    finished = store.finished_keys()
    pending = {step.key for step in plan.work if step.key not in finished}
    for step in reversed(plan.work):  # what a step needs comes before it
        if step.key in pending:
            pending |= {key for key in step.needs if not store.adapter(key).is_dir()}
    return [step for step in plan.work if step.key in pending]


def gather(plan: Plan, store: Store) -> StudyResults:
    """Return the results of all judging steps that are finished."""
    scores: list[ScoreRow] = []
    predictions: list[PredictionRow] = []
    evaluated: list[tuple[EvaluateStep, Finished]] = []
    for step in plan.evaluations:
        kept = store.finished(step.key)
        if kept is None:
            continue
        evaluated.append((step, kept))
        place: dict[str, Any] = {"task": step.task.name, "arm": step.arm, "labels": step.labels, "seed": step.seed}
        by_metric = {score.metric: score for score in kept.scores}
        # The PMI of options is missing where a template is empty without its row.
        for s in (by_metric[metric] for metric in step.all_metrics if metric in by_metric):
            scores.append(ScoreRow(**place, metric=s.metric, value=s.value, low=s.low, high=s.high, n=s.n))
        for row in store.read_predictions(step.key):
            predictions.append(
                PredictionRow(
                    **place,
                    instance=row["instance"],
                    input=row["input"],
                    prediction=row["prediction"],
                    references=tuple(row["references"]),
                    scores={m: score for m in step.all_metrics if (score := row["scores"].get(m)) is not None},
                    ranking=row["ranking"],
                )
            )
    return StudyResults(
        study=plan.spec.study,
        scores=tuple(scores),
        predictions=tuple(predictions),
        tasks={task.name: task.definition for task in plan.tasks},
        facts=tuple(_facts(plan, store, evaluated)),
        notices=tuple(_notices(plan, store, evaluated)),
    )


def _facts(plan: Plan, store: Store, evaluated: Iterable[tuple[EvaluateStep, Finished]]) -> list[tuple[str, str]]:
    spec = plan.spec
    kept = [finished for step in plan.work if (finished := store.finished(step.key))]
    facts = [("Model", f"{spec.model}, computing in {plan.precision}")]
    for arm, stages in spec.arms.items():
        facts.append((f"Arm “{arm}”", "; then ".join(stage_words(stage) for stage in stages)))
    limits = sorted({finished.details["new_tokens"] for _, finished in evaluated if "new_tokens" in finished.details})
    facts += [
        ("Evaluated on", f"{spec.evaluate.test} test instances a task, the same for every point of its curves"),
        ("Labels", f"{', '.join(map(str, spec.labels))} a task, nested, drawn in {spec.tasks.order} order"),
        ("Seeds", ", ".join(map(str, spec.seeds))),
        *([("Shared inputs", plan.shared.fact)] if any(step.needs for step in plan.evaluations) else []),
        *evaluation_facts(plan, evaluated),
        *remote_facts(spec.remote, evaluated),
        *([("Longest answer", f"{limits[0]} to {limits[-1]} tokens, by task")] if limits else []),
        ("Computing time", f"{sum(f.seconds for f in kept) / 60:.1f} minutes in {len(kept)} steps"),
        ("Made with", _versions()),
        ("On", f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"),
        ("Date", time.strftime("%Y-%m-%d")),
    ]
    return facts


def stage_words(stage: Stage) -> str:
    """Say what a stage of an arm is, in the report's words."""
    recipe = stage.recipe
    if stage.setting == "heuristic":
        return f"no model: {stage.heuristic}"
    how = "" if stage.setting == "in-context" else f", recipe {recipe.name} ({recipe.tuner})"
    where = f"{stage.labels} labels of each seen task, " if stage.on == "seen" else ""
    setting = "" if stage.setting == "single-task" else f"{stage.setting}, "
    return f"{where}{setting}encoding {stage.prompt_encoding().name}{how}"


def _versions() -> str:
    others = (f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    return ", ".join([f"tuition {__version__}", *others])


def _notices(plan: Plan, store: Store, evaluated: Iterable[tuple[EvaluateStep, Finished]]) -> list[str]:
    notices = [*evaluation_notices(plan, evaluated), *remote_notices(evaluated)]
    for step, finished in evaluated:
        if step.heuristic:
            continue
        shortened = str(FitLedger(**finished.details["fit"]))
        if (
            finished.details.get("encoding_mismatch", finished.details.get("asked_otherwise"))
            and step.encoding_mismatch
        ):
            trained_with = step.after[-1].encoding.name
            prompted = f"was prompted by the encoding {step.encoding.name!r}"
            notices.append(f"arm “{step.arm}” was trained with the encoding {trained_with!r} and {prompted}")
        if shortened:
            notices.append(f"{step.task.name}, {step.arm}, {step.labels} labels, test: {shortened}")
    for key in dict.fromkeys(step.trained for step in plan.evaluations if step.trained):
        kept = store.finished(key)
        if kept is None:
            continue
        if shortened := str(FitLedger(**kept.details["fit"])):
            notices.append(f"training step {key[:12]}: {shortened}")
        if not kept.details["log"]["shared_prefix"] and kept.details["recipe"]["share_prefix"]:
            notices.append(f"training step {key[:12]}: this model cannot share a prefix exactly, so none was shared")
    return list(dict.fromkeys(notices))
