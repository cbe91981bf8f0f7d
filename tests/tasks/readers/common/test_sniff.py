from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError
from tuition.tasks.readers import READERS, find_reader
from tuition.tasks.readers.common.sniff import PEEK, first_keys, keys_at

Write = Callable[..., Path]
Make = Callable[..., dict[str, Any]]

V1 = {"Title": "T", "Prompt": "P", "Definition": "D", "Instances": [{"input": "a", "output": ["b"]}]}
INDUCTION = {"name": "x", "instructions": ["Do."], "train": [["a", ["b"]]], "test": []}
SEED = {"id": "seed_task_0", "name": "x", "instruction": "Do.", "instances": [{"input": "", "output": "b"}]}
PROMPTED = {"prompt": "a", "completion": "b"}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"a": 1, "b": [2]}', {"a", "b"}),
        (' \n{"a": 1, "b": [2', {"a", "b"}),
        ('{"a": 1}\n{"b": 2}', {"a"}),
        ('{"a": 1, "b', {"a"}),
        ('[{"a": 1}]', set()),
        ("{'a': 1}", set()),
        ('{"a": ' + "[" * 50_000, {"a"}),
        ("", set()),
    ],
)
def test_the_keys_are_those_that_the_beginning_shows(text: str, keys: set[str]) -> None:
    assert first_keys(text) == keys


def test_no_more_than_the_beginning_of_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": "' + "x" * PEEK + '", "b": 1}')
    assert keys_at(tmp_path, ".json") == {"a"}
    (tmp_path / "pipe.json").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "a_pipe.json")  # opening it would wait for ever
    (tmp_path / "b_empty.json").touch()
    assert keys_at(tmp_path, ".json") == {"a"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("my own.json", V1, "ni_v1"),
        ("subtask002_x.json", V1, "ni_v1"),
        ("my own.json", INDUCTION, "instruction_induction"),
        ("my own.jsonl", SEED, "seed_tasks"),
        ("my own.jsonl", PROMPTED, "prompted"),
    ],
)
def test_a_file_is_known_by_its_beginning(name: str, content: object, expected: str, task_file: Write) -> None:
    assert find_reader(task_file(json.dumps(content), name)).name == expected


def test_any_task_of_superni_is_known_by_its_keys_or_its_name(task_file: Write, superni_task: Make) -> None:
    assert find_reader(task_file(superni_task(), "my own.json")).name == "superni"
    for content in ("", "{ broken", '{"Contributors": [], "Definition": "D', "[1]"):
        assert find_reader(task_file(content, "task7_x.json")).name == "superni"
    assert find_reader(task_file(V1, "task7_x.json")).name == "ni_v1"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("subtask002_x.json", "", "ni_v1"),
        ("a.json", json.dumps(V1), "ni_v1"),
        ("a.json", json.dumps(INDUCTION), "instruction_induction"),
        ("a.jsonl", json.dumps(PROMPTED), "prompted"),
        ("tasks/task1_x.json", "", "superni"),
    ],
)
def test_a_folder_is_known_by_its_names_or_its_first_file(
    name: str, content: str, expected: str, task_file: Write, tmp_path: Path
) -> None:
    task_file(content, name)
    task_file("# Read me", "README.md")
    assert find_reader(tmp_path).name == expected


def test_what_two_formats_claim_is_refused_with_their_names(task_file: Write, tmp_path: Path) -> None:
    task_file(PROMPTED, "rows.jsonl")
    task_file(INDUCTION, "task.json")
    with pytest.raises(ProblemsError, match="2 formats: instruction_induction, prompted; name one of them, such as"):
        find_reader(tmp_path)
    assert find_reader(tmp_path, "prompted").open(tmp_path).names == ("rows",)
    assert find_reader(tmp_path, "instruction_induction").open(tmp_path).names == ("task",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"foo": 1, "bar": 2}', "begins with a JSON object with the keys 'bar', 'foo'"),
        ("[1, 2]", r"begins with '\[1, 2\]'"),
        ("<html>\n", "begins with '<html>'"),
        (" ", "it is a blank file"),
        ("", "it is an empty file"),
    ],
)
def test_a_file_that_fits_no_format_is_described_and_all_formats_are_told(
    content: str, message: str, task_file: Write
) -> None:
    with pytest.raises(ProblemsError, match=message) as caught:
        find_reader(task_file(content, "x.json"))
    assert all(f"({name})" in str(caught.value) for name in READERS)
    assert "--format" in str(caught.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside the checkout")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("superni", "superni"),
        ("superni/tasks", "superni"),
        ("t0", "prompted"),
        ("t0/ag_news_classify.jsonl", "prompted"),
        ("instruction_induction", "instruction_induction"),
        ("instruction_induction/sum.json", "instruction_induction"),
        ("seed_tasks.jsonl", "seed_tasks"),
    ],
)
def test_real_paths_are_known(path: str, expected: str) -> None:
    assert find_reader(SHARED / path).name == expected
