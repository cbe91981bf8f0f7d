from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from tuition.base.errors import ProblemsError, UserError
from tuition.models.recipes import RECIPES
from tuition.studies.presets import DEMO
from tuition.studies.spec.study import parse_study, read_study
from tuition.tasks.starter import STARTER_PATH

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
    assert len(lines) == len(caught.value.problems) == 9
    told = "\n".join(lines)
    for part in (
        "unknown key taskz",
        "tasks.order is 'alphabetical'",
        "did you mean 'quick-learners'",
        "unknown settings learning_rat",
        "labels.1 is -1",
        "labels.2 is 'many'",
        "evaluate.test is 0",
        "no metric named 'rogue'",
    ):
        assert part in told
    assert all(str(tmp_path / "study.yaml") in line for line in lines[:-1])
    assert lines[-1].startswith(f"{tmp_path / 'here'}: it cannot be found")


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ("[{encoding: definition}, {encoding: definition}]", "stage 1 has others after it"),
        ("[{encoding: definition, on: seen}]", "needs `labels`"),
        ("[{encoding: definition, on: seen, setting: single-task, labels: 4}]", "is multi-task, and this one is"),
        ("[{encoding: definition, labels: 4}]", "remove its own `labels`"),
        ("[{encoding: definition, start: merge}]", "starts with the base model"),
        ("[{encoding: definition, mixture: flan}]", "a mixture has no effect"),
        ("[{encoding: definition, on: seen, labels: 4, mixture: {name: flan, caps: 3}}]", "unknown settings caps"),
        ("[{encoding: definition, recipe: {tuner_options: {rang: 3}}}]", "has no option rang"),
        ("[{encoding: definition, template: x}]", "uses no templates"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused_with_the_reason(stages: str, told: str, tmp_path: Path) -> None:
    study = "study: x\ntasks: {collection: starter}\nlabels: [0]\narms: {a: " + stages + "}\n"
    with pytest.raises(ProblemsError, match=told):
        read_study(write(tmp_path, study))


def test_an_encodings_file_is_found_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("Do it: {{ input }}")
    study = "study: x\ntasks: {collection: starter}\nlabels: [0]\narms: {a: [{encoding: mine.jinja, chat: true}]}\n"
    encoding = read_study(write(tmp_path, study)).arms["a"][0].prompt_encoding()
    assert encoding.jinja == "Do it: {{ input }}"
    assert encoding.chat


def test_a_budget_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="is given twice"):
        read_study(write(tmp_path, GOOD.replace("64, 0, 16", "16, 16")))


def test_a_misspelt_recipe_hides_no_other_mistake_and_adds_none(tmp_path: Path) -> None:
    text = """
study: s
tasks: {collection: starter, names: [task001, tsk004, task00]}
model: ./nowhere
arms:
  a: [{encoding: definition, recipe: smal-data}]
  b: [{encoding: definition, on: seen, labels: 4, start: merge}, {encoding: definition, labels: 3}]
labels: [0, 16]
judge: {new_tokens: au}
"""
    with pytest.raises(ProblemsError) as caught:
        read_study(write(tmp_path, text))
    lines = [line.removeprefix(f"{tmp_path / 'study.yaml'}: ") for line in str(caught.value).splitlines()]
    assert [line[:34] for line in lines] == [
        "arms.a.0.recipe is 'smal-data'; th",
        "evaluate.new_tokens is 'au'; it is a "[:34],
        f"{STARTER_PATH}: no task is named 'tsk004'"[:34],
        f"{STARTER_PATH}: 'task00' begins 10"[:34],
        "./nowhere: no such folder; give a ",
    ]
    assert lines[1].endswith("it is a whole number or 'auto'")


def test_several_faulty_chains_are_reported_together(tmp_path: Path) -> None:
    study = "study: x\ntasks: {collection: starter}\nlabels: [0]\narms:\n"
    study += "  a: [{encoding: definition, start: merge}]\n  b: [{encoding: definition, labels: 4}]\n"
    with pytest.raises(ProblemsError, match=r"arm 'a': the first stage.+arm 'b': the last stage"):
        read_study(write(tmp_path, study))


def test_no_study_however_odd_is_answered_in_a_librarys_words(tmp_path: Path) -> None:
    draw = random.Random(3)
    good = {
        "study": "s",
        "tasks": {"collection": "starter", "names": ["task001"], "order": "file", "split_seed": 3},
        "model": "smollm2-135m",
        "precision": "float32",
        "arms": {"a": [{"encoding": "definition", "recipe": {"learning_rate": 0.1}, "chat": True, "labels": 4}]},
        "labels": [0, "6%", "all"],
        "seeds": [1, 2],
        "judge": {"test": 5, "metrics": ["rouge_l"], "rank": ["sum"], "decoding": {"beams": 2}, "new_tokens": "auto"},
        "remote": {"concurrency": 4, "prices": {"prompt": 1, "answer": 2}},
    }
    foreign = re.compile(r"Input should|should have|valid |pydantic|instance of|Error:|validation|Tuple|Dict")
    refused = 0
    for _ in range(400):
        try:
            parse_study(odd(good, draw), tmp_path / "s.yaml")
        except UserError as error:
            refused += 1
            said = [line for line in str(error).splitlines() if foreign.search(line)]
            assert not said
    assert refused > 200


def odd(value: Any, draw: random.Random) -> Any:
    """A study with one to three values replaced by what no study has there, or with a key more or less."""
    for _ in range(draw.randint(1, 3)):
        value = replaced(value, draw)
    return value


def replaced(value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(sorted(value))
        if draw.random() < 0.1:
            return {**value, "extra": 1} if draw.random() < 0.5 else {k: v for k, v in value.items() if k != key}
        return {**value, key: replaced(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], replaced(value[at], draw), *value[at + 1 :]]
    unlikely = ["many", "", [], [[]], {}, {"a": 1}, None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), ["x"]]
    return draw.choice(unlikely)


@pytest.mark.parametrize("text", ["a: [", "\t", "!!python/object/apply:os.system ['true']", "{a: b}: c"])
def test_what_is_no_yaml_is_a_user_error_and_runs_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        read_study(write(tmp_path, text))


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_a_file_that_holds_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(ProblemsError, match="is not a mapping"):
        parse_study(value, Path("x.yaml"))


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_study(tmp_path / "no.yaml")


def test_the_former_key_judge_is_read_as_evaluate_and_both_are_refused(tmp_path: Path) -> None:
    old = read_study(write(tmp_path, GOOD + "judge: {test: 7}\n"))
    new = read_study(write(tmp_path, GOOD + "evaluate: {test: 7}\n"))
    assert old == new
    assert "evaluate" in old.model_dump()
    with pytest.raises(ProblemsError, match="has both judge and evaluate; keep evaluate"):
        read_study(write(tmp_path, GOOD + "evaluate: {test: 7}\njudge: {test: 7}\n"))
