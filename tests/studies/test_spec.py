from __future__ import annotations

from pathlib import Path

import pytest

from tuition.base.errors import ProblemsError, UserError
from tuition.models.recipes import RECIPES
from tuition.studies.presets import DEMO
from tuition.studies.spec import parse_study, read_study

GOOD = """
study: s
tasks: {collection: here}
arms: {a: [{encoding: quick-learners, recipe: {name: small-data, learning_rate: 0.01}}]}
labels: [64, 0, 16]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_is_read_with_its_defaults_and_sorted_budgets(tmp_path: Path) -> None:
    spec = read_study(write(tmp_path, GOOD))
    assert spec.labels == (0, 16, 64)
    assert spec.seeds == (1,)
    assert spec.model == "smollm2-135m"
    recipe = spec.arms["a"][0].recipe
    assert (recipe.learning_rate, recipe.batch_size) == (0.01, RECIPES["small-data"].batch_size)


def test_a_relative_collection_is_taken_from_the_files_own_folder(tmp_path: Path) -> None:
    assert read_study(write(tmp_path, GOOD)).tasks.collection == str(tmp_path / "here")


def test_the_packaged_demo_is_a_study_like_any_other() -> None:
    spec = read_study(DEMO)
    assert spec.tasks.collection == "starter"
    assert spec.labels == (0, 16, 64)
    assert len(spec.arms) == 2


def test_all_mistakes_are_told_together_each_with_its_place(tmp_path: Path) -> None:
    text = """
study: s
taskz: {collection: here}
tasks: {collection: here, order: alphabetical}
arms: {a: [{encoding: quick-learner, recipe: {learning_rat: 1}}]}
labels: [16, -1, many]
judge: {test: 0, metrics: [rouge_l, rogue]}
"""
    with pytest.raises(ProblemsError) as caught:
        read_study(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) >= 7
    told = "\n".join(lines)
    for part in (
        "unknown key taskz",
        "tasks.order is 'alphabetical'",
        "did you mean 'quick-learners'",
        "unknown settings learning_rat",
        "labels.1 is -1",
        "labels.2 is 'many'",
        "judge.test is 0",
        "no metric named 'rogue'",
    ):
        assert part in told
    assert all(str(tmp_path / "study.yaml") in line for line in lines)


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ("[{encoding: definition}, {encoding: definition}]", "stage 1 has others after it"),
        ("[{encoding: definition, on: seen}]", "needs `labels`"),
        ("[{encoding: definition, on: seen, setting: single-task, labels: 4}]", "is multi-task, and this one is"),
        ("[{encoding: definition, labels: 4}]", "leave its own `labels` out"),
        ("[{encoding: definition, start: merge}]", "stands on the base model"),
        ("[{encoding: definition, mixture: flan}]", "a mixture decides nothing"),
        ("[{encoding: definition, on: seen, labels: 4, mixture: {name: flan, caps: 3}}]", "unknown settings caps"),
        ("[{encoding: definition, recipe: {tuner_options: {rang: 3}}}]", "has no option rang"),
        ("[{encoding: definition, template: x}]", "tells no templates"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused_with_the_reason(stages: str, told: str, tmp_path: Path) -> None:
    study = "study: x\ntasks: {collection: starter}\nlabels: [0]\narms: {a: " + stages + "}\n"
    with pytest.raises(ProblemsError, match=told):
        read_study(write(tmp_path, study))


def test_an_encodings_file_is_found_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("Do it: {{ input }}")
    study = "study: x\ntasks: {collection: starter}\nlabels: [0]\narms: {a: [{encoding: mine.jinja, chat: true}]}\n"
    told = read_study(write(tmp_path, study)).arms["a"][0].told()
    assert told.jinja == "Do it: {{ input }}"
    assert told.chat


def test_a_budget_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="stands twice"):
        read_study(write(tmp_path, GOOD.replace("64, 0, 16", "16, 16")))


@pytest.mark.parametrize("text", ["a: [", "\t", "!!python/object/apply:os.system ['true']", "{a: b}: c"])
def test_what_is_no_yaml_is_a_user_error_and_runs_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        read_study(write(tmp_path, text))


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_a_file_that_holds_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(ProblemsError, match="is no mapping"):
        parse_study(value, Path("x.yaml"))


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_study(tmp_path / "no.yaml")
