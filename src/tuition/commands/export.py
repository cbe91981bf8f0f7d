"""`tuition export`: write a trained model of a run to an ordinary model folder."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from tuition.base.errors import UserError
from tuition.commands.console import console, notes
from tuition.models.load import model_identity, resolve_precision
from tuition.studies.export.export import export_model
from tuition.studies.export.trained_models import choose_model, made_models, read_plan, stored_study
from tuition.studies.storage.store import Store, open_store

_NEW_TOKENS = 128


def export_and_print(
    run: Path,
    to: Path,
    *,
    task: str | None,
    arm: str | None,
    labels: int | None,
    seed: int | None,
    merge: bool,
) -> None:
    """Write the chosen trained model to a new folder.

    Raises:
        UserError: no model or several match, or the folder exists.
    """
    if not run.is_dir():
        raise UserError(f"{run}: no such folder; give one that `tuition run`, `learn` or `demo` created")
    with open_store(run) as store:
        spec = stored_study(store)
        identity = model_identity(spec.model, say=lambda text: notes().print(escape(text), style="dim"))
        plan = read_plan(store, model_identity=identity, precision=resolve_precision(spec.precision))
        made = choose_model(made_models(plan, store), run, task=task, arm=arm, labels=labels, seed=seed)
        for key in (*(earlier.key for earlier in made.step.after), made.step.key):
            store.require_whole(key)
        export_model(plan, store, made, to, merge=merge, new_tokens=_limit(store, plan.evaluations, made.step.key))
    console().print(
        escape(f"{to}: {made.step.title}, {made.step.arm}, {made.step.labels} labels, seed {made.step.seed}")
    )


def _limit(store: Store, evaluations: object, key: str) -> int:
    """Return the answer limit that a model was evaluated with, or the default if it was not evaluated."""
    for step in evaluations:  # type: ignore[attr-defined]
        if step.trained == key and (kept := store.finished(step.key)) is not None:
            return int(kept.details["new_tokens"])
    return _NEW_TOKENS
