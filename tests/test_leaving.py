"""Learning without a study's file, leaving with the model, and using it again, as a user types it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tuition.cli import main


# In this process: a process of its own for each command would spend minutes on importing torch.
@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def tuition(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Return a function that runs a command as a user types it."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["tuition", *map(str, arguments)])
        capfd.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return Done(int(code or 0), out, err)  # type: ignore[call-overload]

    return run


def refused(done: Done) -> str:
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr + done.stdout


TINY = ("--test", 6, "--validation", 2)


def learnt(
    tuition: Callable[..., Done], collection: Path, model: Path, out: Path, *more: object, labels: str = "0,4"
) -> Path:
    done = tuition("learn", collection, "--model", model, "--labels", labels, *TINY, "--out", out, *more)
    assert done.returncode == 0, done.stderr
    assert ("models to train in" in done.stderr) is ("in-context" not in more)
    return out


def predictions(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("tuner", ["lora", "full", "ia3", "prompt"])
def test_every_tuner_learns_and_its_model_answers_as_it_was_judged(
    tuner: str, tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    out = learnt(tuition, write_task(), tiny_model, tmp_path / "run", "--tuner", tuner)
    merge = () if tuner == "prompt" else ("--merge",)
    done = tuition("export", out, "--to", tmp_path / "model", *merge)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "model" / "tuition.json").read_text())
    assert told["encoding"]["name"] == "definition+2-positive"
    card = (tmp_path / "model" / "README.md").read_text()
    for part in ("Say the colour", "rouge_l", "95% interval", "fingerprint", "definition+2-positive", "4 labels"):
        assert part in card
    done = tuition("predict", tmp_path / "model", "--tasks", tmp_path / "tasks", "--json")
    assert done.returncode == 0, done.stderr
    answers = {row["id"]: row["prediction"] for row in predictions(done.stdout)}
    judged = [row for file in (out / "predictions").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    same = sum(answers[row["instance"]] == row["prediction"] for row in judged)
    assert same >= 6  # those of the trained model; the untrained one was judged on the same rows


def test_a_merged_model_needs_transformers_alone(
    tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = learnt(tuition, write_task(), tiny_model, tmp_path / "run")
    assert tuition("export", out, "--merge", "--to", tmp_path / "model").returncode == 0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert AutoTokenizer.from_pretrained(tmp_path / "model")("a")["input_ids"]
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert {n for n, _ in model.named_parameters()} == {n for n, _ in base.named_parameters()}
    assert not all(torch.equal(a, b) for a, b in zip(model.parameters(), base.parameters(), strict=True))


@pytest.mark.parametrize("setting", ["multi-task", "in-context", "cross-task"])
def test_every_setting_of_learning_runs_from_the_command_line(
    setting: str, tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        folder = write_task(number)
    more = ("--split", "task=task003", "--seen-labels", 5) if setting == "cross-task" else ()
    encoding = (
        ("-e", "definition+4-shot", "--rank") if setting == "in-context" else ("-e", "definition", "-e", "input-only")
    )
    out = learnt(tuition, folder, tiny_model, tmp_path / "run", "--setting", setting, *encoding, *more)
    rows = (out / "scores.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == (
        {"task003_colours"} if setting == "cross-task" else {f"task00{n}_colours" for n in (1, 2, 3)}
    )
    ranked = {row.split(",")[4] for row in rows if ",rank_" in row}
    assert len(ranked) == (5 if setting == "in-context" else 0)


def test_an_encoder_decoder_learns_in_a_chain_and_leaves_merged(
    tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_t5: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        folder = write_task(number)
    out = learnt(tuition, folder, tiny_t5, tmp_path / "run", "--split", "task=task002", "--seen-labels", 5)
    done = tuition("export", out, "--labels", 4, "--to", tmp_path / "model")
    assert "export it with --merge" in refused(done)
    assert not (tmp_path / "model").exists()
    done = tuition("export", out, "--merge", "--labels", 4, "--to", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    drawn = ("predict", tmp_path / "model", "--input", "the sky", "--temperature", 2, "--json")
    assert len({tuition(*drawn, "--sampling-seed", seed).stdout for seed in (1, 1)}) == 1
    assert tuition("predict", tmp_path / "model", "--input", "the sky", "--beams", 3).returncode == 0
    assert "give a temperature" in refused(tuition("predict", tmp_path / "model", "--input", "x", "--top-p", 0.5))
    done = tuition("predict", tmp_path / "model", "--input", "the sky")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")


def test_a_model_is_asked_for_by_what_it_is(
    tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        folder = write_task(number)
    out = learnt(tuition, folder, tiny_model, tmp_path / "run", labels="0,4,8")
    told = refused(tuition("export", out, "--merge", "--to", tmp_path / "m"))
    assert "several models answer to that" in told
    assert told.count("--labels 8") == 2
    assert "no model answers to that" in refused(
        tuition("export", out, "--merge", "--labels", 5, "--to", tmp_path / "m")
    )
    chosen = ("--task", "task002", "--labels", 4)
    assert tuition("export", out, "--merge", *chosen, "--to", tmp_path / "m").returncode == 0
    assert "is there already" in refused(tuition("export", out, "--merge", *chosen, "--to", tmp_path / "m"))
    assert "no task is named 'task001'" in refused(
        tuition("predict", tmp_path / "m", "--input", "x", "--task", "task001")
    )
    assert "--input TEXT or --tasks" in refused(tuition("predict", tmp_path / "m"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--setting", "many"), "single-task, multi-task"),
        (("--setting", "cross-task"), "needs --split"),
        (("--tuner", "lorra"), "did you mean 'lora'"),
        (("--recipe", "t-few", "--tuner", "lora"), "uses the tuner ia3, not --tuner lora"),
        (("-e", "definitoin"), "did you mean 'definition'"),
        (("--labels", "4,x"), "give counts separated by commas"),
        (("--model", "./nowhere"), "no such folder"),
        (("--model", "./nowhere.gguf"), "no such file"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_before_anything_is_loaded(
    options: tuple[str, ...], told: str, tuition: Callable[..., Done], write_task: Callable[..., Path], tmp_path: Path
) -> None:
    done = tuition("learn", write_task(), *TINY, "--out", tmp_path / "run", *options)
    assert told in refused(done)


def test_folders_that_are_no_runs_or_models_are_refused(tuition: Callable[..., Done], tmp_path: Path) -> None:
    assert "no such folder" in refused(tuition("export", tmp_path / "gone", "--to", tmp_path / "m"))
    assert "is no exported model" in refused(tuition("predict", tmp_path, "--input", "x"))


def test_a_model_whose_files_are_damaged_is_refused_in_a_line_that_names_it(
    tuition: Callable[..., Done], write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    run = learnt(tuition, write_task(), tiny_model, tmp_path / "run", "--encoding", "input-only", labels="4")
    model = tmp_path / "model"
    assert tuition("export", run, "--to", model).returncode == 0
    weights = model / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    assert f"{model}: its adapter cannot be loaded" in refused(tuition("predict", model, "--input", "x"))
    for text in ('{"encoding": "x"}', "{}", "[1]", "{"):
        (model / "tuition.json").write_text(text)
        assert f"{model / 'tuition.json'}: " in refused(tuition("predict", model, "--input", "x"))
