"""A model judged without tuning, as a user types it, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.commands.evaluate import EvaluateChoice, evaluate_and_print


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
        ({"setting": "few-shot"}, "few-shot needs --labels"),
        ({"labels": 3}, "zero-shot shows no labels"),
        ({"encodings": ("definitoin",)}, "did you mean"),
        ({"metrics": ("rogue",)}, "no metric named"),
    ],
)
def test_choices_that_cannot_be_are_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        choice(tmp_path, tmp_path, **changes).study()
