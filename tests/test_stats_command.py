"""`tuition stats` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tuition.tasks.statistics import published as papers


def tuition(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuition", "stats", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def counted(*arguments: object) -> dict[str, Any]:
    done = tuition(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def row(output: str, first: str) -> list[str]:
    line = next(line for line in output.splitlines() if line.strip().startswith(first))
    return line.split(first, 1)[1].split()


def test_one_collection_gets_every_table(write_task: Callable[..., Path]) -> None:
    done = tuition(write_task(rows=130, definition="Say the [red] colour."))
    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "definition length (words, mean)") == ["4.0"]
    assert row(done.stdout, "instances per task (mean)") == ["130.0"]
    assert row(done.stdout, "Total") == ["1", *["20"] * 8]
    assert "without instructions   words" in done.stdout
    assert "(paper)" not in done.stdout


def test_several_collections_stand_side_by_side(write_task: Callable[..., Path]) -> None:
    first, second = write_task(rows=3), write_task(rows=5, folder="others")
    done = tuition(first, second, "--published")
    assert row(done.stdout, "Instances")[:2] == ["3", "5"]
    assert row(done.stdout, "Tasks") == ["1", "1", "1,616", "61", "269", "176", "62", "–"]
    assert row(done.stdout, "Definition words (mean)")[:3] == ["3.0", "3.0", "56.6"]
    assert papers.TABLE_SOURCE.split(",")[0] in done.stdout


def test_json_has_everything_of_each_collection(write_task: Callable[..., Path]) -> None:
    told = counted(write_task(rows=84))
    (one,) = told["collections"]
    assert "published" not in told
    assert one["format"] == "superni"
    assert one["summary"]["task_types"] == 1
    assert one["categories"] == [{"category": "Colour", "group": "Colour", "tasks": 1}]
    assert one["labels"]["total"] == {
        "tasks": 1,
        "thesis": {"100": 84, "200": 84, "1000": 84, "all": 84},
        "honest": {"100": 0, "200": 0, "1000": 0, "all": 0},
    }
    assert one["labels"]["reused"][0]["possible"] == "50 test + 10 validation + 24 labels"
    assert {length["unit"] for length in one["lengths"]} == {"words"}


def test_published_figures_stand_apart_with_their_source(write_task: Callable[..., Path]) -> None:
    told = counted(write_task(), "--published")["published"]
    assert told["superni_table_2"]["tasks"] == 1616
    assert "Gupta" in told["thesis"]["source"]
    assert [column["name"] for column in told["resources"]["columns"]][:2] == ["SuperNI", "NI"]


def test_lengths_in_a_models_tokens_stand_beside_words(write_task: Callable[..., Path], tiny_model: Path) -> None:
    (one,) = counted(write_task(rows=2), "--model", tiny_model)["collections"]
    bare = {length["unit"]: length for length in one["lengths"] if length["told"] == "without instructions"}
    # The tiny model's tokens are bytes.
    texts = ["input: thing 0 is red\noutput:", "input: thing 1 is green\noutput:"]
    assert bare[f"tokens of {tiny_model}"]["prompt"] == sum(map(len, texts)) / 2
    assert bare["words"]["prompt"] == 6


def test_words_alone_need_no_torch(write_task: Callable[..., Path]) -> None:
    code = (
        "import sys; from pathlib import Path; from tuition.commands.stats import print_statistics; "
        f"print_statistics([Path({str(write_task())!r})]); print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "pyarrow"} & set(done.stdout.split())


def test_every_problem_of_every_collection_is_told_at_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "task1_x.json").write_text('{"Definition": "", "Instances": [{"input": 1}]}')
    done = tuition(tmp_path / "a", tmp_path / "b")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Definition is empty") == 2
    assert done.stdout == ""


def test_a_hostile_category_does_not_reach_the_terminal_as_it_is(write_task: Callable[..., Path]) -> None:
    folder = write_task(rows=2)
    file = next(folder.iterdir())
    task = json.loads(file.read_text())
    file.write_text(json.dumps({**task, "Categories": ["\x1b[31mred [bold]x"]}))
    done = tuition(folder)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "[bold]x" in done.stdout


@pytest.mark.parametrize("folder", ["flan", "flan/promptsource", "instruction_induction", "seed_tasks.jsonl", "t0"])
def test_every_real_format_is_counted(folder: str) -> None:
    path = SHARED / folder
    if not path.exists():
        pytest.skip("the shared data is not beside the checkout")
    done = tuition(path)
    assert done.returncode == 0, done.stderr
    assert "Labels by budget" in done.stdout


def test_the_real_tasks_beside_the_published_figures(superni: Path) -> None:
    done = tuition(superni, "--published")
    assert row(done.stdout, "definition length (words, mean)") == ["61.7", "56.6"]
    assert row(done.stdout, "Title Generation  ") == ["18", "18"]
    totals = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("Total")]
    assert totals[0] == ["Total", "119", "11,599", "11,189", "22,165", "21,755", "90,956", "90,544", "90,956", "90,544"]
    assert totals[1] == ["Total", "11,599", "22,165", "94,956", "374,745"]
    assert "5 tasks with fewer than 120 rows (task393_" in done.stdout
    assert "11,810 test rows by the thesis's protocol, 11,400 by the honest one" in done.stdout
