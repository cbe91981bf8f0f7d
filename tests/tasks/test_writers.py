"""Collections in other formats: what is kept, what is told to have fallen, and what is never half written."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError, UserError
from tuition.tasks import Collection, Example, Instance, Task, Template
from tuition.tasks.card_draft import CardWish, draft_card
from tuition.tasks.check import check_collection
from tuition.tasks.collection import TaskSplit
from tuition.tasks.readers import find_reader, open_collection
from tuition.tasks.types import task_fingerprint
from tuition.tasks.writers import WRITERS, convert_collection

ROWS = (
    Instance("1", "  in\r\n\u2028 ", ("out ", "other")),
    Instance("2", "None", ("1.0",), rationale="because", fields={"premise": "p", "n": 3}, split="train"),
)


def full_task(name: str = "task001_full", rows: tuple[Instance, ...] = ROWS, **changes: Any) -> Task:
    told: dict[str, Any] = {
        "definitions": ("Do it.", "Do it so."),
        "title": "Doing",
        "prompt": "Now do.",
        "things_to_avoid": "Not doing.",
        "emphasis": "Do!",
        "positive_examples": (Example("a", "b", "why", "how"), Example("c", "d")),
        "negative_examples": (Example("e", "f", suggestion="mend"),),
        "categories": ("Doing", "Being"),
        "sources": ("made",),
        "domains": ("News -> Sport",),
        "input_languages": ("English",),
        "output_languages": ("German",),
        "instruction_languages": ("English",),
        "options": ("b", "d"),
        "templates": (Template("t", "{{x}}?", "{{y}}", "b ||| d", False, True, ("Accuracy",), ("en",)),),
        "extra": {"URL": ["u"], "Reasoning": [], "deep": {"a": [1, None, True]}},
    }
    return Task(name, read_instances=lambda: iter(rows), **{**told, **changes})


def bare_task(name: str = "bare", rows: tuple[Instance, ...] = (Instance("1", "in", ("out",)),), **told: Any) -> Task:
    return Task(name, told.pop("definitions", ("Say.",)), lambda: iter(rows), **told)


def collection(*tasks: Task, **more: Any) -> Collection:
    by_name = {task.name: task for task in tasks}
    return Collection(Path("made-by-hand"), tuple(by_name), by_name.__getitem__, **more)


def told(losses: Any) -> dict[str, int]:
    return {f"{loss.what} | {loss.of}": loss.count for loss in losses}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "new"


def test_jsonl_holds_everything(place: Path) -> None:
    source = collection(
        full_task(),
        bare_task("empty", rows=(), definitions=()),
        splits={"default": TaskSplit(("task001_full",), ("empty",))},
        related={"a": ("b", "c")},
    )
    done = convert_collection(source, place, "jsonl")
    assert (done.tasks, done.instances, done.dropped, done.extra_keys, done.renamed) == (2, 2, (), (), {})
    assert find_reader(place).name == "jsonl"
    back = open_collection(place)
    assert back.names == source.names
    assert (back.splits, back.related) == (source.splits, source.related)
    for name in source.names:
        assert back.read_task(name) == source.read_task(name)
        assert list(back.read_task(name).instances()) == list(source.read_task(name).instances())
    audits = list(find_reader(place).audit(place))
    assert [finding for audit in audits for finding in audit.findings] == []
    assert sum(audit.instances for audit in audits) == 2


def test_each_line_of_jsonl_is_a_row_that_says_its_task_and_definition(place: Path) -> None:
    convert_collection(collection(full_task()), place, "jsonl")
    lines = (place / "instances" / "task001_full.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    first, second = map(json.loads, lines)
    assert first == {
        "task": "task001_full",
        "id": "1",
        "definition": "Do it.",
        "input": "  in\r\n\u2028 ",
        "outputs": ["out ", "other"],
    }
    assert second["fields"] == {"premise": "p", "n": 3}


def test_superni_keeps_what_its_schema_has_and_the_rest_beside_it_or_tells_that_it_fell(place: Path) -> None:
    done = convert_collection(collection(full_task()), place, "superni")
    back = open_collection(place).read_task("task001_full")
    source = full_task()
    for field in ("definitions", "positive_examples", "negative_examples", "categories", "sources", "domains"):
        assert getattr(back, field) == getattr(source, field)
    assert (back.input_languages, back.output_languages) == (("English",), ("German",))
    assert back.extra == {
        **source.extra,
        "Title": "Doing",
        "Prompt": "Now do.",
        "Things to Avoid": "Not doing.",
        "Emphasis & Caution": "Do!",
        "Options": ["b", "d"],
    }
    first, second = back.instances()
    assert first == ROWS[0]
    assert (second.input, second.outputs) == ("None", ("1.0",))
    assert second.fields == {"premise": "p", "n": 3, "rationale": "because", "split": "train"}
    assert told(done.dropped) == {"templates | tasks": 1}
    assert "rationale (as 'rationale') | instances" in told(done.extra_keys)
    assert "title (as 'Title') | tasks" in told(done.extra_keys)


def test_superni_tells_of_keys_and_fields_that_its_own_stand_in_the_way_of(place: Path) -> None:
    rows = (Instance("1", "in", ("out",), rationale="r", fields={"input": "x", "rationale": 2}),)
    done = convert_collection(
        collection(bare_task(rows=rows, title="T", extra={"Instances": 5, "Title": "other"})), place, "superni"
    )
    assert told(done.dropped) == {
        "the other key 'Instances' (the schema has its own) | tasks": 1,
        "title (the task has another 'Title') | tasks": 1,
        "the named field 'input' (the schema has its own) | instances": 1,
        "rationale (the row has another field 'rationale') | instances": 1,
    }
    assert open_collection(place).read_task("task001_bare").extra == {"Title": "other"}


def test_superni_numbers_tasks_that_have_none_and_renames_them_in_the_splits(place: Path) -> None:
    source = collection(
        bare_task("task007_x"), bare_task("rte"), splits={"default": TaskSplit(("rte",), ("task007_x",))}
    )
    done = convert_collection(source, place, "superni")
    assert done.renamed == {"rte": "task008_rte"}
    back = open_collection(place)
    assert back.names == ("task007_x", "task008_rte")
    assert back.splits == {"default": TaskSplit(("task008_rte",), ("task007_x",))}


def test_what_superni_cannot_hold_at_all_falls_whole_and_nothing_is_written_where_that_is_all(place: Path) -> None:
    templated = bare_task("templated", definitions=(), templates=(Template("t", "x", "y"),))
    rowless = bare_task("rowless", rows=())
    done = convert_collection(collection(bare_task(), templated, rowless), place, "superni")
    assert told(done.dropped) == {
        "all (the schema requires a definition) | tasks": 1,
        "all (the schema requires instances) | tasks": 1,
    }
    assert len(open_collection(place)) == done.tasks == len(done.renamed) == 1
    other = place.parent / "other"
    with pytest.raises(UserError, match=r"nothing in it can be written as superni .*definition.*--to jsonl"):
        convert_collection(collection(templated), other, "superni")
    assert not other.exists()


def test_chat_tells_definition_and_input_and_answers_with_the_main_output(place: Path) -> None:
    source = collection(full_task(rows=ROWS[:1]), bare_task("plain", definitions=()))
    done = convert_collection(source, place, "chat")
    row = json.loads((place / "task001_full.jsonl").read_text())
    assert row == {
        "messages": [
            {"role": "user", "content": "Do it.\n\n  in\r\n\u2028 "},
            {"role": "assistant", "content": "out "},
        ]
    }
    assert json.loads((place / "plain.jsonl").read_text())["messages"][0]["content"] == "in"
    fell = told(done.dropped)
    assert fell["further accepted outputs | instances"] == 1
    assert fell["templates | tasks"] == fell["negative examples | tasks"] == fell["further definitions | tasks"] == 1
    assert fell["id | instances"] == 2


def test_test_rows_do_not_stand_among_training_rows(place: Path) -> None:
    rows = tuple(Instance(split, split, ("y",), split=split) for split in ("train", "test"))
    convert_collection(collection(bare_task("cb", rows)), place, "alpaca")
    assert json.loads((place / "train" / "cb.json").read_text())[0]["input"] == "train"
    assert json.loads((place / "test" / "cb.json").read_text())[0]["input"] == "test"
    one = convert_collection(collection(bare_task("cb", rows)), place.with_suffix(".jsonl"), "alpaca")
    assert told(one.dropped)["split | instances"] == 2


def test_alpaca_puts_the_input_into_the_instruction_where_there_is_no_definition(place: Path) -> None:
    rows = (Instance("1", "Add 1 and 2.", ("3",)),)
    file = place.with_suffix(".json")
    convert_collection(collection(bare_task("a", rows, definitions=()), bare_task("b", rows)), file, "alpaca")
    assert json.loads(file.read_text()) == [
        {"instruction": "Add 1 and 2.", "input": "", "output": "3"},
        {"instruction": "Say.", "input": "Add 1 and 2.", "output": "3"},
    ]


SETS = tuple(Instance(f"{side}{n}", f"in {side} {n}", (f"out {n}", "other")) for side in ("a", "b") for n in range(2))


def read_back(place: Path) -> dict[str, list[tuple[str, tuple[str, ...], str]]]:
    assert not check_collection(place).errors
    tasks = open_collection(place)
    return {task.name: [(row.input, row.outputs, row.split) for row in task.instances()] for task in tasks}


@pytest.mark.parametrize("target", ["chat", "alpaca"])
def test_what_trainers_read_is_read_back_as_tables(target: str, place: Path) -> None:
    rows = (*ROWS, Instance("3", "held out", ("x",), split="test"), Instance("4", "dev", ("y",), split="validation"))
    source = collection(full_task(rows=rows), bare_task("subtask001_x"), bare_task("plain", definitions=()))
    convert_collection(source, place, target)
    assert read_back(place) == {
        "task001_full": [
            ("Do it.\n\n  in\r\n\u2028 ", ("out ",), "train"),
            ("Do it.\n\nNone", ("1.0",), "train"),
            ("Do it.\n\ndev", ("y",), "validation"),
            ("Do it.\n\nheld out", ("x",), "test"),
        ],
        "subtask001_x": [("Say.\n\nin", ("out",), "")],
        "plain": [("in", ("out",), "")],
    }


@pytest.mark.parametrize("target", ["chat", "alpaca"])
@pytest.mark.parametrize("name", ["task001_x.json", "task001_x.jsonl"])
def test_one_file_is_read_back_too(target: str, name: str, tmp_path: Path) -> None:
    convert_collection(collection(bare_task(rows=SETS)), tmp_path / name, target)
    assert [row[:2] for row in read_back(tmp_path / name)["task001_x"]] == [
        (f"Say.\n\nin {side} {n}", (f"out {n}",)) for side in ("a", "b") for n in range(2)
    ]


@pytest.mark.parametrize(("target", "ending"), [("chat", ".jsonl"), ("alpaca", ".json")])
def test_a_card_may_be_written_for_what_was_converted(target: str, ending: str, place: Path) -> None:
    rows = tuple(dataclasses.replace(row, split="train" if n else "test") for n, row in enumerate(SETS))
    convert_collection(collection(bare_task(rows=rows)), place, target)
    with pytest.raises(UserError, match=f"give a table in it, such as train/bare{ending}"):
        draft_card(place, CardWish("Answer."))
    draft = draft_card(place / "train" / f"bare{ending}", CardWish("Answer.", examples=1))
    draft.path.write_text(draft.text)
    (task,) = open_collection(place)
    assert (task.definition, len(task.positive_examples), len(list(task.instances()))) == ("Answer.", 1, 3)


def test_rows_without_an_output_fall_where_one_is_needed_and_stay_in_jsonl(place: Path) -> None:
    rows = (Instance("1", "in", ()), Instance("2", "in", ("out",)))
    done = convert_collection(collection(bare_task(rows=rows)), place, "chat")
    assert done.instances == 1
    assert told(done.dropped)["all (they have no output) | instances"] == 1
    convert_collection(collection(bare_task(rows=rows)), place.parent / "all", "jsonl")
    assert tuple(open_collection(place.parent / "all").read_task("bare").instances()) == rows


def test_values_that_json_lacks_become_text_and_are_told(place: Path) -> None:
    fields = {"day": datetime.date(2024, 2, 29), "ratio": float("nan"), "big": 10**30}
    rows = (Instance("1", "in", ("out",), fields=fields),)
    done = convert_collection(collection(bare_task(rows=rows)), place, "jsonl")
    row = json.loads((place / "instances" / "bare.jsonl").read_text())
    assert row["fields"] == {"day": "2024-02-29", "ratio": "nan", "big": 10**30}
    assert told(done.extra_keys) == {"values that JSON does not have, as text, | instances": 1}


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", ".hidden", "a\nb", "x" * 200])
@pytest.mark.parametrize("target", list(WRITERS))
def test_a_name_that_leads_elsewhere_is_refused(target: str, name: str, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "new"
    with pytest.raises(ProblemsError, match="task name"):
        convert_collection(collection(bare_task(name), bare_task("fine")), place, target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("target", list(WRITERS))
def test_names_that_are_one_on_some_file_systems_are_refused(target: str, place: Path) -> None:
    with pytest.raises(ProblemsError, match="upper and lower case"):
        convert_collection(collection(bare_task("task1_a"), bare_task("task1_A")), place, target)


@pytest.mark.parametrize("target", list(WRITERS))
def test_unreadable_rows_are_told_together_and_leave_nothing_behind(
    target: str, task_file: Callable[..., Path], superni_task: Any, tmp_path: Path
) -> None:
    bad = [{"id": "1", "input": "x", "output": "y"}, {"id": "2", "input": 5, "output": "y"}]
    task_file(superni_task(Instances=bad), "source/task1_a.json")
    task_file(superni_task(Instances=bad), "source/task2_b.json")
    place = tmp_path / "made" / "new"
    with pytest.raises(ProblemsError) as refused:
        convert_collection(open_collection(tmp_path / "source"), place, target)
    assert {problem.task for problem in refused.value.problems} == {"task1_a", "task2_b"}
    assert list(place.parent.iterdir()) == []


def test_a_taken_place_is_kept_unless_its_replacement_is_asked_for(place: Path) -> None:
    convert_collection(collection(bare_task("first")), place, "jsonl")
    with pytest.raises(UserError, match="--force"):
        convert_collection(collection(bare_task("second")), place, "jsonl")
    assert open_collection(place).names == ("first",)
    convert_collection(collection(bare_task("second")), place, "jsonl", force=True)
    assert open_collection(place).names == ("second",)
    assert sorted(path.name for path in place.parent.iterdir()) == ["new"]


def test_an_empty_folder_may_be_filled(place: Path) -> None:
    place.mkdir()
    convert_collection(collection(bare_task()), place, "superni")
    assert len(open_collection(place)) == 1


def test_force_does_not_replace_a_folder_that_no_conversion_made(place: Path) -> None:
    place.mkdir()
    (place / "thesis.docx").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.docx"):
        convert_collection(collection(bare_task()), place, "jsonl", force=True)
    assert (place / "thesis.docx").read_text() == "years of work"


def test_the_source_is_never_written_over_or_into(write_task: Callable[..., Path]) -> None:
    folder = write_task()
    source = open_collection(folder)
    before = source.fingerprint()
    for place in (folder, folder / "inside", folder.parent):
        with pytest.raises(UserError, match="the source"):
            convert_collection(source, place, "superni", force=True)
    assert open_collection(folder).fingerprint() == before


@pytest.mark.parametrize("target", ["superni", "jsonl"])
def test_a_file_is_no_place_for_a_folder(target: str, place: Path) -> None:
    with pytest.raises(UserError, match=r"without \.jsonl"):
        convert_collection(collection(bare_task()), place.with_suffix(".jsonl"), target)
    place.write_text("text")
    with pytest.raises(UserError, match="not a folder"):
        convert_collection(collection(bare_task()), place, target, force=True)
    assert place.read_text() == "text"


def test_a_link_is_not_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    place.symlink_to(tmp_path / "real")
    with pytest.raises(UserError, match="a link"):
        convert_collection(collection(bare_task()), place, "jsonl", force=True)


def test_an_unknown_target_is_answered_with_the_nearest(place: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'superni'"):
        convert_collection(collection(bare_task()), place, "superno")


def test_killed_in_the_midst_it_leaves_the_place_as_it_was(place: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from tuition.tasks import Collection, Instance, Task
from tuition.tasks.writers import convert_collection
def rows():
    yield Instance("1", "in", ("out",))
    os.kill(os.getpid(), signal.SIGKILL)
task = Task("a", ("Say.",), rows)
convert_collection(Collection(Path("x"), ("a",), lambda name: task), Path({str(place)!r}), "superni", force=True)
"""
    convert_collection(collection(bare_task("first")), place, "jsonl")
    done = subprocess.run([sys.executable, "-c", program], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    assert open_collection(place).names == ("first",)


def test_a_source_is_read_one_row_at_a_time(place: Path) -> None:
    alive: list[int] = []

    def rows() -> Iterator[Instance]:
        for number in range(50):
            alive.append(number)
            yield Instance(str(number), "in", ("out",))

    done = convert_collection(collection(Task("a", ("Say.",), rows)), place, "superni")
    assert done.instances == len(alive) == 50  # once, not twice


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    extra=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "é", "b c"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
@pytest.mark.parametrize("target", ["superni", "jsonl"])
def test_any_text_comes_back_as_it_was(
    target: str, tmp_path_factory: pytest.TempPathFactory, text: str, extra: Any
) -> None:
    rows = (Instance(f"id {text}", text, (f".{text}", f"{text}!")),)
    source = bare_task(
        "task1_t", rows, definitions=(f"Say {text}",), positive_examples=(Example(text, f"{text}.", text, text),),
        categories=(text,), extra={"key": extra},
    )  # fmt: skip
    place = tmp_path_factory.mktemp("hypothesis") / "new"
    convert_collection(collection(source), place, target)
    assert task_fingerprint(open_collection(place).read_task("task1_t")) == task_fingerprint(source)


@pytest.mark.parametrize("target", ["superni", "jsonl"])
def test_real_tasks_come_back_equal(superni: Path, target: str, place: Path) -> None:
    source = open_collection(superni)
    few = Collection(superni, source.names[::10], source.read_task, splits={})
    done = convert_collection(few, place, target)
    assert (done.dropped, done.extra_keys, done.renamed) == ((), (), {})
    back = open_collection(place)
    assert back.names == few.names
    for name in few.names:
        assert task_fingerprint(back.read_task(name)) == task_fingerprint(source.read_task(name))
    if target == "superni":
        for name in few.names:  # and to any reader of JSON
            ours, theirs = (json.loads((folder / "tasks" / f"{name}.json").read_bytes()) for folder in (place, superni))
            assert ours == theirs


@pytest.mark.parametrize("folder", ["flan", "flan/promptsource", "instruction_induction", "seed_tasks.jsonl", "t0"])
def test_every_real_format_comes_back_equal_from_jsonl(folder: str, place: Path) -> None:
    path = SHARED / folder
    if not path.exists():
        pytest.skip("the shared data is not beside the checkout")
    source = open_collection(path)
    few = Collection(path, source.names[::7], source.read_task, related=source.related)
    done = convert_collection(few, place, "jsonl")
    assert (done.dropped, done.extra_keys) == ((), ())
    back = open_collection(place)
    assert back.related == source.related
    for name in few.names:
        assert task_fingerprint(back.read_task(name)) == task_fingerprint(source.read_task(name))
