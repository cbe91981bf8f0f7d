"""Leaving with a model: an ordinary Hugging Face folder with a card, usable without Tuition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuition.base.errors import UserError
from tuition.base.files import atomic_path
from tuition.base.version import __version__
from tuition.models.embedded import EMBEDDED
from tuition.models.load import FOUR_BIT, load_model
from tuition.models.model_pool import Link, ModelPool, effective
from tuition.models.tuners import make_tuner
from tuition.studies.export.card import Exported, write_exported
from tuition.studies.export.trained_models import MadeModel
from tuition.studies.planning.plan import Plan
from tuition.studies.storage.store import Store
from tuition.tasks import Task
from tuition.tasks.types import task_fingerprint


def export_model(plan: Plan, store: Store, made: MadeModel, to: Path, *, merge: bool, new_tokens: int) -> None:
    """Write a trained model with its tokenizer, its card and the encoding of its prompts.

    Args:
        plan: the plan it was made by.
        store: where its stages are kept.
        made: the model.
        to: the folder to make; it must not be there.
        merge: merge the adapter into the weights, so that nothing but transformers is needed; else the last stage's
            adapter is written alone.
        new_tokens: the answer limit that it was evaluated with.

    Raises:
        UserError: the folder is there already, the stage cannot be merged, or an adapter builds on others.
    """
    if to.exists():
        raise UserError(f"{to}: is there already; name a folder that is not, and nothing will be lost")
    step = made.step
    chain = [*step.after, step.earlier]
    links = [Link(make_tuner(e.tuner, e.tuner_options), store.adapter(e.key), e.start) for e in chain]
    if not merge and (len(effective(links)) > 1 or links[-1].tuner.changes_base):
        raise UserError("this model is more than one adapter on the base model; export it with --merge")
    if merge and plan.precision == FOUR_BIT:
        raise UserError("nothing can be merged into weights in four bits; export the adapter, without --merge")
    loaded = load_model(plan.spec.model, precision=plan.precision)
    with atomic_path(to) as folder:
        folder.mkdir(parents=True)
        if merge:
            warm = ModelPool(loaded.model)
            merged: Any = links[-1].tuner.merge(warm.answering(links))
            merged.save_pretrained(folder)
            loaded.tokens.tokenizer.save_pretrained(folder)
        else:
            links[-1].tuner.save(links[-1].tuner.load(loaded.model, links[-1].folder), folder)
        exported = Exported(
            encoding=step.encoding,
            tasks=made.tasks,
            shown={task_batch.task.name: task_batch.shown for task_batch in step.task_batches},
            max_length=step.recipe.max_length,
            new_tokens=new_tokens,
            **({} if merge else {"base": plan.spec.model, "tuner": step.recipe.tuner}),
            precision=FOUR_BIT if plan.precision == FOUR_BIT else "auto",
            tuner_options={} if merge else step.recipe.tuner_options,
        )
        write_exported(folder, exported)
        (folder / "README.md").write_text(_card(plan, made, merge=merge), encoding="utf-8")


def _card(plan: Plan, made: MadeModel, *, merge: bool) -> str:
    """Return the model card: what it was trained on, how it is prompted, and how it scored on which data."""
    step = made.step
    model = plan.spec.model
    licence = EMBEDDED[model].licence if model in EMBEDDED else "that of the base model"
    head = ["---", "library_name: transformers", "tags: [tuition, instruction-tuning]"]
    if model in EMBEDDED:
        head.append(f"license: {licence.lower()}")
    lines = [*head, "---", "", f"# {step.title}, {step.labels} labels", ""]
    lines += [
        f"{model} ({plan.model_identity}), tuned by the recipe `{step.recipe.name}` ({step.recipe.tuner}) on "
        f"{step.rows} labelled rows; arm “{step.arm}”, seed {step.seed}; {len(step.after) + 1} stage(s).",
        "",
        "Weights with the adapter merged into them: load them with `transformers` alone."
        if merge
        else f"An adapter for `peft`, upon the base model `{model}`{_in_bits(plan)}.",
        "",
        "## How to prompt it",
        "",
        f"By the encoding `{step.encoding.name}` ({step.encoding.description}), which `tuition.json` holds whole.",
        f"`tuition predict FOLDER --input TEXT` does this, in {step.recipe.max_length} tokens at most.",
        "",
        "## Tasks",
        "",
    ]
    for task_batch in step.task_batches:
        lines.append(
            f"- **{task_batch.task.name}** ({len(task_batch.instances)} training rows): "
            + _one_line(task_batch.task.definition)
        )
    lines += [
        "",
        "## Scores on held-out rows",
        "",
        "| task | metric | score | 95% interval | n |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, scores in made.scores.items():
        for score in scores:
            lines.append(
                f"| {name} | {score.metric} | {score.value:.1f} | {score.low:.1f} to {score.high:.1f} | {score.n} |"
            )
    lines += ["", "## Data", ""]
    lines += [f"- {task.name}: fingerprint `{task_fingerprint(task)}`, licence {_licence(task)}" for task in made.tasks]
    lines += ["", f"Licence of the base model: {licence}. Made with Tuition {__version__}.", ""]
    return "\n".join(lines)


def _in_bits(plan: Plan) -> str:
    return " in four bits (NF4)" if plan.precision == FOUR_BIT else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "no definition"


def _licence(task: Task) -> str:
    licence: Any = task.extra.get("Instance License") or task.extra.get("license") or "not stated"
    return (
        ", ".join(map(str, licence)) if isinstance(licence, Sequence) and not isinstance(licence, str) else str(licence)
    )
