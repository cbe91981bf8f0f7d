"""A model judged without tuning, as a user types it, in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.commands.evaluate import EvaluateChoice, evaluate_and_print
from tuition.evaluation.scoring import ScoreChoice, score_predictions
from tuition.tasks.readers import open_collection


def choice(tasks: Path, model: Path, **changes: object) -> EvaluateChoice:
    given = {
        "tasks": tasks,
        "names": (),
        "model": str(model),
        "setting": "zero-shot",
        "encodings": ("definition",),
        "labels": 0,
        "metrics": ("rouge_l", "exact_match"),
        "heuristics": False,
        "test": 6,
        "order": "file",
        "chat": False,
    }
    return EvaluateChoice(**{**given, **changes})  # type: ignore[arg-type]


def test_categories_and_all_have_figures_with_intervals_and_a_second_run_does_nothing(
    write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        folder = write_task(number)
    for _ in range(2):
        asked = choice(folder, tiny_model, heuristics=True, encodings=("definition", "input-only"))
        assert evaluate_and_print(asked, tmp_path / "out", as_json=True) == 0
        out, err = capfd.readouterr()
        told = json.loads(out)
        assert set(told) == {"definition", "input-only", "copy-input", "copy-example", "majority-label"}
        for figures in told.values():
            whole = [figure for figure in figures if figure["level"] == "overall" and figure["average"] == "micro"]
            assert {figure["metric"] for figure in whole} == {"rouge_l", "exact_match"}
            assert all(figure["n"] == 12 and figure["low"] <= figure["value"] <= figure["high"] for figure in whole)
    assert "finished before" in err
    assert (tmp_path / "out" / "report.html").is_file()
    evaluate_and_print(asked, tmp_path / "out", as_json=False)
    assert "mean over" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"setting": "tuned"}, "zero-shot or few-shot"),
        ({"setting": "few-shot"}, "few-shot needs them"),
        ({"labels": 3}, "zero-shot uses no --labels"),
        ({"encodings": ("definitoin",)}, "did you mean"),
        ({"metrics": ("rogue",)}, "no metric named"),
        ({"rank_only": True}, "--rank-only generates no answers"),
        ({"probes": ("other-tsk",)}, "did you mean"),
        ({"decoding": {"top_p": 0.5}}, "give a temperature"),
    ],
)
def test_choices_that_cannot_be_are_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        choice(tmp_path, tmp_path, **changes).study()


@pytest.fixture
def open_and_closed(write_task: Callable[..., Path]) -> Path:
    """Two tasks of one category: three colours for answers, and free answers."""
    folder = write_task(1)
    task = json.loads((folder / "task001_colours.json").read_text())
    for at, row in enumerate(task["Instances"]):
        row["id"], row["output"] = f"task002-{at}", [f"answer {at}"]
    (folder / "task002_free.json").write_text(json.dumps(task))
    return folder


def test_metrics_that_some_tasks_have_say_over_how_many(
    open_and_closed: Path, tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = choice(open_and_closed, tiny_model, metrics=(), rank=True, heuristics=True)
    assert evaluate_and_print(asked, tmp_path / "out", as_json=True) == 0
    out, err = capfd.readouterr()
    figures = {(f["metric"], f["level"], f["average"]): f for f in json.loads(out)["definition"]}
    assert figures["rouge_l", "overall", "macro"]["tasks"] == 2
    for metric in ("accuracy", "rank_sum", "rank_pmi"):
        assert (figures[metric, "overall", "micro"]["tasks"], figures[metric, "overall", "micro"]["n"]) == (1, 6)
        assert (metric, "overall", "macro") not in figures
    assert "1 task is not ranked, since they have no closed set of options: task002_free" in err
    assert "to evaluate; about" in err
    evaluate_and_print(asked, tmp_path / "out", as_json=False)
    out = capfd.readouterr().out
    assert "accuracy of ranked options" in out
    assert "A random choice among the options scores 33.3" in out
    assert "1 task " in out


def test_corpus_metrics_have_figures_by_category(
    open_and_closed: Path, tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = choice(open_and_closed, tiny_model, metrics=("bleu", "macro_f1"), heuristics=True)
    assert evaluate_and_print(asked, tmp_path / "out", as_json=True) == 0
    told = json.loads(capfd.readouterr().out)["copy-example"]
    assert {(f["metric"], f["level"]) for f in told} >= {("bleu", "category"), ("macro_f1", "overall")}


def test_ranking_alone_and_probes_as_a_user_types_them(open_and_closed: Path, tiny_model: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tuition.cli import app

    place = str(tmp_path / "out")
    asked = ["evaluate", "--tasks", str(open_and_closed), "--model", str(tiny_model), "--out", place]
    told = CliRunner().invoke(
        app,
        [*asked, "--test", "6", "--rank-only", "--probe", "all"],
    )
    assert told.exit_code == 0, told.exception
    assert "What the model follows: rank (sum)" in told.stdout
    assert (tmp_path / "out" / "probes.csv").is_file()
    drawn = CliRunner().invoke(
        app,
        [*asked, "--test", "4", "--temperature", "0.8", "--top-p", "0.9", "--stop", "\\n", "--json"],
    )
    assert drawn.exit_code == 0, drawn.exception
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert study["evaluate"]["decoding"] | {"seed": 0} == {
        "beams": 1, "temperature": 0.8, "top_p": 0.9, "length_penalty": 1.0, "seed": 0, "stop": ["\n"],
    }  # fmt: skip


def test_what_was_evaluated_is_scored_anew_by_the_categories_of_its_own_collection(
    write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        folder = write_task(number)
    out = tmp_path / "out"
    assert evaluate_and_print(choice(folder, tiny_model), out, as_json=True) == 0

    def categories() -> set[str]:
        scored = score_predictions(ScoreChoice(out, profiles=("rouge_l",), by="category"))
        return {one.group for system in scored.systems for one in system.figures if one.level == "category"}

    tasks = open_collection(folder)
    told = {tasks[name].categories[0] for name in tasks.names}
    assert told
    assert categories() == told
    shutil.rmtree(folder)  # what was answered is still there, and is still scored
    assert categories() <= {""}
