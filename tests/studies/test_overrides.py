"""What options say otherwise than a study's file: where it goes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.base.yamltext import load_yaml
from tuition.studies.spec.overrides import Overrides, overridden, set_value
from tuition.studies.spec.study import StudySpec, parse_study

TEXT = """
study: two
tasks: {collection: starter}
arms:
  alone: [&last {encoding: definition, recipe: small-data}]
  v1.5 chain:
    - &first {on: seen, labels: 30, mixture: uniform}
    - *last
  chain.b: [*first, *last]
labels: [0, 16]
judge: {test: 50}
"""


def changed(*settings: str, **options: object) -> StudySpec:
    data = load_yaml(TEXT, Path("x.yaml"))
    return parse_study(overridden(data, Overrides(settings=settings, **options)), Path("two.yaml"))  # type: ignore[arg-type]


def refused(*settings: str, **options: object) -> str:
    with pytest.raises(UserError) as told:
        changed(*settings, **options)
    return str(told.value)


def test_options_change_what_they_name_and_nothing_else() -> None:
    plain = changed()
    spec = changed(collection="elsewhere", names=("a", "b"), split="random", model="m", labels=[4, "6%"], seeds=[2, 3])
    assert (spec.tasks.collection, spec.tasks.names, spec.tasks.split) == ("elsewhere", ("a", "b"), "random")
    assert (spec.model, spec.labels, spec.seeds) == ("m", (4, "6%"), (2, 3))
    assert (spec.arms, spec.evaluate) == (plain.arms, plain.evaluate)


def test_the_file_itself_is_not_changed() -> None:
    data = load_yaml(TEXT, Path("x.yaml"))
    before = load_yaml(TEXT, Path("x.yaml"))
    overridden(data, Overrides(seen_labels=1, settings=("arms.*.recipe.epochs=9", "evaluate.test=1")))
    assert data == before


def test_stages_that_an_alias_repeats_are_changed_one_by_one() -> None:
    spec = changed("arms.v1.5 chain.0.labels=7")
    assert [stages[0].labels for stages in spec.arms.values()] == [None, 7, 30]


def test_a_setting_of_stages_reaches_every_stage_of_the_arms_named() -> None:
    spec = changed("arms.*.recipe.epochs=5", "arms.chain.b.1.recipe.learning_rate=5e-5")
    assert {stage.recipe.epochs for stages in spec.arms.values() for stage in stages} == {5}
    assert {stage.recipe.name for stages in spec.arms.values() for stage in stages} == {"small-data"}
    rates = [[stage.recipe.learning_rate for stage in stages] for stages in spec.arms.values()]
    assert rates == [[2e-3], [2e-3, 2e-3], [2e-3, 5e-5]]
    one = changed("arms.alone.*.encoding=input-only", "arms.alone.0.recipe.tuner_options.rank=4")
    assert one.arms["alone"][0].encoding == "input-only"
    assert one.arms["alone"][0].recipe.tuner_options == {"rank": 4}
    assert changed("arms.v1.5 chain.0.mixture.cap=9").arms["v1.5 chain"][0].mixture.cap == 9  # type: ignore[union-attr]


def test_seen_labels_reach_the_stages_that_have_labels_of_their_own() -> None:
    spec = changed(seen_labels=3)
    assert [[stage.labels for stage in stages] for stages in spec.arms.values()] == [[None], [3, None], [3, None]]


def test_values_are_read_as_yaml_is() -> None:
    spec = changed("seeds=[4, 5]", "judge.metrics=[exact_match]", "model=null-model", "tasks.stratified=true")
    assert (spec.seeds, spec.evaluate.metrics, spec.model) == ((4, 5), ("exact_match",), "null-model")
    assert spec.tasks.stratified
    assert changed("judge.new_tokens=8").evaluate.new_tokens == 8
    assert changed("study=a=b").study == "a=b"


def test_arms_are_kept_by_name_or_pattern_in_the_studys_order() -> None:
    assert list(changed(arms=("chain.b", "alone")).arms) == ["alone", "chain.b"]
    assert list(changed(arms=("*chain*",)).arms) == ["v1.5 chain", "chain.b"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("judge.test", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("judge.test=[1", "is not valid YAML"),
        ("judge.test=!!python/object:os.system {}", "is not valid YAML"),
        ("judge.tests=3", "unknown key evaluate.tests"),
        ("jugde.test=3", "unknown key jugde"),
        ("judge.test=many", "evaluate.test is 'many'"),
        ("judge.test.rows=3", "50 has no setting 'rows'"),
        ("arms.alon.recipe.epochs=1", "did you mean 'alone'"),
        ("arms.alone.7.recipe.epochs=1", "there is no number 7 of 1"),
        ("arms.*.recipe.epoch=1", "unknown settings epoch"),
        ("arms.*.recipe.tuner_options.rang=1", "has no option rang"),
        ("labels.5=1", "there is no number 5 of 2"),
        ("seeds.a=1", "seeds is"),
    ],
)
def test_what_leads_nowhere_is_refused_with_what_there_is(setting: str, told: str) -> None:
    assert told in refused(setting)


def test_an_arm_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert "did you mean 'chain.b'? Its arms: 'alone'; 'v1.5 chain'; 'chain.b'" in refused(arms=("chain.c",))


def test_what_is_no_study_is_left_to_be_refused_as_such() -> None:
    assert overridden(["no", "mapping"], Overrides(model="m")) == ["no", "mapping"]
    assert "no arm named 'x'" in refused_of({"study": "a"}, "arms.x.recipe=1")


def refused_of(data: dict[str, object], setting: str) -> str:
    with pytest.raises(UserError) as told:
        set_value(data, setting)
    return str(told.value)
