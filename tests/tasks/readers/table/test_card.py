from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.card import Splits, TaskCard, parse_card
from tuition.tasks.readers.table.card_files import find_card, has_card, is_card

CARD = """\
definition: Say yes or no.
input: [premise, hypothesis]
output: label
"""


def card(text: str) -> TaskCard:
    found = Findings(Path("task.yaml"))
    made = parse_card(text, found)
    assert made is not None
    assert not found.all()
    return made


def faults(text: str) -> list[tuple[str, int | None, str, str]]:
    found = Findings(Path("task.yaml"))
    assert parse_card(text, found) is None
    assert all(str(finding).isprintable() for finding in found.all())
    return [(finding.kind, finding.line, finding.found, finding.expected) for finding in found.all()]


def test_every_key_is_read() -> None:
    made = card(
        CARD
        + """\
name: nli
separator: "|"
examples:
  - {input: a, output: "yes", explanation: so, suggestion: more}
negative_examples:
  - input: b
    output: maybe
example_rows: [3, 1]
options: [yes, no]
category: Entailment
source: [mine, yours]
languages: English
rationale: why
id: key
split: fold
table: rows.csv
"""
    )
    assert (made.name, made.input, made.output, made.separator) == ("nli", ("premise", "hypothesis"), ("label",), "|")
    assert made.examples[0].to_example().suggestion == "more"
    assert made.negative_examples[0].output == "maybe"
    assert (made.example_rows, made.options) == ((3, 1), ("yes", "no"))
    assert (made.category, made.source, made.languages) == (("Entailment",), ("mine", "yours"), ("English",))
    assert (made.rationale, made.id, made.split, made.table) == ("why", "key", "fold", "rows.csv")


def test_scalars_are_the_text_that_was_written() -> None:
    made = card("input: 007\noutput: 1.0\noptions: [1.0, 007, no, true, 1e5, NA, 2024-01-01, 12:30]\ndefinition: 3")
    assert made.options == ("1.0", "007", "no", "true", "1e5", "NA", "2024-01-01", "12:30")
    assert (made.input, made.output, made.definition) == (("007",), ("1.0",), "3")


def test_a_key_without_a_value_is_as_good_as_left_out() -> None:
    assert card(CARD + "id:\noptions: ~\n") == card(CARD)


def test_options_may_be_those_of_the_data() -> None:
    assert card(CARD + "options: from data").options == "from data"


def test_sets_may_be_files_or_splits() -> None:
    assert card(CARD + "split: {train: [a.csv, b.csv], test: c.csv}").split == Splits(
        train=("a.csv", "b.csv"), test=("c.csv",)
    )


def test_all_that_is_wrong_is_listed_together_with_its_lines() -> None:
    told = faults(
        "definition: [a]\ninputs: x\noutput: y\nexamples:\n  - {input: a}\n  - {input: a, output: b, reason: c}\n"
        "example_rows: [0, x]\nsplit: {train: a, tests: b}\noptions: some\nname: {a: b}\n"
    )
    assert [(kind, line) for kind, line, *_ in told] == [
        ("card-value", 1),
        ("unknown-key", 2),
        ("missing-key", 5),
        ("unknown-key", 6),
        ("card-value", 7),
        ("card-value", 7),
        ("unknown-key", 8),
        ("card-value", 9),
        ("card-value", 10),
    ]
    assert ("unknown-key", 2, "the key 'inputs'", "did you mean 'input'?") in told
    assert ("unknown-key", 8, "the key 'split.tests'", "did you mean 'test'?") in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: a\ntemplate: '{{ b }}'\noutput: c", "input or template, not both"),
        ("input: a", "the output go together"),
        ("output: a", "the output go together"),
        ("table: a.csv\ndataset: b/c", "not both"),
        ("subset: x", "belong to a dataset"),
        ("input: a\noutput: [b, '{{ c }}']", "not both"),
        ("split: {train: a.csv, test: a.csv}", "occurs twice"),
        ("example_rows: [-1]", "a row's number, from 1"),
        ("input: a\noutput: [b, ~]", "must be text"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(text: str, message: str) -> None:
    (told,) = faults(text)
    assert told[0] == "card-value"
    assert message in told[3]


BOMB = "a: &a0 [x]\n" + "".join(f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty-file"),
        ("just words", "wrong-type"),
        ("- a\n- b", "wrong-type"),
        ("a: [", "broken-yaml"),
        ("definition: a\ndefinition: b", "duplicate-key"),
        ("definition: !!python/object/apply:os.system [echo]", "yaml-tag"),
        (BOMB, "yaml-bomb"),
        ('definition: "a\\0b"', "nul-character"),
        ('definition: "\\ud800"', "broken-yaml"),
        ("template: '{{ a.__class__ }}'\noutput: b", "broken-template"),
        ("template: '{% import \"os\" as o %}'\noutput: b", "broken-template"),
        ("template: '{{ a'\noutput: b", "broken-template"),
        ("input: a\noutput: '{% for x in %}'", "broken-template"),
    ],
)  # fmt: skip
def test_hostile_and_broken_yaml_is_refused(text: str, kind: str) -> None:
    assert {told[0] for told in faults(text)} == {kind}


