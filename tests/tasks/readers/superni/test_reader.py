from __future__ import annotations

import itertools
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError, UserError
from tuition.tasks.collection import TaskSplit
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Example, Instance, Task, task_fingerprint

Write = Callable[..., Path]
Make = Callable[..., dict[str, Any]]

REAL = SHARED / "superni"


def only(path: Path) -> Task:
    (task,) = open_collection(path)
    return task


# ---- what a path can be


def test_a_folder_is_read_in_the_order_of_its_numbers(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    for name in ("task10_a", "task9_b", "task009_a", "task100_x"):
        task_file(superni_task(), f"{name}.json")
    task_file("no task", "README.md")
    task_file("{}", "stats.json")
    assert open_collection(tmp_path).names == ("task009_a", "task9_b", "task10_a", "task100_x")


def test_a_checkout_brings_its_splits(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    for number in range(1, 4):
        task_file(superni_task(), f"tasks/task{number}_x.json")
    task_file("task3_x\r\ntask1_x\n\n", "splits/default/test_tasks.txt")
    task_file("task2_x\ntask9_not_here\n../../x\n", "splits/default/train_tasks.txt")
    task_file("task2_x", "splits/small/train_tasks.txt")
    opened = open_collection(tmp_path)
    assert opened.names == ("task1_x", "task2_x", "task3_x")
    assert opened.splits == {
        "default": TaskSplit(train=("task2_x",), test=("task3_x", "task1_x")),
        "small": TaskSplit(train=("task2_x",), test=()),
    }


def test_one_file_is_a_collection_of_one_task(task_file: Write, superni_task: Make) -> None:
    assert open_collection(task_file(superni_task(), "my own.json")).names == ("my own",)


def test_opening_reads_no_task(task_file: Write, tmp_path: Path) -> None:
    task_file(b"\xff\xfe no JSON at all", "task1_x.json")
    assert open_collection(tmp_path).names == ("task1_x",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "there are no tasks in it; expected .*taskNNN_"),
        (["notes.txt"], "there are no tasks in it; expected .*taskNNN_"),
        (["tasks/mine.json"], "there are no tasks in it, only files such as 'mine.json'; expected .*taskNNN_"),
    ],
)
def test_a_folder_without_tasks_is_refused(names: list[str], message: str, task_file: Write, tmp_path: Path) -> None:
    for name in names:
        task_file("{}", name)
    with pytest.raises(ProblemsError, match=message):
        open_collection(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "nul\0", "x" * 5000])
def test_a_path_with_nothing_there_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="it cannot be found"):
        open_collection(tmp_path / name)


def test_an_unknown_format_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no format named 'supernl'; did you mean 'superni'"):
        open_collection(tmp_path, "supernl")


def test_file_names_that_cannot_be_task_names_are_refused(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(), "task1_a\nb.json")
    task_file(superni_task(), "task2_..json")
    with pytest.raises(ProblemsError) as caught:
        open_collection(tmp_path)
    assert [problem.kind for problem in caught.value.problems] == ["unsafe-name", "unsafe-name"]


def test_a_task_both_seen_and_unseen_is_refused(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(), "tasks/task1_x.json")
    for side in ("train", "test"):
        task_file("task1_x", f"splits/default/{side}_tasks.txt")
    with pytest.raises(ProblemsError, match="'default' has 1 tasks both in train and in test: task1_x"):
        open_collection(tmp_path)


# ---- what a task says


def test_every_element_has_its_place(task_file: Write, superni_task: Make) -> None:
    task = only(task_file(superni_task()))
    assert task == Task(
        "task1_x",
        ("Complete the analogy.", "Say what follows."),
        task.read_instances,
        positive_examples=(Example("throw : fly. aspire : ?", "attain", "It follows."),),
        negative_examples=(Example("drop : fall. cut : ?", "paper", "It does not."),),
        categories=("Word Analogy",),
        sources=("bard",),
        domains=("Commonsense",),
        input_languages=("English",),
        output_languages=("English",),
        instruction_languages=("English",),
        extra={"Contributors": ["Nobody"], "Reasoning": [], "Instance License": ["Unknown"]},
    )
    assert list(task.instances()) == [Instance(f"t-{n}", f"in {n}", (f"out {n}",)) for n in range(3)]


