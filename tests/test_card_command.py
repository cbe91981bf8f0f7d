"""`tuition card`, and the page that begins with it."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tuition.base.errors import ProblemsError, UserError
from tuition.cli import main
from tuition.splits.budgets import split_task
from tuition.tasks.card_draft import CardWish, card_path, draft_card
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Task

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "tutorials" / "bring-your-own-task.md").read_text(encoding="utf-8")


def run(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as done:
        main()
    told = capsys.readouterr()
    return int(done.value.code or 0), told.out + told.err


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a CSV of a header and rows; returns its path."""

    def write(header: list[str], rows: list[list[str]], name: str = "x.csv") -> Path:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([header, *rows])
        return tmp_path / name

    return write


def made(path: Path, **wish: Any) -> Task:
    """The task that the written card makes."""
    draft = draft_card(path, CardWish(wish.pop("instruction", "Do."), **wish))
    draft.path.write_text(draft.text, encoding="utf-8")
    (task,) = open_collection(path)
    assert len(list(task.instances())) == draft.rows
    return task


# ---- the page


def consoles() -> list[tuple[str, str]]:
    """The page's commands with what they print there."""
    blocks = re.findall(r"```console\n\$ ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    return [(command, told) for command, told in blocks]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's example, to be changed."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    for card in (tmp_path / "docs" / "examples").glob("*.yaml"):
        card.unlink()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_pages_first_commands_print_what_it_shows(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (card, card_told), (check, check_told), (demo, _) = consoles()
    assert [run(command, capsys, monkeypatch) for command in (card, check)] == [(0, card_told), (0, check_told)]
    written = (checkout / "docs" / "examples" / "support.task.yaml").read_text()
    assert written.split("\n", 1)[1] in PAGE
    words = shlex.split(demo)
    told = dict(zip(words[2::2], words[3::2], strict=True))
    (task,) = open_collection(Path(told["--tasks"]))
    cut = split_task(task, test=int(told["--test"]), validation=10)
    most = max(int(count) for count in told["--labels"].split(","))
    assert len(cut.labels(most)) == most


@pytest.mark.slow
def test_the_pages_last_command_makes_a_learning_curve(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, _ in consoles():
        code, told = run(command, capsys, monkeypatch)
        assert code == 0, told
    assert (checkout / "support-curve" / "report.html").is_file()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_card_on_the_page_is_sound(text: str) -> None:
    from tuition.tasks.readers.common.findings import Findings
    from tuition.tasks.readers.table.card import parse_card

    found = Findings(Path("task.yaml"))
    assert parse_card(text, found) is not None
    assert not found.all()


# ---- what is chosen


def test_columns_are_chosen_by_their_names_or_their_rows(table: Callable[..., Path]) -> None:
    path = table(["ref", "message", "kind"], [[str(n), f"a rather long text {n}", "ab"[n % 2]] for n in range(12)])
    draft = draft_card(path, CardWish("Do."))
    assert (draft.card.input, draft.card.output, draft.card.options) == (("message",), ("kind",), ("a", "b"))
    named = draft_card(path, CardWish("Do.", ("ref", "kind"), "message"))
    assert (named.card.input, named.card.output, named.card.options) == (("ref", "kind"), ("message",), ())


def test_examples_are_typical_rows_of_different_outputs_and_are_left_out(table: Callable[..., Path]) -> None:
    rows = [["x" * (n + 1), "often" if n % 3 else "seldom"] for n in range(30)]
    task = made(table(["text", "label"], rows), examples=3)
    assert [example.output for example in task.positive_examples] == ["often", "seldom", "often"]
    assert all(8 <= len(example.input) <= 24 for example in task.positive_examples)
    inputs = {row.input for row in task.instances()}
    assert inputs.isdisjoint(example.input for example in task.positive_examples)
    assert len(inputs) == 27


def test_examples_of_free_text_are_of_the_middle_length(table: Callable[..., Path]) -> None:
    task = made(table(["text", "summary"], [["y" * n, f"s{n}"] for n in range(1, 22)]), examples=2)
    assert [len(example.input) for example in task.positive_examples] == [11, 10]
    assert task.options == ()


def test_examples_come_from_no_held_out_row_and_no_input_that_stands_twice(tmp_path: Path) -> None:
    rows = {"text": ["a", "b", "A ", "c"], "label": ["x", "y", "x", "y"]}
    for name in ("train", "test"):
        parquet.write_table(
            pa.table(rows if name == "train" else {"text": ["d"], "label": ["x"]}), tmp_path / f"{name}.parquet"
        )
    draft = draft_card(tmp_path, CardWish("Do.", examples=2))
    assert draft.path == tmp_path / "task.yaml"
    assert {example.input for example in draft.card.examples} == {"b", "c"}
    with pytest.raises(UserError, match="3 few-shot examples were requested; of 5 rows, 2 can be used"):
        draft_card(tmp_path, CardWish("Do.", examples=3))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=15)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(TEXT.filter(str.strip), min_size=6, max_size=9, unique_by=lambda text: text.strip().casefold()),
    instruction=TEXT.filter(str.strip),
    column=TEXT.filter(lambda name: name.strip() and "{{" not in name and "{%" not in name and name not in ("o",)),
)
def test_any_texts_come_back_from_the_card_as_they_were(
    texts: list[str], instruction: str, column: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("t") / "x.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = [[text, text] for text in texts]
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([[column, "o"], *rows])
    if "\r" in column or column.startswith("\ufeff"):
        return
    task = made(path, instruction=instruction, input=(column,), output="o", examples=1)
    assert task.definition == instruction
    assert sorted([*(row.input for row in task.instances()), task.positive_examples[0].input]) == sorted(texts)


# ---- what is refused


def test_a_card_is_never_replaced_unasked(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = checkout / "docs" / "examples" / "support.task.yaml"
    card.write_text("mine")
    command = "tuition card docs/examples/support.csv --instruction Do."
    code, told = run(command, capsys, monkeypatch)
    assert (code, card.read_text()) == (2, "mine")
    assert "--force" in told
    assert run(f"{command} --force", capsys, monkeypatch)[0] == 0
    assert card.read_text().startswith("# This table")


def test_nothing_is_written_where_the_table_has_faults(table: Callable[..., Path]) -> None:
    path = table(["text", "label"], [["a", "x"], ["b", ""], ["c", "x"], ["d", " "]])
    with pytest.raises(ProblemsError) as caught:
        draft_card(path, CardWish("Do."))
    assert [problem.line for problem in caught.value.problems] == [3, 5]
    assert not card_path(path).exists()
    with pytest.raises(ProblemsError, match="did you mean 'text'"):
        draft_card(path, CardWish("Do.", ("tex",), "label"))


@pytest.mark.parametrize(
    ("name", "instruction", "message"),
    [
        ("gone.csv", "Do.", "no such table"),
        ("x.xlsx", "Do.", "is not a table"),
        (".", "Do.", "a folder of 2 tables"),
        ("x.csv", " ", "blank"),
        ("x.csv", "Do.", "2 few-shot examples were requested"),
    ],
)
def test_what_cannot_be_is_said(
    name: str, instruction: str, message: str, table: Callable[..., Path], tmp_path: Path
) -> None:
    for written in ("x.csv", "y.csv", "x.xlsx"):
        table(["text", "label"], [["a", "x"], ["b", "y"]], written)
    with pytest.raises(UserError, match=message):
        draft_card(tmp_path / name, CardWish(instruction))


def test_a_fault_of_every_row_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\n" + "a\n" * 160)
    code, told = run(f"tuition card {path} --instruction 'Do it.'", capsys, monkeypatch)
    assert code == 2
    assert told.count("1 cell where the first line has 2") == 1
    assert "(here and in 159 more places)" in told
