"""FLAN-style clusters: datasets of named fields, told by templates, held out together with what is related to them."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError, UserError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import find_reader, open_collection
from tuition.tasks.readers.flan.clusters import default_related
from tuition.tasks.templating import Rendered, render_template

REAL = SHARED / "flan"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not here")

RTE: dict[str, Any] = {
    "fields": ["premise", "hypothesis"],
    "labels": ["yes", "no"],
    "label_meaning": "does the premise entail the hypothesis",
    "templates": [
        {"name": "flan", "input": "{premise}\nSo: {hypothesis}?\n\n{options_}", "target": "{answer}"},
        {"name": "jinja", "jinja": "{{ premise }} ||| {{ answer_choices[label] }}", "answer_choices": "Yes ||| No"},
    ],
}
ROWS = [
    {"fields": {"premise": "A {b}.", "hypothesis": "{{ 1 + 1 }}"}, "label": "no", "split": "train"},
    {"fields": {"premise": "None", "hypothesis": "NA"}, "label": "yes", "split": "test"},
]
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write a folder of one dataset, nli/rte; `entry` changes its entry, `lines` and `top` what is around it."""

    def write(*, lines: Any = ROWS, top: dict[str, Any] | None = None, **entry: Any) -> Path:
        told = {key: value for key, value in {**RTE, **entry}.items() if value is not ...}
        (tmp_path / "nli").mkdir(exist_ok=True)
        text = lines if isinstance(lines, str) else "".join(json.dumps(row) + "\n" for row in lines)
        (tmp_path / "nli" / "rte.jsonl").write_text(text, encoding="utf-8")
        clusters = {"clusters": {"nli": {"rte": told}}, **(top or {})}
        (tmp_path / "clusters.yaml").write_text(yaml.safe_dump(clusters, sort_keys=False), encoding="utf-8")
        return tmp_path

    return write


def errors(path: Path) -> list[tuple[str, int | None]]:
    return [(problem.kind, problem.line) for problem in check_collection(path).errors]


def test_a_dataset_becomes_a_task_of_its_cluster(folder: Folder) -> None:
    collection = open_collection(folder())
    task = collection["rte"]
    assert (task.categories, task.sources, task.options) == (("nli",), ("rte",), ("yes", "no"))
    assert task.definition == "does the premise entail the hypothesis"
    one, two = task.instances()
    assert (one.id, one.split, one.outputs) == ("rte-1", "train", ("no",))
    assert one.input == "premise: A {b}.\nhypothesis: {{ 1 + 1 }}"
    assert one.fields == {"premise": "A {b}.", "hypothesis": "{{ 1 + 1 }}", "label": 1, "answer_": "no"}
    assert (two.input, two.split) == ("premise: None\nhypothesis: NA", "test")


def test_templates_in_flans_notation_and_in_jinja_tell_the_rows_and_leave_their_braces_alone(folder: Folder) -> None:
    task = open_collection(folder())["rte"]
    row = next(task.instances())
    flan, jinja = (render_template(template, row.fields, options=task.options) for template in task.templates)
    assert flan == Rendered("A {b}.\nSo: {{ 1 + 1 }}?\n\nOPTIONS:\n- yes\n- no", "no", ("yes", "no"))
    assert jinja == Rendered("A {b}.", "No", ("Yes", "No"))


def test_one_field_is_the_bare_input(folder: Folder) -> None:
    rows = [{"fields": {"text": "so good"}, "label": "1.0", "split": "train"}]
    path = folder(fields=["text"], labels=["no", "1.0"], templates=..., lines=rows)
    (row,) = open_collection(path)["rte"].instances()
    assert (row.input, row.outputs) == ("so good", ("1.0",))


