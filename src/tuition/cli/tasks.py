"""Commands on tasks: what a collection contains, how it is prompted, and how it is split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuition.cli.app import CollectionPath, CollectionPaths, Format, Json, app


@app.command(rich_help_panel="Tasks")
def check(
    path: CollectionPath,
    encoding: Annotated[
        str | None, typer.Option("--encoding", "-e", help="Check the prompts of this encoding.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Count tokens with this model's tokenizer.")] = None,
    max_length: Annotated[int | None, typer.Option(help="The most tokens a prompt may have.", min=1)] = None,
    skip: Annotated[list[str] | None, typer.Option(help="A check to skip; repeat for more.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Print every finding, not only the first few of each kind.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
    format: Format = None,  # noqa: A002
    json: Json = False,
) -> None:
    """Check a whole collection: broken rows, leaks, duplicates, oddities, and prompts that do not fit."""
    from tuition.commands.check import PromptChoice, check_and_print

    prompts = PromptChoice(encoding, model, max_length)
    code = check_and_print(
        path, format, as_json=json, prompts=prompts, skip=tuple(skip or ()), every=every, strict=strict
    )
    raise typer.Exit(code)


@app.command(rich_help_panel="Tasks")
def card(
    table: Annotated[Path, typer.Argument(help="A .csv, .tsv, .jsonl, .parquet or .arrow file, or a saved dataset.")],
    instruction: Annotated[str, typer.Option(help="A sentence that describes the task.")],
    input: Annotated[list[str] | None, typer.Option(help="The input's column; repeat for more.")] = None,  # noqa: A002
    output: Annotated[str, typer.Option(help="The output's column; by default the likeliest.")] = "",
    outputs: Annotated[str, typer.Option(help="What a list in the output's column is: references or text.")] = "",
    examples: Annotated[int, typer.Option(help="Rows to use as few-shot examples.", min=0, max=100)] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing card.")] = False,
) -> None:
    """Turn your own table into a task: write a card next to it with its columns and the instruction."""
    from tuition.commands.card import write_card
    from tuition.tasks.card_draft import CardWish

    write_card(table, CardWish(instruction, tuple(input or ()), output, examples, outputs), force=force)


@app.command(rich_help_panel="Tasks")
def stats(
    paths: CollectionPaths,
    format: Annotated[str | None, typer.Option(help="Their format, if it is not recognised.")] = None,  # noqa: A002
    model: Annotated[str | None, typer.Option(help="Also count lengths in this model's tokens.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Also show the papers' own figures.")] = False,
    json: Json = False,
) -> None:
    """Count tasks, types, languages, labels by budget and lengths, as the papers' tables do."""
    from tuition.commands.stats import print_statistics

    print_statistics(paths, format=format, model=model, published=published, as_json=json)


@app.command(rich_help_panel="Tasks")
def convert(
    src: CollectionPath,
    dst: Annotated[Path, typer.Argument(help="The new folder, or one .jsonl file for chat and alpaca.")],
    to: Annotated[str, typer.Option(help="superni, jsonl, chat or alpaca.")],
    format: Annotated[str | None, typer.Option(help="The source's format, if it is not recognised.")] = None,  # noqa: A002
    force: Annotated[bool, typer.Option("--force", help="Replace the content of DST.")] = False,
    json: Json = False,
) -> None:
    """Write a collection in another format, and report the fields that were dropped."""
    from tuition.commands.convert import convert_and_print

    convert_and_print(src, dst, to, format=format, force=force, as_json=json)


@app.command(rich_help_panel="Tasks")
def show(
    path: CollectionPath,
    task: Annotated[str, typer.Argument(help="The task's name or unique prefix.")],
    encoding: Annotated[
        str,
        typer.Option(
            "--encoding", "-e", help="How the task is prompted: an encoding's name, or your own .jinja or .yaml file."
        ),
    ] = "definition+2-positive",
    chat: Annotated[bool, typer.Option("--chat", help="Use the model's chat template.")] = False,
    instance: Annotated[int, typer.Option(help="Which instance of the split, from 0.", min=0)] = 0,
    model: Annotated[str, typer.Option(help="The model whose tokenizer counts tokens.")] = "smollm2-135m",
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "all",
    order: Annotated[str, typer.Option(help="How rows are split: in file order, or seeded.")] = "file",
    test: Annotated[int, typer.Option(help="Test rows.", min=1)] = 100,
    validation: Annotated[int, typer.Option(help="Validation rows.", min=0)] = 10,
    format: Format = None,  # noqa: A002
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, for every instance.")] = False,
) -> None:
    """Show a task's prompts: the three parts, their tokens, and which tokens the model is trained on."""
    from tuition.commands.show import SplitChoice, print_prompts_as_json, show_prompt

    rows = SplitChoice(path, task, split, order, test, validation, format)
    if json:
        print_prompts_as_json(rows, encoding, chat=chat)
    else:
        show_prompt(rows, encoding, instance, model, chat=chat)


@app.command(rich_help_panel="Tasks")
def split(
    path: CollectionPath,
    by: Annotated[
        str,
        typer.Option(
            help="category=…, dataset=…, task=…, cluster=…, list=… (a name or file), random, random=12 or"
            " random=2/category; without '=' each category (dataset, …) in turn."
        ),
    ],
    seed: Annotated[int, typer.Option(help="Seed of random splits.")] = 0,
    disjoint_sources: Annotated[
        bool, typer.Option("--disjoint-sources", help="Exclude seen tasks with an unseen one's source dataset.")
    ] = False,
    rows: Annotated[str, typer.Option(help="Rows of each task whose inputs are compared: a number or all.")] = "1000",
    write: Annotated[Path | None, typer.Option(help="Folder for train_tasks.txt, test_tasks.txt, ….")] = None,
    json: Json = False,
) -> None:
    """Split tasks into seen and unseen ones, and show the inputs and sources that both share."""
    from tuition.commands.splits import SplitRequest, split_and_print

    split_and_print(SplitRequest(path, by, seed, disjoint_sources, rows), as_json=json, write=write)


@app.command(rich_help_panel="Tasks")
def encodings(json: Json = False) -> None:
    """List the encodings: the ways to prompt a task."""
    from tuition.commands.encodings import list_encodings

    list_encodings(as_json=json)


@app.command(rich_help_panel="Tasks")
def index(
    path: CollectionPath,
    format: Format = None,  # noqa: A002
) -> None:
    """Index a large collection, so that opening it and reading some rows of many tasks is fast."""
    from tuition.commands.index import index_and_print

    raise typer.Exit(index_and_print(path, format))
