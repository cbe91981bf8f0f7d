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
Format = Annotated[str | None, typer.Option("--format", help="The tasks' format, where their path does not tell it.")]


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


def _located(path: Path) -> Path:
    """Let the word `starter` stand for the collection inside the package, where no file or folder has that name."""
    if str(path) == "starter" and not path.exists():
        from tuition.tasks.starter import STARTER_PATH

        return STARTER_PATH
    return path


CollectionPath = Annotated[
    Path, typer.Argument(callback=_located, help="A collection: a folder, a checkout, one file, or `starter`.")
]


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


@app.command()
def evaluate(
    tasks: Annotated[Path, typer.Option(help="A collection's path, or `starter`.")],
    model: Annotated[str, typer.Option(help="Embedded alias, model folder, .gguf file or hub id.")] = "smollm2-135m",
    setting: Annotated[str, typer.Option(help="zero-shot or few-shot.")] = "zero-shot",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique beginning; repeat for more.")] = None,
    encoding: Annotated[
        list[str] | None, typer.Option("--encoding", "-e", help="How tasks are told; repeat to compare.")
    ] = None,
    labels: Annotated[int, typer.Option(help="Labels that stand in the prompt, few-shot.", min=0)] = 0,
    metric: Annotated[list[str] | None, typer.Option(help="How answers are scored; repeat for more.")] = None,
    heuristics: Annotated[bool, typer.Option("--heuristics", help="Judge copied and majority answers too.")] = False,
    test: Annotated[int, typer.Option(help="Test rows a task; smaller tasks give what they have.", min=1)] = 100,
    order: Annotated[str, typer.Option(help="file or seeded: which rows test.")] = "file",
    chat: Annotated[bool, typer.Option("--chat", help="Put prompts into the model's chat template.")] = False,
    out: Annotated[Path, typer.Option(help="Where answers, scores and the report go.")] = Path("tuition-evaluate"),
    json: Json = False,
) -> None:
    """Judge a model on many tasks without tuning it: scores by category, with intervals."""
    from tuition.commands.evaluate import EvaluateChoice, evaluate_and_print

    choice = EvaluateChoice(
        tasks, tuple(task or ()), model, setting, tuple(encoding or ["definition+2-positive"]), labels,
        tuple(metric or ["rouge_l", "exact_match"]), heuristics, test, order, chat,
    )  # fmt: skip
    raise typer.Exit(evaluate_and_print(choice, out, as_json=json))


@app.command()
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


@app.command()
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
    path: CollectionPath,
    encoding: Annotated[str | None, typer.Option("--encoding", "-e", help="Judge prompts told in this way.")] = None,
    model: Annotated[str | None, typer.Option(help="Judge prompts by this model's tokenizer.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens that a prompt may have.", min=1)] = None,
    skip: Annotated[list[str] | None, typer.Option(help="An audit to leave out; repeat for more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every finding, not the first few of a kind.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there are warnings.")] = False,
    format: Format = None,  # noqa: A002
    json: Json = False,
) -> None:
    """Read a whole collection; list its problems, leaks, duplicates and oddities, and prompts that do not fit."""
    from tuition.commands.check import PromptChoice, check_and_print

    prompts = PromptChoice(encoding, model, max_length)
    code = check_and_print(
        path, format, as_json=json, prompts=prompts, skip=tuple(skip or ()), every=every, strict=strict
    )
    raise typer.Exit(code)


@app.command()
def card(
    table: Annotated[Path, typer.Argument(help="A .csv, .tsv, .jsonl, .parquet or .arrow file, or a saved dataset.")],
    instruction: Annotated[str, typer.Option(help="A sentence that says what is to be done.")],
    input: Annotated[list[str] | None, typer.Option(help="The input's column; repeat for more.")] = None,  # noqa: A002
    output: Annotated[str, typer.Option(help="The output's column; by default the likeliest.")] = "",
    examples: Annotated[int, typer.Option(help="Rows that become worked examples.", min=0, max=100)] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace the card that is there.")] = False,
) -> None:
    """Make a task of your own table: write a card beside it that says what its columns are and what is to be done."""
    from tuition.commands.card import write_card
    from tuition.tasks.card_draft import CardWish

    write_card(table, CardWish(instruction, tuple(input or ()), output, examples), force=force)