def test_collections_and_tasks_can_be_sent_to_other_processes(task_file: Write, superni_task: Make) -> None:
    opened = open_collection(task_file(superni_task()))
    task = next(iter(opened))
    sent_collection, sent_task = pickle.loads(pickle.dumps((opened, task)))
    assert (sent_collection, sent_task) == (opened, task)
    assert list(sent_collection["task1"].instances()) == list(sent_task.instances()) == list(task.instances())


def test_a_lone_text_stands_for_a_list_of_one(task_file: Write, superni_task: Make) -> None:
    row = {"id": "1", "input": "in", "output": "out"}
    task = only(task_file(superni_task(Definition="Do.", Categories="QA", Instances=[row])))
    assert (task.definitions, task.categories) == (("Do.",), ("QA",))
    assert [row.outputs for row in task.instances()] == [("out",)]


@pytest.mark.parametrize(
    "text", ["None", "NA", "null", "1.0", " stray ", "a\r\nb\rc", "\ufeff", "😀", "e\u0301", "\x0b"]
)
def test_text_is_kept_exactly(text: str, task_file: Write, superni_task: Make) -> None:
    rows = [{"id": "1", "input": text, "output": [f"{text}x", text + "y"]}]
    task = only(task_file(superni_task(Definition=f"{text}.", Instances=rows)))
    assert task.definition == f"{text}."
    assert list(task.instances()) == [Instance("1", text, (f"{text}x", f"{text}y"))]


def test_surrogate_pairs_in_escapes_are_one_character(task_file: Write, superni_task: Make) -> None:
    path = task_file(json.dumps(superni_task(Definition="😀")))
    assert "\\ud83d\\ude00" in path.read_text()
    assert only(path).definition == "😀"


def test_rows_without_ids_are_named_by_task_and_index(task_file: Write, superni_task: Make) -> None:
    rows = [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]
    assert [row.id for row in only(task_file(superni_task(Instances=rows))).instances()] == ["task1_x-0", "task1_x-1"]


def test_keys_may_follow_the_instances(task_file: Write, superni_task: Make) -> None:
    told = superni_task()
    task = only(task_file(dict(reversed(told.items()))))
    assert task.definition == "Complete the analogy."
    assert len(list(task.instances())) == 3


def test_the_task_is_read_without_its_instances(task_file: Write, superni_task: Make) -> None:
    text = json.dumps(superni_task())
    path = task_file(text[: text.index('"Instances": [') + len('"Instances": [')] + " no JSON")
    task = only(path)
    assert task.positive_examples[0].output == "attain"
    with pytest.raises(ProblemsError, match="broken JSON"):
        list(task.instances())


@pytest.mark.parametrize(
    "rows",
    [
        [{"input": '}], "x": [{', "output": "}]}"}],
        [{"input": "a", "output": "b", "more": [{"x": [{}]}], "last": 1}],
        [{"input": "a", "output": "b", "more": [{"x": 1}]}] * 9,
        [{"input": '\\"}], "Source": ["no"]}', "output": "b"}],
    ],
)
def test_keys_behind_the_instances_are_found_whatever_the_rows_hold(
    rows: list[dict[str, Any]], task_file: Write, superni_task: Make
) -> None:
    behind = {"Instances": rows, "Positive Examples": [{"input": "i", "output": "o"}], "URL": ["u"], "Tail": [{"a": 1}]}
    told = {**superni_task(**{"Instances": ..., "Positive Examples": ...}), **behind}
    for indent in (None, 1):
        task = only(task_file(json.dumps(told, indent=indent)))
        assert [example.output for example in task.positive_examples] == ["o"]
        kept = {"Contributors": ["Nobody"], "Reasoning": [], "Instance License": ["Unknown"]}
        assert task.extra == {**kept, "URL": ["u"], "Tail": [{"a": 1}]}
        assert len(list(task.instances())) == len(rows)


def test_what_a_row_has_besides_is_kept_in_its_fields(task_file: Write, superni_task: Make) -> None:
    rows = [{"id": "1", "input": "a", "output": "b", "weight": 0.5, "tags": ["x"]}, {"input": "c", "output": "d"}]
    read = list(only(task_file(superni_task(Instances=rows))).instances())
    assert [row.fields for row in read] == [{"weight": 0.5, "tags": ["x"]}, {}]


