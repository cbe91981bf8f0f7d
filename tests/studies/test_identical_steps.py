"""Arms that cannot differ: one step serves all of them, its results are found under each, and the study says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studies.conftest import Listener
from tuition.commands.study import finish_study
from tuition.evaluation.metric_scores import Score
from tuition.reports.scores_csv import write_scores_csv
from tuition.reports.study_instances import read_study_instances
from tuition.studies.export.trained_models import choose_model, made_models
from tuition.studies.planning.identical_steps import join_identical
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import TrainStep
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.finished_steps import with_stored_keys
from tuition.studies.storage.store import StepOutcome, open_store

Make = Callable[..., StudySpec]
RECIPE = {"name": "small-data", "epochs": 1, "min_steps": 2, "batch_size": 4}
DP2, DP2N2 = "definition+2-positive", "definition+2-positive+2-negative"  # the tasks here have no negative example


def arms(*encodings: str) -> dict[str, list[dict[str, object]]]:
    return {encoding: [{"encoding": encoding, "recipe": RECIPE}] for encoding in encodings}


def planned(spec: StudySpec) -> Plan:
    return make_plan(spec, model_identity="m", precision="float32")


def run(spec: StudySpec, folder: Path) -> tuple[Plan, StudyResults, Listener]:
    listener = Listener()
    with open_store(folder) as store:
        plan = with_stored_keys(plan_study(spec, listener), store)
        run_plan(plan, store, listener)
        return plan, gather(plan, store), listener


def as_before(plan: Plan, arm: str) -> dict[str, str]:
    """The keys of an arm's steps as a study of that arm alone plans them, by what the steps have in common."""
    spec = plan.spec.model_copy(update={"arms": {arm: plan.spec.arms[arm]}})
    return {step.same: step.key for step in planned(spec).steps}


def test_arms_with_equal_prompts_are_trained_and_evaluated_once(tiny_study: Make, tmp_path: Path) -> None:
    _, results, listener = run(tiny_study(arms=arms(DP2, DP2N2)), tmp_path)
    assert [type(step).__name__ for step in listener.ended].count("TrainStep") == 1
    assert len(listener.ended) == 3  # one model trained, evaluated with and without its labels
    by_arm = {arm: [row.value for row in results.scores if row.arm == arm] for arm in (DP2, DP2N2)}
    assert by_arm[DP2] == by_arm[DP2N2]
    assert len(by_arm[DP2]) == 2 * 3
    assert len(results.predictions) == 2 * 2 * 6


def test_the_report_says_that_such_arms_are_the_same_by_construction(tiny_study: Make, tmp_path: Path) -> None:
    _, results, _ = run(tiny_study(arms=arms(DP2, DP2N2, "definition")), tmp_path)
    told = [notice for notice in results.notices if "the same by construction" in notice]
    assert len(told) == 1
    assert f"“{DP2}” = “{DP2N2}”" in told[0]
    assert "“definition”" not in told[0]


def test_arms_that_differ_in_anything_but_names_stay_apart(tiny_study: Make) -> None:
    other = {"encoding": DP2N2, "recipe": RECIPE | {"learning_rate": 0.5}}
    plan = planned(tiny_study(arms={**arms(DP2), "faster": [other], "chat": [{"encoding": DP2N2, "chat": True}]}))
    assert len([step for step in plan.work if isinstance(step, TrainStep)]) == 3
    assert len(plan.alike) == 1  # before any label, the first two are one model asked alike
    assert not any("by construction" in note for note in plan.notes)


def test_a_task_with_the_field_keeps_the_arms_apart(tiny_study: Make, write_task: Callable[..., Path]) -> None:
    path = next(write_task().glob("*.json"))
    negative = '"Negative Examples": [{"input": "x", "output": "y", "explanation": ""}]'
    path.write_text(path.read_text().replace('"Negative Examples": []', negative))
    plan = planned(tiny_study(arms=arms(DP2, DP2N2)))
    assert len({step.key for step in plan.steps}) == 6


def test_keys_of_a_study_without_such_arms_are_those_of_each_arm_alone(tiny_study: Make) -> None:
    plan = planned(tiny_study(arms=arms("definition", DP2)))
    alone = as_before(plan, "definition") | as_before(plan, DP2)
    assert {step.same: step.key for step in plan.steps} == alone


def test_a_study_of_the_other_arm_finds_what_was_learnt_for_the_first(tiny_study: Make, tmp_path: Path) -> None:
    _, before, _ = run(tiny_study(arms=arms(DP2)), tmp_path)
    plan, after, listener = run(tiny_study(arms=arms(DP2N2)), tmp_path)
    assert listener.ended == []
    assert [row.value for row in after.scores] == [row.value for row in before.scores]
    assert {row.arm for row in after.scores} == {DP2N2}
    assert not any("was trained with the encoding" in notice for notice in after.notices)
    with open_store(tmp_path) as store:
        assert plan.stored
        assert store.adapter(next(s.key for s in plan.work if isinstance(s, TrainStep))).is_dir()


