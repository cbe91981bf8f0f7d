"""The one YAML loader under the core schema, as studies and encodings are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuition.base.errors import ProblemsError
from tuition.base.yamltext import load_yaml


def load(text: str) -> object:
    return load_yaml(text, Path("x.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: seen", {"on": "seen"}),
        ("a: no", {"a": "no"}),
        ("a: true", {"a": True}),
        ("a: 5e-5", {"a": 5e-5}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: 010", {"a": 10}),
        ("a: [0, -3, .5, 1., ~, null, 1_000, 0x1F, 12:30, 2020-01-01]",
         {"a": [0, -3, 0.5, 1.0, None, None, "1_000", "0x1F", "12:30", "2020-01-01"]}),
        ("a: {b: 6%, c: all}", {"a": {"b": "6%", "c": "all"}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1, e: 1}\nf: &y {b: 2}\nc: {b: 3, <<: [*y, *x]}",
         {"a": {"b": 1, "e": 1}, "f": {"b": 2}, "c": {"b": 3, "e": 1}}),
        ("a: &x {b: 1, e: 1}\nf: &y {b: 2}\nc: {<<: [*y, *x]}",
         {"a": {"b": 1, "e": 1}, "f": {"b": 2}, "c": {"b": 2, "e": 1}}),
        ("a: .inf", {"a": float("inf")}),
        ("a: -.inf", {"a": float("-inf")}),
        ("a: '5'", {"a": "5"}),
        ("1: x", {"1": "x"}),
    ],
)  # fmt: skip
def test_words_are_words_and_numbers_are_numbers(text: str, value: object) -> None:
    assert load(text) == value


BOMB = "a: &h [1]\n" + "".join(f"a{n}: &h [*h, *h, *h, *h, *h, *h, *h, *h, *h]\n" for n in range(8)) + "labels: *h\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2", 2, "line 1 has the same key, 'a'; keep one"),
        ("x: {b: 1, b: 1}", 1, "the same key, 'b'"),
        ("a: 1\nb: !!python/name:os.system x", 2, "no tags are read here"),
        ("a: !!timestamp 2024-99-99", 1, "the tag 'tag:yaml.org,2002:timestamp'"),
        ("a: !!float x", 1, "the tag"),
        ("a: [", 2, "broken YAML"),
        ("seeds: " + "9" * 5000, 1, "a number of 5,000 digits"),
        ("[" * 20_000, 1, "nested more than 50 deep"),
        ("{a: " * 3_000, 1, "nested more than 50 deep"),
        (BOMB, None, "values, with its aliases expanded"),
        ("a: &a [*a]", 1, "an alias is inside what it names"),
        ("a: {<<: 5}", 1, "merges something that is not a mapping"),
        ("", 1, "there is nothing in it"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(text: str, line: int | None, words: str) -> None:
    with pytest.raises(ProblemsError) as error:
        load(text)
    [told] = str(error.value).splitlines()
    assert words in told
    assert told.startswith(f"x.yaml:{line}: " if line else "x.yaml:")


def test_a_bomb_of_aliases_is_never_built() -> None:
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); from test_yamltext import BOMB\n"
        "from pathlib import Path; from tuition.base.yamltext import load_yaml\n"
        "resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\n"
        "try: load_yaml(BOMB, Path('x'))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True)
    assert done.stdout.strip() == "ProblemsError", done.stderr
