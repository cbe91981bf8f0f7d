"""The commands as a user types them: what they print, and how they refuse."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.studies.conftest import study_text


def tuition(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuition", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr + done.stdout


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", ["tuition", "tuition.reports", "tuition.evaluation.metrics", "tuition.cli"])
def test_what_needs_no_model_loads_without_torch(name: str) -> None:
    assert not {"torch", "transformers", "peft"} & modules_after(f"import {name}")


def test_checking_a_collection_loads_neither_torch_nor_tables(write_task: Callable[..., Path]) -> None:
    folder = write_task()
    code = "from pathlib import Path; from tuition.commands.check import check_and_print; "
    code += f"check_and_print(Path({str(folder)!r}), as_json=False)"
    assert not {"torch", "transformers", "pyarrow", "pandas", "nltk"} & modules_after(code)


def test_help_names_every_command() -> None:
    done = tuition("--help")
    assert done.returncode == 0
    for name in ("demo", "run", "check", "show", "models"):
        assert name in done.stdout


def test_check_is_content_with_a_sound_collection(write_task: Callable[..., Path]) -> None:
    done = tuition("check", write_task())
    assert done.returncode == 0
    assert "1 tasks, 40 sound instances; 0 errors, 0 warnings" in done.stdout


def test_check_lists_every_problem_in_one_line_each_and_exits_with_2(write_task: Callable[..., Path]) -> None:
    folder = write_task()
    (folder / "task002_bad.json").write_text(
        json.dumps(
            {"Definition": [" "], "Positive Examples": [], "Instances": [{"id": "a", "input": "x", "output": []}]}
        )
    )
    (folder / "task003_bad.json").write_bytes(b'{"Definition": ["caf\xe9"]}')
    done = tuition("check", folder)
    told = refused(done)
    assert "task002_bad.json" in told
    assert "task003_bad.json" in told
    found = json.loads(tuition("check", folder, "--json").stdout)
    assert {frozenset(finding) for finding in found} == {
        frozenset({"kind", "severity", "tasks", "count", "where", "message"})
    }
    assert len([f for f in found if f["severity"] == "error"]) >= 3


def test_show_prints_the_three_parts_their_tokens_and_the_mask(
    write_task: Callable[..., Path], tiny_model: Path
) -> None:
    done = tuition("show", write_task(), "task001", "--encoding", "quick-learners", "--model", tiny_model)
    assert done.returncode == 0
    for part in ("Definition: Say the colour.", " thing 0 is red", "prefix:", "body:", "target: 5 tokens", "trained"):
        assert part in done.stdout
    trained = [line.split()[-1] for line in done.stdout.splitlines() if line.rstrip().endswith(("  yes", "  no"))]
    assert trained == ["no"] * 9 + ["yes"] * 5


def test_show_as_json_prints_one_object_a_line_for_the_split(write_task: Callable[..., Path]) -> None:
    folder = write_task()
    lines = {}
    for split in ("test", "validation", "train", "all"):
        done = tuition("show", folder, "task001", "-e", "quick-learners", "--split", split, "--json", "--test", 10)
        assert done.returncode == 0
        lines[split] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(lines[split]) for split in ("test", "validation", "train", "all")] == [10, 10, 20, 40]
    assert lines["test"] + lines["validation"] + lines["train"] == lines["all"]
    assert set(lines["all"][0]) == {"task", "id", "prefix", "body", "target"}
    assert lines["all"][0]["body"] == " thing 0 is red\noutput:"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "/no/such/folder"], "/no/such/folder"),
        (["show", "TASKS", "task9"], "no task is named"),
        (["show", "TASKS", "../../x", "--json"], "no task is named"),
        (["show", "TASKS", "task001", "-e", "quick-learner", "--json"], "did you mean"),
        (["show", "TASKS", "task001", "--split", "tests", "--json"], "is not known"),
        (["show", "TASKS", "task001", "--split", "test", "--json"], "enough for e.g."),
        (["show", "TASKS", "task001", "--instance", "40", "--model", "TINY"], "0 to 39"),
        (["demo", "--labels", "0,many"], "counts separated by commas"),
        (["demo", "--labels", "4,4"], "is given twice"),
        (["demo", "--tasks", "TASKS", "--model", "/no/model"], "no such folder"),
        (["demo", "--tasks", "TASKS", "--model", "TINY", "--labels", "500"], "enough for e.g."),
        (["run", "/no/such.yaml"], "cannot be read"),
        (["models", "--fetch", "gpt5"], "no embedded model named"),
    ],
)
def test_mistakes_are_told_in_plain_lines(
    arguments: list[str], told: str, write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    places = {"TASKS": str(write_task()), "TINY": str(tiny_model)}
    assert told in refused(tuition(*(places.get(a, a) for a in arguments), cwd=tmp_path))


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    assert "task" in refused(tuition("check", tmp_path))


def test_run_prints_a_table_and_leaves_scores_and_a_page(
    write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(study_text(write_task(), tiny_model)))
    done = tuition("run", study, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ROUGE-L" in done.stdout
    assert "[6/6]" in done.stderr
    rows = list(csv.DictReader((tmp_path / "runs" / "tiny" / "scores.csv").open(newline="")))
    assert list(rows[0]) == ["task", "arm", "labels", "seed", "metric", "value", "low", "high", "n"]
    # Two arms at two budgets: ROUGE-L and exact match, and accuracy, since colours are a closed set of answers.
    assert [row["metric"] for row in rows] == ["rouge_l", "exact_match", "accuracy"] * 4
    page = (tmp_path / "runs" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "task001_colours" in page
    again = tuition("run", study, "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert len(told["scores"]) == 12
    assert "6 of 6 steps were finished before" in again.stderr


def test_demo_takes_another_collection_model_and_budgets(
    write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--labels", "0,3", "--test", 5, "--model", tiny_model, "--out", out)
    done = tuition("demo", "--tasks", write_task(rows=30), "--task", "task001", *options)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((out / "scores.csv").open(newline="")))
    assert {(row["arm"], row["labels"], row["n"]) for row in rows} == {
        (arm, labels, "5") for arm in ("without instruction", "with instruction") for labels in ("0", "3")
    }
    assert (out / "report.html").stat().st_size > 1_000_000


def test_a_task_of_templates_alone_shows_them(tmp_path: Path) -> None:
    (tmp_path / "copa.yaml").write_text(
        "dataset: x\ntemplates:\n  1-2: !Template\n    name: ask\n    jinja: 'Why {{premise}}? ||| {{choice1}}'\n"
        "    answer_choices: null\n    metadata: !TemplateMetadata {original_task: true}\n"
    )
    done = tuition("show", tmp_path, "copa")
    assert done.returncode == 0, done.stderr
    assert "no rows to fill them with" in done.stdout
    assert "Why {{premise}}?" in done.stdout
