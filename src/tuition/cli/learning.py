"""Commands that learn, and that leave with what was learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuition.cli.app import Json, app


@app.command(rich_help_panel="Learning")
def demo(
    tasks: Annotated[str, typer.Option(help="A collection's path; the one inside the package by default.")] = "starter",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique beginning; repeat for more.")] = None,
    labels: Annotated[str, typer.Option(help="Label budgets.")] = "0,16,64",
    out: Annotated[Path, typer.Option(help="Where results and the report go.")] = Path("tuition-demo"),
    model: Annotated[str | None, typer.Option(help="Embedded alias, model folder or hub id.")] = None,
    test: Annotated[int | None, typer.Option(help="Test instances a task.", min=1)] = None,
) -> None:
    """Learn a few tasks with and without their instruction, and show the learning curves."""
    from tuition.commands.study import demo_study, run_and_report

    spec = demo_study(tasks, tuple(task or ()), labels, model=model, test=test)
    raise typer.Exit(run_and_report(spec, out))


@app.command(rich_help_panel="Learning")
def learn(
    path: Annotated[Path, typer.Argument(help="A collection's path, or `starter`.")],
    labels: Annotated[str, typer.Option(help="Label budgets a task.")] = "0,16,64",
    setting: Annotated[str, typer.Option(help="single-task, multi-task, cross-task or in-context.")] = "single-task",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique beginning; repeat for more.")] = None,
    encoding: Annotated[
        list[str] | None, typer.Option("--encoding", "-e", help="How tasks are told; repeat to compare arms.")
    ] = None,
    tuner: Annotated[str, typer.Option(help="lora, full, ia3 or prompt.")] = "lora",
    recipe: Annotated[str, typer.Option(help="A recipe's name; by default the tuner's for small data.")] = "",
    model: Annotated[str | None, typer.Option(help="Embedded alias, model folder, .gguf file or hub id.")] = None,
    split: Annotated[str, typer.Option(help="Which tasks are seen, as `tuition split --by` has it.")] = "",
    seen_labels: Annotated[int, typer.Option(help="Labels of each seen task that are learnt first.", min=0)] = 0,
    test: Annotated[int, typer.Option(help="Test rows a task.", min=1)] = 100,
    validation: Annotated[int, typer.Option(help="Validation rows a task.", min=0)] = 10,
    seeds: Annotated[str, typer.Option(help="Seeds, divided by commas.")] = "1",
    order: Annotated[str, typer.Option(help="seeded or file: how rows are divided.")] = "seeded",
    capped: Annotated[bool, typer.Option("--capped", help="Small tasks give what they have.")] = False,
    out: Annotated[Path, typer.Option(help="Where results and the report go.")] = Path("tuition-learn"),
    json: Json = False,
) -> None:
    """Learn tasks on growing budgets of labels, in any setting, and show the learning curves."""
    from tuition.commands.learn import LearnChoice, learn_study
    from tuition.commands.study import run_and_report

    choice = LearnChoice(
        path, tuple(task or ()), labels, setting, tuple(encoding or ["definition+2-positive"]), tuner, recipe, model,
        split, seen_labels, test, validation, seeds, order, capped,
    )  # fmt: skip
    raise typer.Exit(run_and_report(learn_study(choice), out, as_json=json))


@app.command(rich_help_panel="Learning")
def run(
    study: Annotated[Path, typer.Argument(help="The study's YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Where results go; runs/<study's name> by default.")] = None,
    json: Json = False,
) -> None:
    """Run a study from its YAML file; a run that was stopped goes on where it was."""
    from tuition.commands.study import run_and_report, study_folder
    from tuition.studies.spec import read_study

    spec = read_study(study)
    raise typer.Exit(run_and_report(spec, out or study_folder(spec), as_json=json))


@app.command(rich_help_panel="Learning")
def export(
    run: Annotated[Path, typer.Argument(help="A folder that run, learn or demo made.")],
    to: Annotated[Path, typer.Option(help="The folder to make.")],
    task: Annotated[str | None, typer.Option(help="Which task's model.")] = None,
    arm: Annotated[str | None, typer.Option(help="Which arm's.")] = None,
    labels: Annotated[int | None, typer.Option(help="At which budget; the largest by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Under which seed; the first by default.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Put what was learnt into the weights.")] = False,
) -> None:
    """Leave with a trained model: an ordinary Hugging Face folder with a card."""
    from tuition.commands.export import export_and_print

    export_and_print(run, to, task=task, arm=arm, labels=labels, seed=seed, merge=merge)


@app.command(rich_help_panel="Learning")
def predict(
    model: Annotated[Path, typer.Argument(help="A folder that export made.")],
    tasks: Annotated[Path | None, typer.Option(help="A collection whose instances are answered.")] = None,
    input: Annotated[str | None, typer.Option(help="One text to answer.")] = None,  # noqa: A002
    task: Annotated[str | None, typer.Option(help="Which task, where there are several.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many instances of a task.", min=1)] = None,
    format: Annotated[str | None, typer.Option(help="The collection's format, where names do not tell.")] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Answer with an exported model, asked by the encoding that it learnt by."""
    from tuition.commands.predict import predict_and_print

    predict_and_print(model, tasks=tasks, task=task, text=input, limit=limit, format=format, as_json=json)


@app.command(rich_help_panel="Learning")
def models(
    fetch: Annotated[str | None, typer.Option(help="Fetch an embedded model into the cache.")] = None,
    json: Json = False,
) -> None:
    """List the models in the cache, and those that can be fetched."""
    from tuition.commands.models import list_models

    list_models(fetch, as_json=json)
