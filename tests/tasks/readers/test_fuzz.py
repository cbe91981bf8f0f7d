"""Every reader of JSON against hostile bytes and values: it reads or refuses, and checking agrees with reading."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuition.base.errors import Problem, ProblemsError, UserError
from tuition.tasks.readers import READERS, find_reader
from tuition.tasks.types import task_fingerprint

EXAMPLE = {"input": "in", "output": "out", "reason": "so", "suggestion": "-"}
ROWS = [{"id": "1", "input": "ä", "output": ["y", "z"]}, {"input": "None", "output": "NA"}]

# What a sound file of each format holds (a list stands for JSON lines), and its name.
SOUND: dict[str, tuple[str, Any]] = {
    "superni": (
        "task1_x.json",
        {
            "Contributors": ["Nobody"],
            "Definition": ["Dö."],
            "Positive Examples": [{"input": "a", "output": "b", "explanation": ""}],
            "Negative Examples": [],
            "Categories": ["QA"],
            "Source": ["x"],
            "Domains": [],
            "Input_language": ["English"],
            "Output_language": ["English"],
            "Instruction_language": ["English"],
            "Instances": ROWS,
            "Instance License": ["Unknown"],
        },
    ),
    "ni_v1": (
        "subtask001_x.json",
        {
            "Title": "T",
            "Prompt": "P",
            "Definition": "D",
            "Things to Avoid": "-",
            "Emphasis & Caution": "E",
            "Instances": ROWS,
            "Examples": {"Positive Examples": [EXAMPLE], "Negative Examples": ["-"]},
        },
    ),
    "instruction_induction": (
        "sums.json",
        {
            "name": "sums",
            "instructions": ["Add.", "Sum up."],
            "train": [["1 1", ["2"]]],
            "test": [["2 2", ["4", "vier"]]],
        },
    ),
    "seed_tasks": (
        "seed.jsonl",
        [
            {"id": "s_0", "name": "a b.", "instruction": "Do.", "instances": ROWS, "is_classification": False},
            {"id": "s_1", "name": "c", "instruction": "Say.", "instances": [{"input": "", "output": "x"}]},
        ],
    ),
    "prompted": (
        "x_y.jsonl",
        [{"prompt": "Say a.", "completion": "a"}, {"prompt": "p", "completion": ["b"], "n": 1}],
    ),
}
FORMATS = sorted(SOUND)

PIECES = [b"", b"\0", b"\xff", b"\xe9", b"\xef\xbb\xbf", b"\xff\xfe", b"\\ud800", b"\\u0000", b"NaN", b"1e999", b"[[[["]
PIECES += [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\n",
    b"\r",
    b"\n\n",
    b"null",
    b'{"a":1,"a":2}',
    b"-",
    b'"-"',
]
PIECES += [b"9" * 5000, b"[" * 9000, b'{"a":' * 3000, b"}]", b'}],"']

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["-", " ", "", "\ud800", "\0", "..", "a/b", "x" * 300, 10**30]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
)


def written(content: Any) -> bytes:
    """JSON, or JSON lines for a list; lone surrogates are written as escapes."""
    if isinstance(content, list):
        return b"".join(json.dumps(row).encode() + b"\n" for row in content)
    return json.dumps(content).encode()


def read_all(path: Path, name: str) -> tuple[int, tuple[Problem, ...]]:
    """Open and read everything; return how many instances there were, or the problems by which it was refused."""
    count = 0
    try:
        opened = READERS[name].open(path)
        opened.fingerprint()
        for task in opened:
            rows = list(task.instances())
            assert all(isinstance(row.input, str) and row.outputs for row in rows)
            task_fingerprint(task)  # all of it can be encoded
            count += len(rows)
    except ProblemsError as refusal:
        return 0, refusal.problems
    return count, ()


def refusal_of(act: Callable[[], object]) -> str | None:
    try:
        act()
    except UserError as refusal:
        return str(refusal)
    return None


def check_agreement(name: str, data: bytes) -> bool:
    """Whether data is read; it is refused by reading if and only if checking finds an error. Nothing else is raised."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, SOUND[name][0])
        file.write_bytes(data)
        outcomes = []
        for path in (file,) if name == "seed_tasks" else (file, Path(folder)):
            assert (refusal_of(lambda: find_reader(path)) or "").isprintable()  # noqa: B023 - called at once
            audits = list(READERS[name].audit(path))
            findings = [finding for audit in audits for finding in audit.findings]
            assert all(str(finding).isprintable() and len(str(finding)) < 2000 for finding in findings)
            errors = [finding for finding in findings if finding.severity == "error"]
            count, problems = read_all(path, name)
            assert bool(problems) == bool(errors)
            assert {(error.kind, error.found) for error in errors} >= {(p.kind, p.found) for p in problems}
            assert problems or count == sum(audit.instances for audit in audits)
            outcomes.append(not errors)
        assert len(set(outcomes)) == 1
        return outcomes[0]


@st.composite
def mutated(draw: st.DrawFn, sound: bytes) -> bytes:
    data = sound
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
        data = data[:start] + piece + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within a value, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, part in inner for path in places(part, (*at, key)))]


@st.composite
def changed(draw: st.DrawFn, content: Any) -> Any:
    """The content with some values replaced, taken out, written twice or added."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from([path for path in places(content) if path] or [(None,)]))
        if last is None:
            break
        holder = content
        for key in above:
            holder = holder[key]
        what = draw(st.sampled_from(["replace", "take out", "repeat", "add"]))
        if what == "take out":
            del holder[last]
        elif what == "repeat" and isinstance(holder, list):
            holder.insert(draw(st.integers(0, len(holder))), copy.deepcopy(holder[last]))
        elif what == "add" and isinstance(holder, dict):
            holder[draw(st.text(max_size=4))] = draw(VALUES)
        else:
            holder[last] = draw(VALUES)
    return content


few = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("name", FORMATS)
def test_the_sound_file_is_read_and_recognised(name: str, tmp_path: Path) -> None:
    file, content = SOUND[name]
    assert check_agreement(name, written(content))
    (tmp_path / file).write_bytes(written(content))
    assert find_reader(tmp_path / file).name == name


@pytest.mark.parametrize("name", FORMATS)
@few
@given(data=st.data())
def test_mutated_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    check_agreement(name, data.draw(mutated(written(SOUND[name][1]))))


@pytest.mark.parametrize("name", FORMATS)
@few
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(name: str, data: st.DataObject) -> None:
    check_agreement(name, written(data.draw(changed(SOUND[name][1]))))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=100))
def test_arbitrary_bytes_are_refused(name: str, data: bytes) -> None:
    assert not check_agreement(name, data)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_any_one_value_is_refused(name: str, value: Any) -> None:
    assert not check_agreement(name, json.dumps(value).encode())


# ---- what the fuzzing above once found, kept: the format, and what is put into its sound file

FOUND: list[tuple[str, Any]] = [
    ("superni", {"\x1f": {"\0": None}}),  # a key that does not print stood in a message as it was
]


@pytest.mark.parametrize(("name", "change"), FOUND)
def test_what_was_once_found_stays_mended(name: str, change: dict[str, Any]) -> None:
    assert not check_agreement(name, written({**SOUND[name][1], **change}))
