"""The command line: parse, call one function, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tuition import __version__
from tuition.base.errors import UserError

app = typer.Typer(
    name="tuition",
    help="Instruction tuning, and what it costs in labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]


def main() -> None:
    """Run the command line; a user's mistake is told in plain lines and exits with 2."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"tuition: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("\ntuition: stopped; the same command goes on from the last finished step\n")
        sys.exit(130)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tuition {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Instruction tuning, and what it costs in labels."""


@app.command()
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


@app.command()
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


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A collection: a folder, a checkout or one file.")],
    json: Json = False,
) -> None:
    """Read a whole collection and list every problem in it."""
    from tuition.commands.check import check_and_print

    raise typer.Exit(check_and_print(path, as_json=json))


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A collection: a folder, a checkout or one file.")],
    task: Annotated[str, typer.Argument(help="The task's name or unique beginning.")],
    encoding: Annotated[
        str, typer.Option("--encoding", "-e", help="How the task is told: a name, or your own .jinja or .yaml file.")
    ] = "definition+2-positive",
    chat: Annotated[bool, typer.Option("--chat", help="Put it into the model's chat template.")] = False,
    instance: Annotated[int, typer.Option(help="Which instance of the split, from 0.", min=0)] = 0,
    model: Annotated[str, typer.Option(help="Whose tokens are counted.")] = "smollm2-135m",
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "all",
    order: Annotated[str, typer.Option(help="file or seeded: how the rows are divided.")] = "file",
    test: Annotated[int, typer.Option(help="Test rows set aside.", min=1)] = 100,
    validation: Annotated[int, typer.Option(help="Validation rows set aside.", min=0)] = 10,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for every instance.")] = False,
) -> None:
    """Show how a task is told to a model: the three parts, their tokens, and what is learnt."""
    from tuition.commands.show import SplitChoice, print_prompts_as_json, show_prompt

    rows = SplitChoice(path, task, split, order, test, validation)
    if json:
        print_prompts_as_json(rows, encoding, chat=chat)
    else:
        show_prompt(rows, encoding, instance, model, chat=chat)


@app.command()
def forecast(
    source: Annotated[Path, typer.Argument(help="A demo's or study's folder, its scores.csv, or any CSV of scores.")],
    target: Annotated[float | None, typer.Option(help="The score wanted, on the scores' own scale.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task's curves.")] = None,
    arm: Annotated[str | None, typer.Option(help="Only this arm's curves.")] = None,
    at: Annotated[str, typer.Option(help="Numbers of labels whose score is asked for.")] = "",
    metric: Annotated[str, typer.Option(help="The metric, where the file has several.")] = "rouge_l",
    json: Json = False,
) -> None:
    """Say what more labels would buy, from a learning curve's first points."""
    from tuition.commands.forecast import forecast_and_print

    forecast_and_print(source, target=target, task=task, arm=arm, at=at, metric=metric, as_json=json)


@app.command()
def models(
    fetch: Annotated[str | None, typer.Option(help="Fetch an embedded model into the cache.")] = None,
    json: Json = False,
) -> None:
    """List the models in the cache, and those that can be fetched."""
    from tuition.commands.models import list_models

    list_models(fetch, as_json=json)


if __name__ == "__main__":
    main()
