"""Commands that train models, and that export and use them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuition.cli.app import Json, app, resolve_path

DropShared = Annotated[
    bool, typer.Option("--drop-shared", help="Do not train on rows whose input is a test input of another task.")
]


@app.command(rich_help_panel="Training")
def demo(
    tasks: Annotated[str, typer.Option(help="A collection's path; the one inside the package by default.")] = "starter",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique prefix; repeat for more.")] = None,
    labels: Annotated[str, typer.Option(help="Label budgets.")] = "0,16,64",
    out: Annotated[Path, typer.Option(help="Folder for the results and the report.")] = Path("tuition-demo"),
    model: Annotated[str | None, typer.Option(help="Embedded alias, model folder or hub id.")] = None,
    test: Annotated[int | None, typer.Option(help="Test rows per task.", min=1)] = None,
) -> None:
    """Train on a few tasks with and without their instruction, and show the learning curves."""
    from tuition.commands.study import demo_study, run_and_report

    spec = demo_study(tasks, tuple(task or ()), labels, model=model, test=test)
    raise typer.Exit(run_and_report(spec, out))


@app.command(rich_help_panel="Training")
def learn(
    path: Annotated[Path, typer.Argument(help="A collection's path, or `starter`.")],
    labels: Annotated[str, typer.Option(help="Label budgets per task.")] = "0,16,64",
    setting: Annotated[str, typer.Option(help="single-task, multi-task, cross-task or in-context.")] = "single-task",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique prefix; repeat for more.")] = None,
    encoding: Annotated[
        list[str] | None, typer.Option("--encoding", "-e", help="How tasks are prompted; repeat to compare arms.")
    ] = None,
    tuner: Annotated[str, typer.Option(help="lora, full, ia3 or prompt; by default the recipe's, or lora.")] = "",
    recipe: Annotated[str, typer.Option(help="A recipe's name; by default the tuner's for small data.")] = "",
    model: Annotated[str | None, typer.Option(help="Embedded alias, model folder, .gguf file or hub id.")] = None,
    split: Annotated[str, typer.Option(help="Which tasks are seen, as in `tuition split --by`.")] = "",
    seen_labels: Annotated[int, typer.Option(help="Labels of each seen task to pre-finetune on.", min=0)] = 0,
    test: Annotated[int, typer.Option(help="Test rows per task.", min=1)] = 100,
    validation: Annotated[int, typer.Option(help="Validation rows per task.", min=0)] = 10,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "1",
    order: Annotated[str, typer.Option(help="How rows are split: seeded, or in file order.")] = "seeded",
    capped: Annotated[bool, typer.Option("--capped", help="Let small tasks use all the rows they have.")] = False,
    rank: Annotated[bool, typer.Option("--rank", help="Also rank the answer options of tasks that have any.")] = False,
    drop_shared: DropShared = False,
    out: Annotated[Path, typer.Option(help="Folder for the results and the report.")] = Path("tuition-learn"),
    json: Json = False,
) -> None:
    """Train on growing label budgets, in any setting, and show the learning curves."""
    from tuition.commands.learn import LearnChoice, learn_study
    from tuition.commands.numbers import budgets, whole_numbers

    choice = LearnChoice(
        path, tuple(task or ()), tuple(budgets(labels)), setting, tuple(encoding or ["definition+2-positive"]),
        tuner, recipe, model, split, seen_labels, test, validation, tuple(whole_numbers("--seeds", seeds)), order,
        capped, rank, drop_shared=drop_shared,
    )  # fmt: skip
    spec = learn_study(choice)
    from tuition.commands.study import run_and_report

    raise typer.Exit(run_and_report(spec, out, as_json=json))


@app.command(rich_help_panel="Training")
def run(
    study: Annotated[str, typer.Argument(help="A study's YAML file, or a preset: `tuition presets` lists them.")],
    tasks: Annotated[str | None, typer.Option(help="The collection's path, or `starter`, instead of its own.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="A task to evaluate; repeat for more.")] = None,
    split: Annotated[str | None, typer.Option(help="Which tasks are seen, as in `tuition split --by`.")] = None,
    model: Annotated[str | None, typer.Option(help="Embedded alias, model folder, .gguf file or hub id.")] = None,
    labels: Annotated[str | None, typer.Option(help="Label budgets per task.")] = None,
    seen_labels: Annotated[int | None, typer.Option(help="Labels of each seen task, in earlier stages.", min=1)] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas.")] = None,
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm (`*` for any part); repeat for more.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: evaluate.test=20; repeat for more.")
    ] = None,
    drop_shared: DropShared = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; runs/<study's name> by default.")] = None,
    engine: Annotated[str, typer.Option(help="Engine that runs the steps: local, remote or a package's.")] = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show the steps and their cost; nothing is loaded or trained.")
    ] = False,
    write: Annotated[Path | None, typer.Option(help="Only write the study to a file that you can edit.")] = None,
    json: Json = False,
) -> None:
    """Run a study from its YAML file, or a preset; an interrupted run resumes where it stopped."""
    from tuition.commands.run import RunChoice, chosen_study

    choice = RunChoice(
        study,
        tasks,
        tuple(task or ()),
        split,
        model,
        labels,
        seen_labels,
        seeds,
        tuple(arm or ()),
        (*(set_ or ()), *(["tasks.shared_inputs=drop"] if drop_shared else [])),
    )
    if write is not None:
        from tuition.commands.presets import write_study

        write_study(choice, write)
        return
    spec = chosen_study(choice)
    from tuition.commands.study import run_and_report, study_folder

    if plan:
        from tuition.commands.plan_preview import preview_and_print

        preview_and_print(spec, out or study_folder(spec), as_json=json)
        return
    raise typer.Exit(run_and_report(spec, out or study_folder(spec), as_json=json, engine=engine))


@app.command(rich_help_panel="Training")
def presets(json: Json = False) -> None:
    """List the experiments from papers that `tuition run` knows by name."""
    from tuition.commands.presets import print_presets

    print_presets(as_json=json)


@app.command(rich_help_panel="Training")
def export(
    run: Annotated[Path, typer.Argument(help="A results folder of run, learn or demo.")],
    to: Annotated[Path, typer.Option(help="The folder to create.")],
    task: Annotated[str | None, typer.Option(help="The model's task.")] = None,
    arm: Annotated[str | None, typer.Option(help="The model's arm.")] = None,
    labels: Annotated[int | None, typer.Option(help="The model's label budget; the largest by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="The model's seed; the first by default.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge the adapter into the weights.")] = False,
) -> None:
    """Export a trained model: an ordinary Hugging Face folder with a model card."""
    from tuition.commands.export import export_and_print

    export_and_print(run, to, task=task, arm=arm, labels=labels, seed=seed, merge=merge)


@app.command(rich_help_panel="Training")
def predict(
    model: Annotated[Path, typer.Argument(help="A folder that export wrote.")],
    tasks: Annotated[Path | None, typer.Option(help="A collection whose rows to answer.")] = None,
    input: Annotated[str | None, typer.Option(help="One text to answer.")] = None,  # noqa: A002
    task: Annotated[str | None, typer.Option(help="The task, if there are several.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many rows per task.", min=1)] = None,
    beams: Annotated[int, typer.Option(help="Beam width.", min=1)] = 1,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 is greedy decoding.", min=0)] = 0.0,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling: the probability mass to sample from.", max=1)] = 1.0,
    sampling_seed: Annotated[int, typer.Option(help="Sampling seed.")] = 0,
    stop: Annotated[list[str] | None, typer.Option(help="A stop string; repeat for more.")] = None,
    format: Annotated[str | None, typer.Option(help="The collection's format, if it is not recognised.")] = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Answer with an exported model, prompted by the encoding that it was trained with."""
    from tuition.commands.decoding import decoding_settings
    from tuition.commands.predict import predict_and_print

    tasks = tasks and resolve_path(tasks)
    decoding = decoding_settings(beams, temperature, top_p, sampling_seed, stop or ())
    predict_and_print(
        model, tasks=tasks, task=task, text=input, limit=limit, decoding=decoding, format=format, as_json=json
    )


@app.command(rich_help_panel="Training")
def models(
    fetch: Annotated[str | None, typer.Option(help="Fetch an embedded model into the cache.")] = None,
    json: Json = False,
) -> None:
    """List the models in the cache, and those that can be fetched."""
    from tuition.commands.models import list_models

    list_models(fetch, as_json=json)


@app.command(rich_help_panel="Training")
def doctor(
    model: Annotated[
        str, typer.Option(help="What is tested: embedded alias, model folder, .gguf file or hub id.")
    ] = "smollm2-135m",
    seconds: Annotated[float, typer.Option(help="Length of the self-test; 0 for none.", min=0)] = 10.0,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or nf4.")] = "auto",
    json: Json = False,
) -> None:
    """Show what this machine has, and measure what it trains and answers; estimates use the measured rates."""
    from tuition.commands.doctor import examine_and_print

    raise typer.Exit(examine_and_print(model, seconds=seconds, precision=precision, as_json=json))
