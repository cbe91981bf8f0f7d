from __future__ import annotations

import pytest
import yaml

from tuition.studies.yaml12 import load_yaml


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
        ("a: .inf", {"a": float("inf")}),
    ],
)  # fmt: skip
def test_words_are_words_and_numbers_are_numbers(text: str, value: object) -> None:
    assert load_yaml(text) == value


@pytest.mark.parametrize("text", ["a: 1\na: 2", "x: {b: 1, b: 1}", "!!python/name:os.system x", "a: ["])
def test_repeated_keys_foreign_tags_and_broken_text_are_errors(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
