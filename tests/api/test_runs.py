"""What a run shows from Python, and how it refuses what cannot be."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import tuition
from tuition import UserError


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuition.Run:
    """Two arms on two tasks at two budgets."""
    out = tmp_path_factory.mktemp("run") / "out"
    study = {
        "study": "two arms",
        "tasks": {"collection": "starter", "names": ["task001", "task004"]},
        "model": str(tiny_model),
        "arms": {"without": [{"encoding": "input-only"}], "<b>with</b>": [{"encoding": "definition"}]},
        "labels": [0, 4],
        "judge": {"test": 8, "validation": 2},
    }
    return tuition.run_study(study, out, progress=False)


def columns_of(table: Any) -> list[str]:
    return list(
        table.columns if hasattr(table, "columns") and not hasattr(table, "column_names") else table.column_names
    )


def test_scores_are_those_of_the_csv(run: tuition.Run) -> None:
    from tuition.reports.scores_csv import read_scores_csv

    table = run.scores()
    stored = read_scores_csv(run.folder / "scores.csv")
    assert sorted(table["value"]) == sorted(row.value for row in stored)
    assert len(table) == len(stored) == 2 * 2 * 5  # three metrics for the task with closed answers, two for the other


def test_scores_and_answers_can_be_narrowed_by_unique_prefixes(run: tuition.Run) -> None:
    assert set(run.scores(task="task001", arm="with", metric="rouge_l")["labels"]) == {0, 4}
    answers = run.predictions(task="task004", arm="without", labels=4)
    assert len(answers) == 8
    assert columns_of(answers)[:7] == ["task", "arm", "labels", "seed", "instance", "input", "prediction"]


def test_tables_are_pyarrow_where_pandas_is_missing(run: tuition.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pandas" else found(name, *rest)
    )
    table = run.scores()
    assert type(table).__module__.startswith("pyarrow")
    assert columns_of(table) == ["task", "arm", "labels", "seed", "metric", "value", "low", "high", "n"]


def test_a_notebook_shows_names_as_text(run: tuition.Run) -> None:
    shown = run._repr_html_()
    assert "&lt;b&gt;with&lt;/b&gt;" in shown
    assert "<b>with</b>" not in shown


def test_a_comparison_is_that_of_the_command(run: tuition.Run) -> None:
    from tuition.reports.comparison import Question, compare_source

    [zero, four] = run.compare("<b>", "without")
    told = {one.found.labels: one.found for one in compare_source(Question(run.folder, "without")).comparisons}
    assert (zero.labels, four.labels) == (0, 4)
    assert four.difference == 100 * told[4].overall.mean
    assert four.interval == (100 * told[4].overall.low, 100 * told[4].overall.high)
    assert zero.found == told[0]


def test_what_is_not_there_is_named(run: tuition.Run, tmp_path: Path) -> None:
    for wrong, words in (
        (lambda: run.scores(task="task9"), "no task is named 'task9'; there are task001"),
        (lambda: run.scores(task="task00"), "'task00' begins 2 task names"),
        (lambda: run.scores(arm=""), "no arm is named ''"),
        (lambda: run.compare("without", "without"), "is compared with itself"),
        (lambda: run.compare("without", "other"), "no arm is named 'other'"),
        (lambda: run.predictions(labels=5), "no answers with 5 labels"),
        (run.curve, "has 2 tasks; name one"),
        (lambda: run.export("task001", "without", run.folder), "is there already"),
        (lambda: tuition.open_run(tmp_path), "no store.sqlite"),
        (lambda: tuition.open_collection(tmp_path / "none"), "cannot be found"),
        (lambda: tuition.load_study("no-such-preset"), "no-such-preset"),
        (lambda: tuition.learn("starter", setting="sideways"), "sideways"),
        (lambda: tuition.score(["a"], ["a", "b"]), "1 predictions but 2 references"),
        (lambda: tuition.score(["a"]), "one accepted output"),
        (lambda: tuition.score(["a"], ["a"], metrics=["rouge"]), "rouge_l"),
    ):
        with pytest.raises(UserError, match=words):
            wrong()


def test_a_figure_has_a_trace_for_each_arm_at_the_measured_points(run: tuition.Run) -> None:
    figure = run.curve("task001", forecast=False)
    assert [trace.name for trace in figure.data] == ["without", "<b>with</b>"]
    assert [point[0] for point in figure.data[0].customdata] == [0, 4]
    table = run.scores(task="task001", arm="without", metric=run.metrics[0])
    assert list(figure.data[0].y) == list(table["value"])


def test_answers_of_a_file_are_scored_as_by_the_command(run: tuition.Run) -> None:
    with pytest.raises(UserError, match="systems; choose one") as error:
        tuition.score(run.folder)
    system = str(error.value).split("system=['")[1].split("'")[0]
    scores = tuition.score(run.folder, system=system)
    assert scores["exact_match"].n == 16


def test_settings_of_a_preset_can_be_replaced() -> None:
    study = tuition.load_study(
        "quick-learners-small",
        tasks="starter",
        labels=[0, 8],
        seeds=[3],
        settings={"judge.test": 5, "judge.rank": True},
    )
    assert (study.labels, study.seeds, study.evaluate.test) == ((0, 8), (3,), 5)
    assert study.evaluate.rank
