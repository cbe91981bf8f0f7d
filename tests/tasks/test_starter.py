import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tuition.base.fingerprints import fingerprint
from tuition.splits.content import content_key
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((STARTER_PATH / "tasks").glob("*.json"))
TASKS = {file.stem: json.loads(file.read_bytes()) for file in FILES}
BY_NUMBER = {int(name[4:7]): task for name, task in TASKS.items()}
EXPECTED_KEYS = ["Contributors", "Source", "URL", "Categories", "Reasoning", "Definition"]
EXPECTED_KEYS += ["Input_language", "Output_language", "Instruction_language", "Domains"]
EXPECTED_KEYS += ["Positive Examples", "Negative Examples", "Instances", "Instance License"]

each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def rows(number):
    return [(row["input"], row["output"][0]) for row in BY_NUMBER[number]["Instances"]]


def told_examples(task):
    return [*task["Positive Examples"], *task["Negative Examples"]]


def words(text):
    return frozenset(re.findall(r"\w+", text.lower()))


def test_it_has_ten_tasks_of_ten_kinds_and_sources():
    assert len(TASKS) == 10
    assert len({task["Categories"][0] for task in TASKS.values()}) == 10
    assert len({task["Source"][0] for task in TASKS.values()}) == 10


@each_task
def test_a_file_has_the_keys_and_value_types_of_super_natural_instructions(task):
    assert list(task) == EXPECTED_KEYS
    for key, value in task.items():
        texts = key not in ("Positive Examples", "Negative Examples", "Instances")
        assert isinstance(value, list)
        assert all(isinstance(item, str if texts else dict) for item in value)
    assert all(list(example) == ["input", "output", "explanation"] for example in told_examples(task))
    assert all(list(row) == ["id", "input", "output"] for row in task["Instances"])
    assert task["Instance License"] == ["Apache-2.0"]


def test_the_keys_are_those_of_the_real_files():
    data = Path(os.environ.get("TUITION_SHARED_DATA", ROOT.parent / "shared" / "data")) / "superni" / "tasks"
    if not data.is_dir():
        pytest.skip(f"{data}: the Super-NaturalInstructions files are not here")
    real = json.loads(next(data.glob("task*.json")).read_bytes())
    assert list(real) == EXPECTED_KEYS


def test_reading_all_of_it_finds_no_problem():
    report = check_collection(STARTER_PATH)
    assert report.tasks == 10
    assert report.instances == sum(len(task["Instances"]) for task in TASKS.values())
    assert report.problems == ()


def test_the_default_split_covers_every_task_once_and_holds_out_three():
    split = open_collection(STARTER_PATH).splits["default"]
    assert sorted(split.train + split.test) == sorted(TASKS)
    assert len(split.test) == 3


@each_task
def test_instances_are_many_distinct_and_none_repeats_an_example(task):
    inputs = [content_key(row["input"]) for row in task["Instances"]]
    assert 320 <= len(inputs) <= 400
    assert len(set(inputs)) == len(inputs)
    assert not {content_key(example["input"]) for example in told_examples(task)} & set(inputs)


@each_task
def test_instances_of_sentences_are_no_near_copies_of_each_other(task):
    if task["Categories"] == ["Word Analogy"]:
        pytest.skip("an analogy has six words, four of them its form")
    seen = [words(row["input"]) for row in task["Instances"]]
    near = max(len(one & other) / len(one | other) for at, one in enumerate(seen) for other in seen[:at])
    assert near <= 0.75


@pytest.mark.parametrize("name", TASKS)
def test_an_id_is_the_task_number_and_a_hash_of_the_row(name):
    instances = TASKS[name]["Instances"]
    content = [{"input": row["input"], "output": row["output"]} for row in instances]
    assert [row["id"] for row in instances] == [f"{name[:7]}-{fingerprint(row)[:8]}" for row in content]
    assert len({row["id"] for row in instances}) == len(instances)


@each_task
def test_the_instruction_is_whole_and_short(task):
    (definition,) = task["Definition"]
    positive = task["Positive Examples"]
    assert 35 <= len(definition.split()) <= 80
    assert len(positive) == 2
    assert 1 <= len(task["Negative Examples"]) <= 2
    assert all(text.strip() for example in told_examples(task) for text in example.values())
    assert positive[0]["output"] != positive[1]["output"]
    told = [definition, *(example[key] for example in positive for key in ("input", "output"))]
    assert len(" ".join(told).split()) <= 200


@each_task
def test_instances_are_short(task):
    assert all(len(row["input"].split()) <= 60 for row in task["Instances"])
    assert all(1 <= len(output.split()) <= 30 for row in task["Instances"] for output in row["output"])


@each_task
def test_texts_are_tidy(task):
    texts = [text for row in task["Instances"] for text in (row["input"], *row["output"])]
    texts += [text for example in told_examples(task) for text in example.values()]
    slips = {
        "two spaces, or white space other than spaces": r"  |[^\S ]",
        "two full stops": r"(?<!\.)\.\.(?!\.)",
        "a space before a mark": r" [,;?!](?! |$)",
        "a slot of a frame": r"\{\w*\}",
        "a for an": r"\b[Aa] (?!uni|uku|eu|one\b)[aeiou]",
        "an for a": r"\b[Aa]n [b-df-gj-np-tv-z]",
        "one of several": r"(?<![\d.:]) 1 (?!is\b)[a-z]+s\b",
    }
    for text in texts:
        assert text == text.strip()
        assert [slip for slip, pattern in slips.items() if re.search(pattern, text)] == [], text


def test_files_are_utf8_with_an_instance_a_line_and_small():
    for file in FILES:
        text = file.read_bytes().decode("utf-8")
        assert text.endswith("}\n")
        assert "\r" not in text
        assert sum(line.startswith('  {"id": ') for line in text.split("\n")) == len(TASKS[file.stem]["Instances"])
    assert sum(file.stat().st_size for file in FILES) < 2_000_000


@pytest.mark.parametrize(("number", "low", "high"), [(1, 0.16, 0.24), (9, 0.4, 0.6)])
def test_labels_are_balanced(number, low, high):
    labels = Counter(label for _, label in rows(number))
    assert all(low <= count / labels.total() <= high for count in labels.values())


@pytest.mark.parametrize(("number", "most"), [(1, 0.4), (9, 0.6)])
def test_no_single_word_gives_the_label_away(number, most):
    labels = Counter(label for _, label in rows(number))
    with_word = defaultdict(Counter)
    for text, label in rows(number):
        for word in words(text):
            with_word[word][label] += 1
    for word, there in with_word.items():
        right = max(there.values()) + max((labels - there).values(), default=0)
        assert right / labels.total() <= most, word


def test_instances_stand_in_no_order_of_their_labels():
    labels = [label for _, label in rows(1)]
    assert len(set(labels[:20])) == 5
    assert labels[:25] != labels[25:50]


def test_the_script_writes_the_shipped_files_again_byte_for_byte(tmp_path):
    script = ROOT / "scripts" / "make_starter.py"
    if not script.is_file():
        pytest.skip("the script is part of a checkout only")
    environment = {**os.environ, "PYTHONHASHSEED": "271828"}
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True, env=environment, capture_output=True)
    written = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.*")}
    shipped = [file for part in ("tasks", "splits") for file in (STARTER_PATH / part).rglob("*.*")]
    assert written == {file.relative_to(STARTER_PATH): file.read_bytes() for file in shipped}