def test_more_labels_for_the_other_arm_build_on_the_weights_of_the_first(tiny_study: Make, tmp_path: Path) -> None:
    def chain(encoding: str) -> dict[str, list[dict[str, object]]]:
        first = {"encoding": encoding, "recipe": RECIPE, "setting": "multi-task", "labels": 4}
        return {encoding: [first, {"encoding": "definition", "recipe": RECIPE}]}

    run(tiny_study(arms=chain(DP2), labels=[0]), tmp_path)
    _, results, listener = run(tiny_study(arms=chain(DP2N2), labels=[0, 8]), tmp_path)
    assert listener.failed == []
    assert {step.labels for step in listener.ended} == {8}
    assert {row.labels for row in results.scores} == {0, 8}


def test_records_from_before_steps_were_joined_are_found_under_either_key(tiny_study: Make, tmp_path: Path) -> None:
    plan = planned(tiny_study(arms=arms(DP2, DP2N2)))
    own = as_before(plan, DP2N2)
    place = {"task": "task001_colours", "arm": DP2N2, "labels": 4, "seed": 1, "seconds": 1.0, "details": {}}
    with open_store(tmp_path) as store:
        for step in plan.work:
            kind = "train" if isinstance(step, TrainStep) else "evaluate"
            outcome = StepOutcome(kind=kind, **place, scores=[Score("rouge_l", 1, 0, 2, 6)])  # type: ignore[arg-type]
            store.finish(own[step.same], outcome)
        found = with_stored_keys(plan, store)
        assert {step.key for step in found.work} == set(own.values())
        assert {step.key for step in found.work} <= store.finished_keys()
        both = with_stored_keys(found, store)
    assert both is found


def test_a_model_that_stands_for_several_arms_is_exported_under_each_name(tiny_study: Make, tmp_path: Path) -> None:
    plan, _, _ = run(tiny_study(arms=arms(DP2, DP2N2)), tmp_path)
    with open_store(tmp_path) as store:
        models = made_models(plan, store)
    first, second = (choose_model(models, tmp_path, arm=arm) for arm in (DP2, DP2N2))
    assert first.step.key == second.step.key
    with pytest.raises(Exception, match=r"begins 2 arm names|no arm is named"):
        choose_model(models, tmp_path, arm="definition")


def test_a_hundred_groups_of_arms_are_named_in_one_short_sentence(tiny_study: Make) -> None:
    plan = planned(tiny_study(arms=arms(DP2, DP2N2), labels=[0]))
    steps = [dataclasses.replace(s, arm=f"{s.arm} {n}", same=f"{s.same} {n}") for n in range(100) for s in plan.steps]
    (note,) = join_identical(steps).notes
    assert "and 96 more such groups" in note
    assert len(note) < 700


@pytest.mark.parametrize("whole", [True, False], ids=["finished", "at work"])
def test_compare_takes_such_arms_for_one_even_where_all_scores_are_equal(
    tiny_study: Make, tmp_path: Path, whole: bool
) -> None:
    # None of the random model's answers is right, so that scores do not tell the steps apart.
    judge = {"test": 6, "validation": 2, "new_tokens": 1, "metrics": ["exact_match"]}
    plan, results, _ = run(tiny_study(arms=arms(DP2, DP2N2, "definition"), labels=[4], judge=judge), tmp_path)
    assert len({row.value for row in results.scores}) == 1
    if whole:
        write_scores_csv(tmp_path / "scores.csv", results.scores)
    else:
        with open_store(tmp_path) as store:
            store.write_study(plan.spec.model_dump_json())
    keys = {arm: key for (_, arm, _, _), key in read_study_instances(tmp_path).keys.items()}
    assert keys[DP2] == keys[DP2N2] != keys["definition"]


def test_a_narrower_run_serves_the_same_arm_of_the_folders_wider_study(tiny_study: Make, tmp_path: Path) -> None:
    finish_study(tiny_study(arms=arms(DP2, DP2N2), labels=[0]), tmp_path, quiet=True)
    plan, results, failures = finish_study(tiny_study(arms=arms(DP2N2), labels=[0, 4]), tmp_path, quiet=True)
    assert not failures
    assert {(row.arm, row.labels) for row in results.scores} == {(arm, n) for arm in (DP2, DP2N2) for n in (0, 4)}
    with open_store(tmp_path) as store:
        assert {step.key for step in plan.work} <= store.finished_keys()