def test_all_that_a_file_says_besides_can_be_written_back(task_file: Write, superni_task: Make) -> None:
    besides = {"URL": ["http://x"], "Input language variants": {"en": ["US", None]}, "1": 2.5, "": True}
    task = only(task_file({**besides, **superni_task()}))
    assert {key: task.extra[key] for key in besides} == besides
    assert task_fingerprint(task) != task_fingerprint(only(task_file(superni_task())))


@pytest.mark.parametrize(("value", "kind"), [("\ud800", "lone-surrogate"), ({"a\0": 1}, "nul-character")])
def test_what_cannot_be_written_back_is_refused(value: object, kind: str, task_file: Write, superni_task: Make) -> None:
    with pytest.raises(ProblemsError) as caught:
        only(task_file(superni_task(Note={"deep": [value]})))
    assert [problem.kind for problem in caught.value.problems] == [kind]


@pytest.mark.parametrize("number", [0, -(2**63), 2**64 - 1, 1e300, 0.1, -1e-300])
def test_numbers_are_kept_to_the_last_digit(number: float, task_file: Write, superni_task: Make) -> None:
    task = only(task_file(superni_task(Note=[number])))
    assert task.extra["Note"] == [number]
    assert task_fingerprint(task)


@pytest.mark.parametrize("digits", ["1" + "0" * 20, "-9223372036854775809", "1e999", "9" * 400, "9" * 5000])
def test_numbers_that_cannot_be_kept_are_refused(digits: str, task_file: Write, superni_task: Make) -> None:
    text = json.dumps(superni_task(Note=["here"])).replace('"here"', digits)
    with pytest.raises(ProblemsError, match=r"Note\[0\] is a number .*; write it as text to keep it as it is"):
        only(task_file(text))


def test_values_nested_too_deep_to_be_written_back_are_refused(task_file: Write, superni_task: Make) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(ProblemsError, match=r"Note.* nests more than 50 deep"):
        only(task_file(superni_task(Note=deep)))