KEYS = st.sampled_from([*TaskCard.model_fields, "inputs", "x", "train", "explanation", "0"])
SCALARS = st.sampled_from(
    [
        "a",
        "'{{ a }}'",
        "'{{'",
        "~",
        "1.0",
        "-3",
        "true",
        "from data",
        "''",
        "!!int 3",
        "*a",
        "&a b",
        '"\\0"',
        "[]",
        "{}",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
        ),
    ),
)


@settings(max_examples=300, deadline=None)
@given(told=st.lists(st.tuples(KEYS, VALUES), max_size=6), cut=st.integers(0, 200))
def test_any_card_is_read_or_told(told: list[tuple[str, str]], cut: int) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in told)
    for part in (text, text[:cut]):
        found = Findings(Path("task.yaml"))
        assert (parse_card(part, found) is None) == found.failed
        assert all(str(finding).isprintable() for finding in found.all())


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_read_or_told(text: str) -> None:
    found = Findings(Path("task.yaml"))
    assert (parse_card(text, found) is None) == found.failed


# ---- where a card is


def put(tmp_path: Path, *names: str, text: str = CARD) -> Path:
    for name in names:
        (tmp_path / name).write_text(text)
    return tmp_path / "x.csv"


def test_the_card_of_a_table_is_found_by_its_name(tmp_path: Path) -> None:
    table = put(tmp_path, "x.csv")
    assert find_card(table) is None
    for name in ("task.yaml", "x.yaml", "x.task.yaml"):  # each goes before those above
        put(tmp_path, name)
        assert find_card(table) == tmp_path / name
    assert has_card(table)


def test_what_only_looks_like_its_card_by_name_is_passed_over(tmp_path: Path) -> None:
    table = put(tmp_path, "x.csv")
    put(tmp_path, "x.yaml", text="dataset: imdb\ntemplates:\n  a: !Template\n    jinja: x\n")
    put(tmp_path, "task.yaml", text="table: other.csv\n")
    assert find_card(table) is None
    put(tmp_path, "task.yaml", text="split: {train: x.csv}\n")
    assert find_card(table) is None
    put(tmp_path, "task.yaml", text="table: x.csv\n")
    assert find_card(table) == tmp_path / "task.yaml"


def test_cards_are_known_by_name_or_beginning(tmp_path: Path) -> None:
    put(tmp_path, "task.yaml", "a.task.yaml", "mine.yaml", text="definition: x\n")
    put(tmp_path, "study.yaml", text="study: x\nmodel: y\n")
    known = [name for name in ("task.yaml", "a.task.yaml", "mine.yaml", "study.yaml") if is_card(tmp_path / name)]
    assert known == ["task.yaml", "a.task.yaml", "mine.yaml"]
    assert not is_card(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("{definition: Do., input: a, output: b}", True),
        ('{"name": "x", "template": "{{ a }}", "output": "b"}', True),
        ("{study: s, input: a}", False),
        ("{prompts: [{input: a}]}", False),
    ],
)
def test_a_card_in_braces_is_found_like_any_other(text: str, is_one: bool, tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text("a,b\n1,2\n")
    card = tmp_path / "x.yaml"
    card.write_text(text)
    assert (find_card(table) == card, is_card(card)) == (is_one, is_one)
