"""PromptSource's files are read whole and judged before use; every real template tells every real row."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError, UserError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import find_reader, open_collection
from tuition.tasks.templating import Rendered, render_template

REAL = SHARED / "flan" / "promptsource"

SOUND = """\
dataset: super_glue
subset: copa
templates:
  1111: !Template
    answer_choices: '{{choice1}} ||| {{choice2}}'
    id: '1111'
    jinja: '{% if question == "cause" %}{{ premise }} Why? ||| {{ answer_choices[label] }}{% endif %}'
    metadata: !TemplateMetadata
      choices_in_prompt: false
      languages:
      - en
      metrics:
      - Accuracy
      original_task: true
    name: why
    reference: ''
  2222: !Template
    answer_choices: null
    id: '2222'
    jinja: 'Write a premise. ||| {{ premise }}'
    metadata: !TemplateMetadata
      choices_in_prompt: null
      original_task: false
    name: turned
    reference: someone
"""


def write(folder: Path, text: str, name: str = "copa.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def kinds(path: Path) -> list[str]:
    return [problem.kind for problem in check_collection(path, "promptsource").problems if problem.severity == "error"]


def test_a_file_becomes_a_task_with_templates_and_no_rows(tmp_path: Path) -> None:
    task = open_collection(write(tmp_path, SOUND))["copa"]
    assert task.sources == ("super_glue/copa",)
    assert list(task.instances()) == []
    why, turned = task.templates
    assert (why.name, why.joined, why.original_task, why.choices_in_prompt) == ("why", True, True, False)
    assert (why.metrics, why.languages) == (("Accuracy",), ("en",))
    assert (turned.original_task, turned.choices_in_prompt, turned.answer_choices) == (False, None, "")
    row = {"premise": "It rained.", "question": "cause", "choice1": "Clouds", "choice2": "Sun", "label": 1}
    assert render_template(why, row) == Rendered("It rained. Why?", "Sun", ("Clouds", "Sun"))
    assert render_template(why, {**row, "question": "effect"}) is None
    assert render_template(turned, row) == Rendered("Write a premise.", "It rained.")


def test_checking_says_that_rows_are_missing_without_calling_it_an_error(tmp_path: Path) -> None:
    report = check_collection(write(tmp_path, SOUND))
    assert (report.tasks, report.instances, report.errors) == (1, 0, ())
    assert [problem.kind for problem in report.warnings] == ["no-instances"]


def test_a_folder_and_promptsources_own_tree_are_found_by_their_names(tmp_path: Path) -> None:
    flat, tree = tmp_path / "flat", tmp_path / "tree"
    write(flat, SOUND, "b.yaml")
    write(flat, SOUND, "a.yml")
    write(tree, SOUND, "super_glue/copa/templates.yaml")
    write(tree, SOUND, "imdb/templates.yaml")
    assert find_reader(flat).name == find_reader(tree).name == "promptsource"
    assert open_collection(flat).names == ("a", "b")
    assert open_collection(tree).names == ("imdb", "super_glue_copa")
    alone = open_collection(tree / "super_glue" / "copa" / "templates.yaml")
    assert alone.names == ("super_glue_copa",)


def test_folders_of_rows_and_task_cards_are_left_to_other_readers(tmp_path: Path) -> None:
    reader = find_reader(tmp_path, "promptsource")
    for name in ("task.yaml", "clusters.yaml", "rows.csv"):
        folder = tmp_path / name.replace(".", "_")
        write(folder, "a: 1\n", "card.yaml")
        write(folder, "", name)
        assert not reader.recognises(folder)
    assert not reader.recognises(tmp_path / "task_yaml" / "task.yaml")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("jinja: 'Write", 'jinja: \'{% include "x" %}Write', "unusable-template"),
        ("jinja: 'Write", "jinja: '{{ premise.__class__ }}Write", "unusable-template"),
        ("premise. |||", "premise.", "unusable-template"),
        ("answer_choices: null", "answer_choices: '{{ a'", "unusable-template"),
        ("answer_choices: null", "answer_choices: [a]", "wrong-type"),
        ("    name: turned\n", "", "missing-key"),
        ("original_task: false", "original_task: maybe", "wrong-type"),
        ("      - en\n", "      - {a: b}\n", "wrong-type"),
        (
            "metadata: !TemplateMetadata\n      choices_in_prompt: null\n      original_task: false",
            "metadata: x",
            "wrong-type",
        ),
        ("2222: !Template", "2222: !!python/object:os.system", "yaml-tag"),
        ("  2222:", "  1111:", "duplicate-key"),
        ("subset: copa", "subset: [copa]", "wrong-type"),
        ("templates:", "template:", "not-templates"),
        ("name: why", 'name: "a\\0b"', "nul-character"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, old: str, new: str, kind: str) -> None:
    assert SOUND.count(old) == 1
    path = write(tmp_path, SOUND.replace(old, new))
    assert kinds(path) == [kind]
    with pytest.raises(ProblemsError, match=r"copa\.yaml") as error:
        list(open_collection(path))
    assert error.value.problems[0].kind == kind


def test_all_faults_of_a_file_are_listed_together_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND.replace("{{ premise }}", "{{ premise"))
    problems = check_collection(path).errors
    assert [(problem.kind, problem.line) for problem in problems] == [
        ("unusable-template", 4),
        ("unusable-template", 17),
    ]


def test_two_templates_of_one_name_are_both_kept_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND.replace("name: turned", "name: why"))
    assert [t.name for t in open_collection(path)["copa"].templates] == ["why", "why"]
    assert "duplicate-template" in [problem.kind for problem in check_collection(path).warnings]


def test_names_that_collide_or_are_unsafe_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "one", SOUND, "a_b/templates.yaml")
    write(tmp_path / "one", SOUND, "a/b/templates.yaml")
    assert kinds(tmp_path / "one") == ["duplicate-name"]
    lone = write(tmp_path / "two", SOUND.replace("super_glue", "../.."), "templates.yaml")
    assert kinds(lone) == ["unsafe-name"]


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    before = open_collection(path).fingerprint()
    assert open_collection(path).fingerprint() == before
    write(tmp_path, SOUND + "# more\n")
    assert open_collection(path).fingerprint() != before


@given(
    st.binary(max_size=60)
    | st.builds(
        lambda at, junk, cut: SOUND[:at] + junk + SOUND[at + cut :],
        st.integers(0, len(SOUND)),
        st.text(max_size=5) | st.sampled_from(["!x ", "&a ", "*a", "{{", "|||", "\0", "\t", ": ", "- ", "[]", "null"]),
        st.integers(0, 30),
    ).map(lambda text: text.encode("utf-8", "replace"))
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_is_read_or_refused_and_checking_agrees(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzzed.yaml"
    path.write_bytes(data)
    report = check_collection(path, "promptsource")
    try:
        tasks = list(open_collection(path, "promptsource"))
    except UserError:
        assert report.errors
    else:
        assert not report.errors
        assert tasks[0].templates


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not here")
def test_the_real_files_are_sound() -> None:
    report = check_collection(REAL)
    assert (report.tasks, report.errors, len(report.warnings)) == (16, (), 16)
    tasks = {task.name: task for task in open_collection(REAL)}
    assert sum(len(task.templates) for task in tasks.values()) == 143
    assert tasks["copa"].sources == ("super_glue/copa",)