def test_both_official_splits_are_brought(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        task_file(superni_task(Input_language=["German"]), f"tasks/task{number}_x.json")
    for split, (train, test) in {"default": ("task1_x", "task2_x"), "xlingual": ("task1_x", "task3_x")}.items():
        task_file(train, f"splits/{split}/train_tasks.txt")
        task_file(test, f"splits/{split}/test_tasks.txt")
    opened = open_collection(tmp_path)
    assert opened.splits == {
        "default": TaskSplit(("task1_x",), ("task2_x",)),
        "xlingual": TaskSplit(("task1_x",), ("task3_x",)),
    }
    assert opened["task3_x"].input_languages == ("German",)


def test_the_first_rows_are_read_without_the_others(task_file: Write, superni_task: Make) -> None:
    text = json.dumps(superni_task(5000))
    task = only(task_file(text[: text.index("in 10")]))
    assert [row.id for row in itertools.islice(task.instances(), 10)] == [f"t-{n}" for n in range(10)]
    with pytest.raises(ProblemsError, match="is truncated"):
        list(task.instances())


def test_the_fingerprint_changes_with_names_and_bytes(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    prints = []
    for name, rows in [("task1_x", 3), ("task1_x", 4), ("task2_x", 3)]:
        task_file(superni_task(rows), f"{name}{rows}/{name}.json")
        prints.append(open_collection(tmp_path / f"{name}{rows}").fingerprint())
    assert len(set(prints)) == 3
    assert prints[0] == open_collection(tmp_path / "task1_x3").fingerprint()


def test_the_fingerprint_of_a_file_that_has_gone_says_so(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    path = task_file(superni_task())
    opened = open_collection(tmp_path)
    path.unlink()
    with pytest.raises(ProblemsError, match=r"task1_x\.json, task task1_x: it cannot be read"):
        opened.fingerprint()


# ---- what is wrong is told in one go


def test_reading_a_task_tells_all_problems_of_its_file(task_file: Write, superni_task: Make) -> None:
    rows = [{"id": "1", "input": 3, "output": []}, {"id": "1", "input": "in", "output": [" "]}]
    with pytest.raises(ProblemsError) as caught:
        only(task_file(superni_task(Definition=" ", Instances=rows)))
    assert [problem.kind for problem in caught.value.problems] == [
        "empty-definition",
        "wrong-type",
        "no-output",
        "duplicate-id",
        "no-output",
    ]


def test_reading_rows_tells_all_faulty_rows_after_the_sound_ones(task_file: Write, superni_task: Make) -> None:
    rows = superni_task(6)["Instances"]
    del rows[2]["output"], rows[4]["input"]
    got: list[Instance] = []
    with pytest.raises(ProblemsError) as caught:
        got.extend(only(task_file(superni_task(Instances=rows))).instances())
    assert [problem.instance for problem in caught.value.problems] == ["[2] t-2", "[4] t-4"]
    assert [row.id for row in got] == ["t-0", "t-1"]


def test_a_link_out_of_the_collection_is_refused(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    outside = task_file(superni_task(), "outside.json")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "task1_x.json").symlink_to(outside)
    opened = open_collection(tmp_path / "in")
    with pytest.raises(ProblemsError, match="leads out of the collection"):
        opened["task1"]
    with pytest.raises(ProblemsError, match="leads out of the collection"):
        opened.fingerprint()


def test_a_link_within_the_collection_is_followed(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(), "kept/one.json")
    (tmp_path / "task1_x.json").symlink_to(tmp_path / "kept" / "one.json")
    assert only(tmp_path).name == "task1_x"


# ---- hostile bytes

SMALL = json.dumps(
    {
        "Definition": ["Dö."],
        "Positive Examples": [{"input": "a", "output": "b", "explanation": ""}],
        "Negative Examples": [],
        "Categories": ["QA"],
        "Instances": [{"id": "1", "input": "ä", "output": ["y"]}, {"id": "2", "input": "c", "output": ["\\n"]}],
    },
    ensure_ascii=False,
).encode()

PIECES = [
    b"",
    b"\0",
    b"\xff",
    b"\xe9",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\\u0000",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"[[[[",
]
PIECES += [b"{", b"}", b"]", b'"', b",", b":", b"\\", b"\n", b"\r", b"null", b'{"a":1,"a":2}', b"9" * 5000, b"[" * 9000]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = SMALL
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
        data = data[:start] + piece + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def read_or_refuse(data: bytes) -> list[Task] | None:
    """Read everything; None if it was refused, with problems that print. Any other exception comes through."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "task1_x.json").write_bytes(data)
        try:
            tasks = list(open_collection(Path(folder)))
            for task in tasks:
                assert all(isinstance(row.input, str) and row.outputs for row in task.instances())
                task_fingerprint(task)  # all of it can be encoded
        except ProblemsError as error:
            problems = [str(problem) for problem in error.problems]
        else:
            return tasks
    assert problems
    assert all(problem.isprintable() for problem in problems)
    return None


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_mutated_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    tasks = read_or_refuse(data)
    try:
        told = json.loads(data.decode())
    except (ValueError, RecursionError):
        assert tasks is None, "what is not JSON must be refused"
    else:
        assert tasks is None or list(tasks[0].definitions) in (told["Definition"], [told["Definition"]])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    assert read_or_refuse(data) is None


def test_the_unmutated_file_is_read() -> None:
    assert read_or_refuse(SMALL)


# ---- the real tasks, read with another decoder


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not beside the checkout")
def test_the_119_real_tasks_are_what_plain_json_says() -> None:
    opened = open_collection(REAL)
    assert len(opened) == 119
    assert set(opened.splits["default"].test) == set(opened.names)
    numbers = [int(name.split("_")[0][4:]) for name in opened.names]
    assert numbers == sorted(numbers)
    rows = 0
    for task in opened:
        told = json.loads((REAL / "tasks" / f"{task.name}.json").read_text("utf-8"))
        assert list(task.definitions) == told["Definition"]
        assert list(task.categories) == told["Categories"]
        assert list(task.sources) == told["Source"]
        assert task.extra == {key: told[key] for key in ("Contributors", "URL", "Reasoning", "Instance License")}
        examples = [
            {"input": e.input, "output": e.output, "explanation": e.explanation} for e in task.positive_examples
        ]
        assert examples == told["Positive Examples"]
        read = [{"id": row.id, "input": row.input, "output": list(row.outputs)} for row in task.instances()]
        assert read == told["Instances"]
        rows += len(read)
    assert rows == 103_496