def test_labels_that_yaml_would_take_for_something_else_stay_words(tmp_path: Path, folder: Folder) -> None:
    path = folder()
    text = "clusters:\n  nli:\n    rte:\n      fields: [t]\n      labels: [no, yes, null, 1.0, 010]\n"
    (path / "clusters.yaml").write_text(text)
    rows = [{"fields": {"t": "x"}, "label": label, "split": ""} for label in ("no", "yes", "null", "1.0", "010")]
    (path / "nli" / "rte.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = open_collection(path)["rte"]
    assert task.options == ("no", "yes", "null", "1.0", "010")
    assert [row.outputs[0] for row in task.instances()] == list(task.options)


def test_choices_of_the_row_itself_are_its_options(folder: Folder) -> None:
    path = folder(
        fields=["premise", "c1", "c2"],
        labels=["A", "B"],
        choice_fields={"B": "c2", "A": "c1"},
        templates=[{"name": "t", "input": "{premise} {options_}", "target": "{answer}"}],
        lines=[{"fields": {"premise": "P", "c1": "one", "c2": "two"}, "label": "B", "split": "train"}],
    )
    task = open_collection(path)["rte"]
    (row,) = task.instances()
    made = render_template(task.templates[0], row.fields, options=task.options)
    assert made == Rendered("P OPTIONS:\n- one\n- two", "two", ("one", "two"))
    assert row.outputs == ("B",)


def test_a_dataset_without_labels_has_free_answers(folder: Folder) -> None:
    rows = [{"fields": {"premise": "long", "hypothesis": "x"}, "label": "short", "split": "train"}]
    path = folder(labels=..., templates=[{"input": "Sum up: {premise}", "target": "{answer}"}], lines=rows)
    task = open_collection(path)["rte"]
    (row,) = task.instances()
    assert (task.options, row.fields["label"]) == ((), "short")
    assert render_template(task.templates[0], row.fields) == Rendered("Sum up: long", "short")


def test_fields_for_promptsource_are_copied_or_counted_from_the_label(folder: Folder) -> None:
    path = folder(
        promptsource_fields={"body": "premise", "stars": "index of the label + 1", "at": "index of the label"}
    )
    row = next(open_collection(path)["rte"].instances())
    assert (row.fields["body"], row.fields["stars"], row.fields["at"]) == ("A {b}.", 2, 1)


def test_a_promptsource_template_that_reads_other_fields_is_left_out_with_a_warning(folder: Folder) -> None:
    path = folder(promptsource="p/rte.yaml", templates=...)
    (path / "p").mkdir()
    templates = {
        "a": {"name": "fits", "jinja": "{{ premise }} ||| {{ label }}"},
        "b": {"name": "not", "jinja": "{{ stars }} ||| {{ label }}"},
    }
    (path / "p" / "rte.yaml").write_text(yaml.safe_dump({"dataset": "x", "templates": templates}))
    assert [template.name for template in open_collection(path)["rte"].templates] == ["fits"]
    report = check_collection(path)
    assert not report.errors
    assert [problem.kind for problem in report.warnings] == ["template-without-fields"]


def test_flans_rule_of_related_clusters_is_the_default_and_the_file_may_say_otherwise(folder: Folder) -> None:
    assert open_collection(folder()).related == {}
    assert default_related(["NLI", "topic", "Paraphrase Detection"]) == {
        "NLI": ("Paraphrase Detection",),
        "Paraphrase Detection": ("NLI",),
    }
    mixed = "reading_comprehension_with_commonsense"
    assert default_related(["reading_comprehension", "commonsense", mixed]) == {
        "reading_comprehension": (mixed,),
        "commonsense": (mixed,),
        mixed: ("reading_comprehension", "commonsense"),
    }
    assert open_collection(folder(top={"related": {"nli": []}})).related == {"nli": ()}
    assert errors(folder(top={"related": {"nli": ["absent"]}}))[0][0] == "unknown-cluster"
    assert errors(folder(top={"related": {"nli": "x"}}))[0][0] == "wrong-type"
    assert errors(folder(top={"related": 5}))[0][0] == "wrong-type"


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"fields": ...}, "missing-key"),
        ({"fields": "premise"}, "wrong-type"),
        ({"fields": ["label"]}, "reserved-field"),
        ({"labels": ["yes", "yes", "no"]}, "listed-twice"),
        ({"labels": {"a": 1}}, "wrong-type"),
        ({"label_meaning": ["x"]}, "wrong-type"),
        ({"rows": {"train": "many"}}, "wrong-type"),
        ({"promptsource": "../x.yaml"}, "outside-link"),
        ({"promptsource": "/etc/passwd"}, "outside-link"),
        ({"promptsource": "absent.yaml"}, "unreadable-file"),
        ({"promptsource_fields": {"stars": "five"}}, "unknown-field"),
        ({"promptsource_fields": ["stars"]}, "wrong-type"),
        ({"promptsource_fields": {"premise": "hypothesis"}}, "reserved-field"),
        ({"label_meaning": "a\0b"}, "nul-character"),
        ({"templates": [{"input": "a", "target": "b", "original_task": "maybe"}]}, "wrong-type"),
        ({"choice_fields": {"yes": "premise"}}, "unknown-field"),
        ({"choice_fields": {"yes": "premise", "no": "absent"}}, "unknown-field"),
        ({"templates": "x"}, "wrong-type"),
        ({"templates": [{"name": "t", "input": "x"}]}, "missing-key"),
        ({"templates": [{"input": "{premise", "target": "x"}]}, "unusable-template"),
        ({"templates": [{"input": "{{ premise }}", "target": "x"}]}, "unusable-template"),
        ({"templates": [{"input": "{absent}", "target": "x"}]}, "unusable-template"),
        ({"templates": [{"jinja": "{{ premise }}"}]}, "unusable-template"),
        ({"templates": [{"jinja": "{% import 'x' as x %} ||| b"}]}, "unusable-template"),
        ({"templates": [{"jinja": ["x"]}]}, "wrong-type"),
    ],
)
def test_what_is_wrong_in_the_cluster_file_is_told_with_its_line(
    folder: Folder, entry: dict[str, Any], kind: str
) -> None:
    path = folder(**entry)
    problems = check_collection(path).errors
    assert problems[0].kind == kind
    assert problems[0].line is not None or kind == "unreadable-file"
    with pytest.raises(ProblemsError):
        list(open_collection(path))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty-file"),
        ("clusters: []\n", "not-clusters"),
        ("- a\n", "not-clusters"),
        ("clusters: {}\n", "not-clusters"),
        ("clusters: {a: 5}\n", "wrong-type"),
        ("clusters: {a: {b: 5}}\n", "wrong-type"),
        ("clusters: {../a: {b: {fields: [x]}}}\n", "unsafe-name"),
        ("clusters: {a: {../../b: {fields: [x]}}}\n", "unsafe-name"),
        ("clusters: {a: {x: {fields: [x]}}, b: {X: {fields: [x]}}}\n", "duplicate-name"),
        ("clusters: {a: !!python/object:os.system {b: {}}}\n", "yaml-tag"),
        ("clusters: {a: {b: {fields: [x]}, b: {fields: [x]}}}\n", "duplicate-key"),
    ],
)
def test_a_cluster_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "clusters.yaml").write_text(text)
    assert errors(tmp_path)[0][0] == kind
    with pytest.raises(ProblemsError):
        open_collection(tmp_path)