@app.command()
def stats(
    paths: Annotated[list[Path], typer.Argument(help="Collections: folders, checkouts or files.")],
    format: Annotated[str | None, typer.Option(help="Their format, if it is not to be told from the paths.")] = None,  # noqa: A002
    model: Annotated[str | None, typer.Option(help="Whose tokens lengths are counted in, besides words.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Put the papers' own figures beside.")] = False,
    json: Json = False,
) -> None:
    """Count tasks, types, languages, labels by budget and lengths, as the papers' tables do."""
    from tuition.commands.stats import print_statistics

    print_statistics(paths, format=format, model=model, published=published, as_json=json)


@app.command()
def convert(
    src: Annotated[Path, typer.Argument(help="A collection in any format that can be read.")],
    dst: Annotated[Path, typer.Argument(help="The new folder, or one .jsonl file for chat and alpaca.")],
    to: Annotated[str, typer.Option(help="superni, jsonl, chat or alpaca.")],
    format: Annotated[str | None, typer.Option(help="The source's format, if not to be told from its path.")] = None,  # noqa: A002
    force: Annotated[bool, typer.Option("--force", help="Replace what DST holds.")] = False,
    json: Json = False,
) -> None:
    """Write a collection in another format, and say what that format could not hold."""
    from tuition.commands.convert import convert_and_print

    convert_and_print(src, dst, to, format=format, force=force, as_json=json)


@app.command()
def show(
    path: CollectionPath,
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
    format: Format = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for every instance.")] = False,
) -> None:
    """Show how a task is told to a model: the three parts, their tokens, and what is learnt."""
    from tuition.commands.show import SplitChoice, print_prompts_as_json, show_prompt

    rows = SplitChoice(path, task, split, order, test, validation, format)
    if json:
        print_prompts_as_json(rows, encoding, chat=chat)
    else:
        show_prompt(rows, encoding, instance, model, chat=chat)


@app.command()
def split(
    path: CollectionPath,
    by: Annotated[
        str,
        typer.Option(
            help="category=…, dataset=…, task=…, cluster=…, list=… (a name or file), random, random=12 or"
            " random=2/category; without '=' each category (dataset, …) in turn."
        ),
    ],
    seed: Annotated[int, typer.Option(help="Decides random tasks.")] = 0,
    disjoint_sources: Annotated[
        bool, typer.Option("--disjoint-sources", help="Exclude seen tasks with an unseen one's source dataset.")
    ] = False,
    rows: Annotated[str, typer.Option(help="Rows of each task whose inputs are compared: a number or all.")] = "1000",
    write: Annotated[Path | None, typer.Option(help="Write train_tasks.txt, test_tasks.txt, … here.")] = None,
    json: Json = False,
) -> None:
    """Divide tasks into seen and unseen ones, and show what they share all the same."""
    from tuition.commands.splits import SplitRequest, split_and_print

    split_and_print(SplitRequest(path, by, seed, disjoint_sources, rows), as_json=json, write=write)


@app.command()
def encodings(json: Json = False) -> None:
    """List the ways in which a task can be told."""
    from tuition.commands.encodings import list_encodings

    list_encodings(as_json=json)


@app.command()
def index(
    path: CollectionPath,
    format: Format = None,  # noqa: A002
) -> None:
    """Index a large collection, so that opening it again and drawing some rows of many tasks is quick."""
    from tuition.commands.index import index_and_print

    raise typer.Exit(index_and_print(path, format))


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
def score(
    predictions: Annotated[Path, typer.Argument(help="A file of predictions, a study's folder, or a harness's logs.")],
    references: Annotated[Path | None, typer.Option(help="A collection, or JSON lines of id and references.")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="A metric; repeat for more.")] = None,
    by: Annotated[str | None, typer.Option(help="task, category, dataset, language or instance.")] = None,
    format: Annotated[str | None, typer.Option(help="The predictions' format, if their look does not tell.")] = None,  # noqa: A002
    references_format: Annotated[str | None, typer.Option(help="The collection's format.")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Refuse tasks that were answered in part.")] = False,
    embedder: Annotated[Path | None, typer.Option(help="A local model's folder, for the profile similarity.")] = None,
    json: Json = False,
) -> None:
    """Judge stored predictions anew, from any program, by several metrics side by side."""
    from tuition.commands.score import ScoreChoice, score_and_print

    choice = ScoreChoice(
        predictions, references, format, references_format, tuple(profile or ()), by, complete, embedder
    )
    score_and_print(choice, as_json=json)


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
