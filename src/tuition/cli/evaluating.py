"""Commands that evaluate models and predictions, and that compare and forecast scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuition.cli.app import Json, app


@app.command(rich_help_panel="Evaluating")
def evaluate(
    tasks: Annotated[Path, typer.Option(help="A collection's path, or `starter`.")],
    model: Annotated[
        str, typer.Option(help="Alias, model folder, .gguf, hub id, or openai:NAME@URL.")
    ] = "smollm2-135m",
    setting: Annotated[str, typer.Option(help="zero-shot or few-shot.")] = "zero-shot",
    task: Annotated[list[str] | None, typer.Option(help="A task's name or unique prefix; repeat for more.")] = None,
    encoding: Annotated[
        list[str] | None, typer.Option("--encoding", "-e", help="How tasks are prompted; repeat to compare.")
    ] = None,
    labels: Annotated[int, typer.Option(help="Few-shot examples in the prompt.", min=0)] = 0,
    metric: Annotated[
        list[str] | None, typer.Option(help="The metric; repeat for more. By default it depends on the task.")
    ] = None,
    rank: Annotated[bool, typer.Option("--rank", help="Also rank the answer options of tasks that have any.")] = False,
    rank_only: Annotated[
        bool, typer.Option("--rank-only", help="Only rank options and generate nothing: fast.")
    ] = False,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="Also evaluate with changed prompts: other-task, …; or all. Repeat for more."),
    ] = None,
    heuristics: Annotated[
        bool, typer.Option("--heuristics", help="Also evaluate baselines: copied inputs and the majority label.")
    ] = False,
    test: Annotated[int, typer.Option(help="Test rows per task; smaller tasks use all they have.", min=1)] = 100,
    order: Annotated[str, typer.Option(help="Which rows are test rows: in file order, or seeded.")] = "file",
    chat: Annotated[bool, typer.Option("--chat", help="Use the model's chat template.")] = False,
    beams: Annotated[int, typer.Option(help="Beam width.", min=1)] = 1,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 is greedy decoding.", min=0)] = 0.0,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling: the probability mass to sample from.", max=1)] = 1.0,
    sampling_seed: Annotated[int, typer.Option(help="Sampling seed.")] = 0,
    stop: Annotated[list[str] | None, typer.Option(help="A stop string; repeat for more.")] = None,
    prices: Annotated[
        str | None, typer.Option(help="Price of a million tokens of a remote model: prompt,answer. 0.15,0.6")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Spending limit for a remote model: 2.50 (needs prices), or '300k tokens'.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any setting: remote.concurrency=4; repeat for more.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for answers, scores and the report.")] = Path("tuition-evaluate"),
    json: Json = False,
) -> None:
    """Evaluate a model on many tasks without training it: scores by category, with intervals."""
    from tuition.commands.decoding import decoding_settings
    from tuition.commands.evaluate import EvaluateChoice, evaluate_and_print
    from tuition.commands.remote import remote_settings

    choice = EvaluateChoice(
        tasks, tuple(task or ()), model, setting, tuple(encoding or ["definition+2-positive"]), labels,
        tuple(metric or ()), heuristics, test, order, chat, rank, rank_only, tuple(probe or ()),
        decoding_settings(beams, temperature, top_p, sampling_seed, stop or ()),
        remote_settings(prices, budget, set_ or ()),
    )  # fmt: skip
    raise typer.Exit(evaluate_and_print(choice, out, as_json=json))


@app.command(rich_help_panel="Evaluating")
def score(
    predictions: Annotated[Path, typer.Argument(help="A file of predictions, a study's folder, or a harness's logs.")],
    references: Annotated[Path | None, typer.Option(help="A collection, or JSON lines of id and references.")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="A metric; repeat for more.")] = None,
    by: Annotated[str | None, typer.Option(help="task, category, dataset, language or instance.")] = None,
    format: Annotated[str | None, typer.Option(help="The predictions' format, if it is not recognised.")] = None,  # noqa: A002
    references_format: Annotated[str | None, typer.Option(help="The collection's format.")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Refuse tasks that are only partly answered.")] = False,
    embedder: Annotated[Path | None, typer.Option(help="A local model's folder, for the profile similarity.")] = None,
    judge: Annotated[str | None, typer.Option(help="For the profile judge: the model, openai:NAME@URL.")] = None,
    scale: Annotated[str, typer.Option(help="How the judge grades: grade (1 to 5) or yes-no.")] = "grade",
    prices: Annotated[str | None, typer.Option(help="The judge's prices of a million tokens: 0.15,0.6")] = None,
    budget: Annotated[str | None, typer.Option(help="Spending limit for the judge: 2.50, or '300k tokens'.")] = None,
    json: Json = False,
) -> None:
    """Score stored predictions, of any program, by several metrics side by side."""
    from tuition.commands.judge import JudgeChoice
    from tuition.commands.score import score_and_print
    from tuition.evaluation.scoring import ScoreChoice

    choice = ScoreChoice(
        predictions, references, format, references_format, tuple(profile or ()), by, complete, embedder
    )  # fmt: skip
    judge_choice = None if judge is None else JudgeChoice(judge, scale, prices, budget)
    score_and_print(choice, judge_choice, as_json=json)


@app.command(rich_help_panel="Evaluating")
def compare(
    source: Annotated[Path, typer.Argument(metavar="RUN", help="A study's folder, or a CSV of instances' scores.")],
    baseline: Annotated[
        str | None, typer.Option(help="The arm that the others are compared with; the first by default.")
    ] = None,
    labels: Annotated[int | None, typer.Option(help="Only at this number of labels.", min=0)] = None,
    metric: Annotated[str | None, typer.Option(help="The metric; the first by default.")] = None,
    correction: Annotated[str, typer.Option(help="holm, benjamini-hochberg or none.")] = "benjamini-hochberg",
    by_task: Annotated[bool, typer.Option("--by-task", help="List every task, with its interval and p.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Print every arm, also of a study of many.")] = False,
    factors: Annotated[
        bool, typer.Option("--factors", help="Also show the effects of the factors that the arms cross.")
    ] = False,
    factor: Annotated[
        list[str] | None, typer.Option(help="The name of a factor in the arms' names; once for each, in order.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.", min=100, max=1_000_000)] = 2000,
    json: Json = False,
) -> None:
    """Compare arms: which is better, on which tasks, by how much, and how certain that is."""
    from tuition.commands.compare import compare_and_print
    from tuition.reports.comparison import Question

    question = Question(source, baseline, labels, metric, correction, factors, tuple(factor or ()), resamples)
    compare_and_print(question, by_task=by_task, as_json=json, every=every)


@app.command(rich_help_panel="Evaluating")
def forecast(
    source: Annotated[Path, typer.Argument(help="A demo's or study's folder, its scores.csv, or any CSV of scores.")],
    target: Annotated[float | None, typer.Option(help="The desired score, on the scores' own scale.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task's curves.")] = None,
    arm: Annotated[str | None, typer.Option(help="Only this arm's curves.")] = None,
    at: Annotated[str, typer.Option(help="Numbers of labels to forecast the score at.")] = "",
    metric: Annotated[str | None, typer.Option(help="The metric; by default the first of the file.")] = None,
    json: Json = False,
) -> None:
    """Forecast what more labels would buy, from the first points of a learning curve."""
    from tuition.commands.forecast import forecast_and_print

    forecast_and_print(source, target=target, task=task, arm=arm, at=at, metric=metric, as_json=json)
