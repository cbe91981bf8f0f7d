"""Studies from Python: read one, run one, train on a task, evaluate a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import orjson

from tuition.api.data import collection_path
from tuition.api.runs import Run, open_run
from tuition.commands.evaluate import EvaluateChoice
from tuition.commands.learn import LearnChoice, learn_study
from tuition.studies.presets import find_study
from tuition.studies.spec.overrides import Overrides, overridden
from tuition.studies.spec.study import StudySpec, parse_study, read_study

PathLike = str | os.PathLike[str]


class StudyChanges(TypedDict, total=False):
    """The changes that `load_study` makes to a study: each replaces the file's value."""

    tasks: PathLike
    names: Sequence[str]
    split: str
    model: str
    labels: Sequence[int | str]
    seen_labels: int
    seeds: Sequence[int]
    arms: Sequence[str]
    settings: Mapping[str, Any]


class LearnOptions(TypedDict, total=False):
    """The options of `learn`; each has the default of the command `tuition learn`."""

    setting: str
    encodings: Sequence[str]
    tuner: str
    recipe: str
    model: str
    split: str
    seen_labels: int
    test: int
    validation: int
    seeds: Sequence[int]
    order: str
    capped: bool
    rank: bool


class EvaluateOptions(TypedDict, total=False):
    """The options of `evaluate`; each has the default of the command `tuition evaluate`."""

    setting: str
    encodings: Sequence[str]
    labels: int
    metrics: Sequence[str]
    baselines: bool
    test: int
    order: str
    chat: bool
    rank: bool
    rank_only: bool
    probes: Sequence[str]
    decoding: Mapping[str, Any]
    settings: Mapping[str, Any]


def load_study(study: PathLike | Mapping[str, Any], **changes: Unpack[StudyChanges]) -> StudySpec:
    """Read and validate a study; all problems are reported together.

    Args:
        study: a YAML file, the name of a preset (`tuition presets` lists them), or the study as a mapping.
        **changes: replacements of the study's values: `tasks` (a collection's path or `"starter"`), `names` (the tasks
            to evaluate), `split`, `model`, `labels`, `seen_labels`, `seeds`, `arms` (those to keep; `*` matches any
            part of a name) and `settings`, such as `{"evaluate.test": 20}`.

    Raises:
        UserError: there is no such file or preset, or a change is invalid for the study.
        ProblemsError: unknown keys or wrong values.
    """
    if isinstance(study, Mapping):
        return parse_study(overridden(dict(study), _overrides(changes)), Path("study"))
    found = find_study(str(study))
    return read_study(found.file, lambda data: overridden(data, _overrides(changes)), found.place)


def run_study(
    study: StudySpec | PathLike | Mapping[str, Any],
    out: PathLike | None = None,
    *,
    progress: bool = True,
    engine: str = "",
) -> Run:
    """Run the unfinished steps of a study, write `scores.csv` and `report.html`, and return its results.

    Finished steps are kept: after an interruption, the same call resumes the run.

    Args:
        study: a study, or what `load_study` reads.
        out: the folder for the results; `runs/<name of the study>` by default.
        progress: show progress on standard error.
        engine: what runs the steps, by name; by default `remote` for a remote model and `local` for any other.

    Raises:
        UserError: the study cannot be planned, there is no such engine, the folder cannot be used, or every step
            failed.
    """
    from tuition.commands.console import notes
    from tuition.commands.study import finish_study, study_folder, write_results

    spec = study if isinstance(study, StudySpec) else load_study(study)
    folder = study_folder(spec) if out is None else Path(out).expanduser()
    _, results, failures = finish_study(spec, folder, quiet=not progress, engine=engine)
    if results.scores:
        write_results(results, folder)
    for failure in failures:
        notes().print(f"not finished: {failure.step.title}, {failure.step.arm}: {failure.reason}", markup=False)
    return replace(open_run(folder), failed=tuple(f"{one.step.title}: {one.reason}" for one in failures))


