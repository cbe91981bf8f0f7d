"""`tuition convert` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.tasks.readers import open_collection
from tuition.tasks.types import task_fingerprint


def tuition(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuition", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_says_what_it_wrote_and_that_nothing_fell(write_task: Callable[..., Path], tmp_path: Path) -> None:
    done = tuition("convert", write_task(), tmp_path / "new", "--to", "superni")
    assert done.returncode == 0, done.stderr
    assert "1 task, 40 instances written as superni\ndropped: nothing\n" in done.stdout
    name = "task001_colours"
    old, new = open_collection(tmp_path / "tasks"), open_collection(tmp_path / "new")
    assert task_fingerprint(new.read_task(name)) == task_fingerprint(old.read_task(name))


def test_the_tasks_of_the_package_go_by_their_word(tmp_path: Path) -> None:
    done = tuition("convert", "starter", tmp_path / "new.jsonl", "--to", "chat")
    assert (done.returncode, "10 tasks, 3,500 instances written as chat" in done.stdout) == (0, True)
    assert tuition("stats", "starter", "--json").returncode == 0


def test_it_says_what_fell(write_task: Callable[..., Path], tmp_path: Path) -> None:
    done = tuition("convert", write_task(), tmp_path / "new.jsonl", "--to", "chat")
    assert "dropped: id of 40 instances, name of 1 task, positive examples of 1 task" in done.stdout
    assert len((tmp_path / "new.jsonl").read_text().splitlines()) == 40


def test_json_counts_what_fell(write_task: Callable[..., Path], tmp_path: Path) -> None:
    done = tuition("convert", write_task(), tmp_path / "new", "--to", "alpaca", "--json")
    told = json.loads(done.stdout)
    assert (told["tasks"], told["instances"], told["renamed"], told["kept_beside"]) == (1, 40, {}, [])
    assert {"what": "positive examples", "of": "tasks", "count": 1} in told["fell"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{tasks}", "{new}", "--to", "supernova"], "did you mean 'superni'?"),
        (["{tasks}", "{tasks}", "--to", "superni", "--force"], "the source"),
        (["{tasks}", "{new}", "--to", "jsonl", "--format", "superno"], "did you mean 'superni'?"),
        (["{new}", "{new}2", "--to", "jsonl"], "cannot be found"),
        (["{tasks}", "{new}"], "--to"),
    ],
)
def test_mistakes_are_refused_in_plain_words(
    arguments: list[str], said: str, write_task: Callable[..., Path], tmp_path: Path
) -> None:
    places = {"tasks": write_task(), "new": tmp_path / "new"}
    done = tuition("convert", *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_there_and_back_again_through_jsonl(write_task: Callable[..., Path], tmp_path: Path) -> None:
    source = write_task()
    assert tuition("convert", source, tmp_path / "rows", "--to", "jsonl").returncode == 0
    done = tuition("convert", tmp_path / "rows", tmp_path / "back", "--to", "superni")
    assert "dropped: nothing" in done.stdout
    name = "task001_colours"
    old, new = open_collection(source), open_collection(tmp_path / "back")
    assert task_fingerprint(new.read_task(name)) == task_fingerprint(old.read_task(name))
    assert tuition("check", tmp_path / "rows").returncode == 0