def test_a_key_that_nobody_reads_is_told_with_the_nearest(folder: Folder) -> None:
    warnings = check_collection(folder(lables=["a"])).warnings
    assert [(w.kind, w.expected) for w in warnings] == [("unknown-key", "did you mean 'labels'?")]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("5", "wrong-type"),
        ('{"label": "no"}', "wrong-type"),
        ('{"fields": {"premise": "a"}, "label": "no"}', "missing-field"),
        ('{"fields": {"premise": "a", "hypothesis": null}, "label": "no"}', "wrong-type"),
        ('{"fields": {"premise": "a", "hypothesis": ["b", 5]}, "label": "no"}', "wrong-type"),
        ('{"fields": {"premise": "a", "hypothesis": "\\ud800"}, "label": "no"}', "lone-surrogate"),
        ('{"fields": {"premise": "a", "hypothesis": "b"}}', "no-output"),
        ('{"fields": {"premise": "a", "hypothesis": "b"}, "label": 1}', "wrong-type"),
        ('{"fields": {"premise": "a", "hypothesis": "b"}, "label": "No"}', "unknown-label"),
        ('{"fields": {"premise": "a", "hypothesis": "b"}, "label": "no", "split": "dev"}', "unknown-split"),
        ('{"fields": {"premise": "a", "hypothesis": "b"}, "label": "no", "split": ["test"]}', "unknown-split"),
        ('{"fields": {"premise": "a", "hyp', "truncated-json"),
    ],
)
def test_a_faulty_row_is_refused_with_its_line_and_the_sound_ones_are_counted(
    folder: Folder, row: str, kind: str
) -> None:
    path = folder(lines=json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1]) + "\n" + row)
    report = check_collection(path)
    assert [(problem.kind, problem.line) for problem in report.errors] == [(kind, 3)]
    assert report.instances == 2
    with pytest.raises(ProblemsError, match=r"rte\.jsonl:3"):
        list(open_collection(path)["rte"].instances())


def test_counts_and_fields_that_differ_from_what_was_declared_are_warnings(folder: Folder) -> None:
    rows = [*ROWS, {"fields": {"premise": "a", "hypothesis": "b", "more": 1}, "label": "no"}]
    warnings = check_collection(folder(lines=rows, rowz=1)).warnings
    assert [w.kind for w in warnings] == ["unknown-key", "unknown-field"]
    path = folder(rows={"train": 1, "test": 7})
    assert [w.kind for w in check_collection(path).warnings] == ["row-count"]


def test_a_dataset_without_its_file_or_without_rows_is_an_error(folder: Folder) -> None:
    path = folder(lines="")
    assert errors(path)[0][0] == "empty-file"
    (path / "nli" / "rte.jsonl").unlink()
    assert errors(path)[0][0] == "unreadable-file"