def learn(
    tasks: PathLike,
    *,
    names: Sequence[str] = (),
    labels: Sequence[int | str] = (0, 16, 64),
    out: PathLike = "tuition-learn",
    progress: bool = True,
    **options: Unpack[LearnOptions],
) -> Run:
    """Train on growing budgets of labels, one model per budget (and per task, if single-task), and evaluate each.

    Args:
        tasks: a collection's path, or `"starter"`.
        names: the tasks, by name or unique prefix; all of the collection by default.
        labels: label budgets per task: counts, percentages such as `"6%"`, or `"all"`; budgets are nested.
        out: the folder for the results.
        progress: show progress on standard error.
        **options: those of the command `tuition learn`: `setting`, `encodings` (one arm each), `tuner`, `recipe`,
            `model`, `split`, `seen_labels`, `test`, `validation`, `seeds`, `order`, `capped`, `rank`.

    Raises:
        UserError: a name is unknown, options contradict each other, or a task is too small for the sizes.
    """
    choice = LearnChoice(
        path=Path(collection_path(tasks)),
        tasks=tuple(names),
        labels=tuple(labels),
        setting=options.get("setting", "single-task"),
        encodings=tuple(options.get("encodings", ("definition+2-positive",))),
        tuner=options.get("tuner", ""),
        recipe=options.get("recipe", ""),
        model=options.get("model"),
        split=options.get("split", ""),
        seen=options.get("seen_labels", 0),
        test=options.get("test", 100),
        validation=options.get("validation", 10),
        seeds=tuple(options.get("seeds", (1,))),
        order=options.get("order", "seeded"),
        capped=options.get("capped", False),
        rank=options.get("rank", False),
    )
    return run_study(learn_study(choice), out, progress=progress)


def evaluate(
    tasks: PathLike,
    *,
    names: Sequence[str] = (),
    model: str = "smollm2-135m",
    out: PathLike = "tuition-evaluate",
    progress: bool = True,
    **options: Unpack[EvaluateOptions],
) -> Run:
    """Evaluate a model on tasks without training it.

    Args:
        tasks: a collection's path, or `"starter"`.
        names: the tasks, by name or unique prefix; all of the collection by default.
        model: an embedded model, a model folder, a `.gguf` file, a hub id, or `openai:NAME@URL`.
        out: the folder for the results.
        progress: show progress on standard error.
        **options: those of the command `tuition evaluate`: `setting` (`zero-shot` or `few-shot`), `encodings`,
            `labels` (few-shot examples in the prompt), `metrics`, `baselines`, `test`, `order`, `chat`, `rank`,
            `rank_only`, `probes`, `decoding` and `settings`, such as `{"remote.concurrency": 4}`.

    Raises:
        UserError: a name is unknown, or the model or a task cannot be used.
    """
    choice = EvaluateChoice(
        tasks=Path(collection_path(tasks)),
        names=tuple(names),
        model=model,
        setting=options.get("setting", "zero-shot"),
        encodings=tuple(options.get("encodings", ("definition+2-positive",))),
        labels=options.get("labels", 0),
        metrics=tuple(options.get("metrics", ())),
        heuristics=options.get("baselines", False),
        test=options.get("test", 100),
        order=options.get("order", "file"),
        chat=options.get("chat", False),
        rank=options.get("rank", False),
        rank_only=options.get("rank_only", False),
        probes=tuple(options.get("probes", ())),
        decoding=options.get("decoding", {}),
        settings=_settings(options.get("settings", {})),
    )
    return run_study(choice.study(), out, progress=progress)


def _overrides(changes: StudyChanges) -> Overrides:
    tasks = changes.get("tasks")
    return Overrides(
        collection=None if tasks is None else collection_path(tasks),
        names=tuple(changes.get("names", ())),
        split=changes.get("split"),
        model=changes.get("model"),
        labels=changes.get("labels"),
        seen_labels=changes.get("seen_labels"),
        seeds=changes.get("seeds"),
        arms=tuple(changes.get("arms", ())),
        settings=_settings(changes.get("settings", {})),
    )


def _settings(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return settings as `KEY=VALUE`, with values in JSON, which is valid YAML."""
    return tuple(f"{key}={orjson.dumps(value).decode()}" for key, value in settings.items())
