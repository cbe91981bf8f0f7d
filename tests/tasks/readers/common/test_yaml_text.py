"""YAML is read as plain data: text stays text, and nothing in a file can make reading it long or unsafe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.yaml_text import YamlText, parse_yaml, read_yaml


def parsed(text: str, *tags: str) -> tuple[YamlText | None, list[tuple[str, int | None]]]:
    found = Findings(Path("x.yaml"))
    document = parse_yaml(text, found, tags)
    return document, [(finding.kind, finding.line) for finding in found.all()]


def test_only_null_truth_and_plain_numbers_are_more_than_text() -> None:
    written = "1|no|1.50|null|'null'|2024-01-01|12:30|~||true|010|NA|0x1f|'5'|1_000|.nan|yes|-3|12345678901234567890123"
    document, faults = parsed("\n".join(f"- {item}" for item in written.split("|")))
    assert not faults
    assert document is not None
    assert document.value == [
        *(1, "no", 1.5, None, "null", "2024-01-01", "12:30", None, None, True, "010", "NA", "0x1f", "5", "1_000"),
        *(".nan", "yes", -3, "12345678901234567890123"),
    ]


def test_places_and_words_as_written_can_be_asked_for() -> None:
    document, _ = parsed("a:\n  b:\n    - 1.0\n    - no\n  c: null\n")
    assert document is not None
    assert document.line("a", "b", 1) == 4
    assert document.line("a", "nowhere", "deeper") == 1
    assert document.written("a", "b", 0) == "1.0"
    assert document.written("a", "c") == "null"
    assert document.written("a", "b") is None
    assert document.written("a", "b", 9) is None
    assert document.written_list("a", "b") == ("1.0", "no")
    assert document.written_list("a") is None
    assert document.written_list("a", "b", 0) is None


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("a: !!python/object/apply:os.system [x]", "yaml-tag", 1),
        ("a:\n- !!python/name:os.system", "yaml-tag", 2),
        ("a: !!int 5", "yaml-tag", 1),
        ("a: !!binary aGk=", "yaml-tag", 1),
        ("!!set {a, b}", "yaml-tag", 1),
        ("!Template 5", "yaml-tag", 1),
        ("!Template [5]", "yaml-tag", 1),
        ("!Other {a: 1}", "yaml-tag", 1),
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3),
        ("? [1, 2]\n: 3", "wrong-type", 1),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "yaml-merge", 3),
        ("a: &a [*a]", "yaml-circle", 1),
        ("&a {b: {c: *a}}", "yaml-circle", 1),
        ("", "empty-file", 1),
        ("# nothing\n", "empty-file", 1),
        ("a: b: c", "broken-yaml", 1),
        ("a: 1\n\tb: 2", "broken-yaml", 2),
        ("--- a\n--- b\n", "broken-yaml", 2),
        ("a: *absent", "broken-yaml", 1),
        ("a: \x07", "broken-yaml", None),
        ("a: '\ud800'", "lone-surrogate", None),
        ("{" * 5_000, "deep-nesting", 1),
        ("- " * 5_000 + "x", "deep-nesting", 1),
        ("x" * 4_000_001, "file-too-large", None),
        ("[" + "x," * 200_000 + "]", "yaml-bomb", 1),
        (
            "a: &a [x]\n" + "".join(f"a{n}: &a [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" for n in range(12)),
            "yaml-bomb",
            None,
        ),
    ],
)
def test_what_is_unfit_is_noted_with_its_line(text: str, kind: str, line: int | None) -> None:
    document, faults = parsed(text, "!Template")
    assert document is None
    assert faults[0][0] == kind
    assert line is None or faults[0][1] == line


def test_a_tag_that_was_asked_for_may_stand_before_a_mapping_and_an_alias_is_written_out() -> None:
    document, faults = parsed("a: !Template\n  b: &x [1]\nc: *x\n", "!Template")
    assert not faults
    assert document is not None
    assert document.value == {"a": {"b": [1]}, "c": [1]}


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x.yaml").write_text("a: 1\n")
    found = Findings(tmp_path)
    assert read_yaml(tmp_path / "in" / ".." / "x.yaml", tmp_path / "in", found) is None
    assert found.all()[0].kind == "outside-link"


@given(
    st.recursive(
        st.text(alphabet="ab:#-?!&*'\" \n{}[],|>%@`~é0", max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: value is not None)
)
@settings(max_examples=150, deadline=None)
def test_what_pyyaml_writes_is_read_back(value: Any) -> None:
    text = yaml.safe_dump(value, default_style='"', allow_unicode=True)
    document, faults = parsed(text)
    assert not faults
    assert document is not None
    assert document.value == value


@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(
            [
                "a",
                ": ",
                "\n",
                "- ",
                "  ",
                "&a ",
                "*a",
                "!T ",
                "{",
                "}",
                "[",
                "]",
                ",",
                "'",
                '"',
                "<<",
                "? ",
                "|",
                "--- ",
            ]
        ),
        max_size=25,
    ).map("".join)
)
@settings(max_examples=400, deadline=None)
def test_no_text_raises(text: str) -> None:
    document, faults = parsed(text, "!T")
    assert (document is None) == bool(faults)