def test_rows_behind_a_link_out_of_the_folder_are_not_read(
    folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = folder()
    outside = tmp_path_factory.mktemp("outside") / "rows.jsonl"
    outside.write_text(json.dumps(ROWS[0]))
    (path / "nli" / "rte.jsonl").unlink()
    (path / "nli" / "rte.jsonl").symlink_to(outside)
    assert errors(path)[0][0] == "outside-link"


def test_the_folder_is_found_by_its_cluster_file_and_its_fingerprint_follows_the_rows(folder: Folder) -> None:
    path = folder()
    assert find_reader(path).name == find_reader(path / "clusters.yaml").name == "flan"
    assert open_collection(path / "clusters.yaml").names == ("rte",)
    before = open_collection(path).fingerprint()
    assert open_collection(path).fingerprint() == before
    assert open_collection(folder(lines=ROWS[:1])).fingerprint() != before


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from([*RTE, "a", "{b}", "{{ a }}", "..", "/", "index of the label"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*RTE, "choice_fields", "promptsource", "rows", "name", "jinja", "yes"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
_QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def agree(path: Path) -> None:
    report = check_collection(path, "flan")
    try:
        counted = sum(1 for task in open_collection(path, "flan") for _ in task.instances())
    except UserError:
        assert report.errors
    else:
        assert not report.errors
        assert counted == report.instances


@given(
    st.dictionaries(
        st.sampled_from([*RTE, "choice_fields", "promptsource", "promptsource_fields", "rows"]), _JSON, max_size=4
    )
)
@_QUIET
def test_whatever_an_entry_says_is_read_or_refused_and_checking_agrees(folder: Folder, entry: dict[str, Any]) -> None:
    agree(folder(**entry))


@given(st.lists(st.binary(max_size=30) | _JSON.map(lambda value: json.dumps(value).encode()), max_size=4))
@_QUIET
def test_whatever_the_rows_hold_is_read_or_refused_and_checking_agrees(folder: Folder, lines: list[bytes]) -> None:
    path = folder()
    with (path / "nli" / "rte.jsonl").open("ab") as stream:
        stream.write(b"\n".join(lines))
    agree(path)


@given(st.binary(max_size=60) | st.text(alphabet=string.printable, max_size=60).map(str.encode))
@_QUIET
def test_whatever_the_cluster_file_holds_is_read_or_refused(folder: Folder, data: bytes) -> None:
    path = folder()
    (path / "clusters.yaml").write_bytes(data)
    agree(path)


@needs_real
def test_the_real_folder_is_sound_and_two_templates_have_no_fields() -> None:
    report = check_collection(REAL)
    assert (report.tasks, report.instances, report.errors) == (14, 16_383, ())
    assert [(w.kind, w.task) for w in report.warnings] == [("template-without-fields", "amazon")] * 2
    collection = open_collection(REAL)
    assert collection.related == {"nli": ("paraphrase",), "paraphrase": ("nli",)}
    assert sum(len(task.templates) for task in collection) == 125


def by_plain_jinja(template: dict[str, Any], fields: dict[str, Any]) -> list[str]:
    """What PromptSource's own steps give: choices rendered and split, then the pattern, split and stripped."""
    environment = jinja2.Environment()
    choices = [c.strip() for c in environment.from_string(template["answer_choices"] or "").render(fields).split("|||")]
    made = environment.from_string(template["jinja"]).render({**fields, "answer_choices": choices})
    return [part.strip() for part in made.split("|||")]


@needs_real
def test_every_real_template_tells_the_rows_as_plain_jinja_does_and_answers_as_the_label_says() -> None:
    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!Template", "!TemplateMetadata"):
        Loader.add_constructor(tag, lambda loader, node: loader.construct_mapping(node, deep=True))
    left_empty: dict[str, int] = {}
    for task in open_collection(REAL):
        rows = random.Random(0).sample(list(task.instances()), 12)
        raw = yaml.load((REAL / "promptsource" / f"{task.name}.yaml").read_text(), Loader)["templates"]
        by_name = {template["name"]: template for template in raw.values()}
        for template in task.templates:
            for row in rows:
                made = render_template(template, row.fields, options=task.options)
                expected = by_plain_jinja(by_name[template.name], dict(row.fields))
                assert ([made.input, made.target] if made else [""]) == expected
                if made is None:
                    left_empty[task.name] = left_empty.get(task.name, 0) + 1
                elif template.original_task and made.choices and template.answer_choices:
                    assert made.target == made.choices[row.fields["label"]]
    # Four of COPA's templates ask for the cause only, or for the effect only.
    assert set(left_empty) == {"copa"}
    assert left_empty["copa"] == 2 * 12
