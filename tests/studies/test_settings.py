"""Settings and chains, planned and run on a tiny model: what is learnt, what is shared, what is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studies.conftest import Listener, study_text
from tuition.base.errors import UserError
from tuition.studies.export.adapter_encoding import read_encoding
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import EvaluateStep, TrainStep
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import StudySpec, parse_study
from tuition.studies.storage.store import open_store

RECIPE = {"name": "small-data", "epochs": 1, "min_steps": 2, "batch_size": 4}
BEFORE = {"on": "seen", "labels": 6, "encoding": "quick-learners", "recipe": RECIPE}
WITH = {"encoding": "quick-learners", "recipe": RECIPE}


@pytest.fixture
def four_tasks(write_task: Callable[..., Path], tiny_model: Path) -> Callable[..., StudySpec]:
    """Return a function that makes a study of two seen and two unseen tasks."""
    for number in range(1, 5):
        folder = write_task(number, definition=f"Say the colour, number {number}.")

    def make(arms: dict[str, list[dict[str, object]]], **changes: object) -> StudySpec:
        text = study_text(folder, tiny_model, arms=arms, **changes)
        text["tasks"] = {"collection": str(folder), "names": ["task003", "task004"], "seen": ["task001", "task002"]}
        return parse_study(text, Path("x"))

    return make


def planned(spec: StudySpec) -> Plan:
    return make_plan(spec, model_identity="m", precision="float32")


def trained(plan: Plan) -> list[TrainStep]:
    return [step for step in plan.work if isinstance(step, TrainStep)]


def test_a_stage_that_arms_and_tasks_share_runs_once(four_tasks: Callable[..., StudySpec]) -> None:
    arms = {"single": [BEFORE, WITH], "multi": [BEFORE, {**WITH, "setting": "multi-task"}], "plain": [WITH]}
    plan = planned(four_tasks(arms, labels=[0, 4, 8]))
    first = [step for step in trained(plan) if step.title == "2 tasks" and step.labels == 6]
    assert len(first) == 1
    assert [task_batch.task.name[:7] for task_batch in first[0].task_batches] == ["task001", "task002"]
    single = [step for step in trained(plan) if step.arm == "single" and step.key != first[0].key]
    assert len(single) == 2 * 2
    assert all(step.needs == (first[0].key,) for step in single)
    multi = [step for step in trained(plan) if step.arm == "multi" and step.labels != 6]
    assert [step.rows for step in multi] == [8, 16]
    places = {step.key: place for place, step in enumerate(plan.work)}
    assert all(places[key] < places[step.key] for step in plan.work for key in step.needs)


def test_at_no_labels_a_chain_is_judged_after_its_earlier_stages(four_tasks: Callable[..., StudySpec]) -> None:
    plan = planned(four_tasks({"chain": [BEFORE, WITH], "plain": [WITH]}))
    zero = {step.arm: step for step in plan.evaluations if step.labels == 0}
    assert zero["plain"].after == ()
    assert [earlier.key for earlier in zero["chain"].after] == [trained(plan)[0].key]


def test_a_cross_task_arm_is_judged_without_labels_alone(four_tasks: Callable[..., StudySpec]) -> None:
    plan = planned(four_tasks({"cross": [BEFORE]}, labels=[0, 4, 8]))
    assert [step.labels for step in plan.evaluations] == [0, 0]
    assert len(trained(plan)) == 1


def test_another_earlier_stage_gives_other_keys_and_the_same_stage_the_same(
    four_tasks: Callable[..., StudySpec],
) -> None:
    one = planned(four_tasks({"a": [BEFORE, WITH]}))
    other = planned(four_tasks({"a": [{**BEFORE, "labels": 5}, WITH]}))
    assert not {step.key for step in one.work} & {step.key for step in other.work}
    merged = planned(four_tasks({"a": [BEFORE, {**WITH, "start": "merge"}]}))
    shared = {step.key for step in one.work} & {step.key for step in merged.work}
    assert len(shared) == 3  # the first stage, and its judging on either task


def test_exemplars_are_labels_that_are_paid_for(four_tasks: Callable[..., StudySpec]) -> None:
    arms = {"k-shot": [{"encoding": "definition+4-shot", "setting": "in-context", "recipe": RECIPE}]}
    plan = planned(four_tasks(arms, labels=[0, 2, 4, 8]))
    shown = {step.labels: len(step.shown.exemplars) for step in plan.evaluations}
    assert shown == {0: 0, 2: 2, 4: 4, 8: 4}
    assert not trained(plan)
    tuned = planned(four_tasks({"both": [{"encoding": "definition+4-shot", "recipe": RECIPE}]}, labels=[0, 4, 8]))
    assert [step.rows for step in trained(tuned)] == [4, 4]  # of eight labels, four are shown and four are learnt
    for step in trained(tuned):
        assert not set(step.task_batches[0].instances) & set(step.task_batches[0].shown.exemplars)


def test_demonstrations_come_from_other_tasks(four_tasks: Callable[..., StudySpec], tmp_path: Path) -> None:
    encoding = tmp_path / "two.yaml"
    encoding.write_text(
        'two: {like: in-context-instruction-learning, prefix: [{demonstrations: "{definition}", count: 2}]}'
    )
    arm = {"encoding": str(encoding), "setting": "in-context"}
    plan = planned(four_tasks({"icil": [arm]}, labels=[0]))
    told = {d.definition for step in plan.evaluations for d in step.shown.demonstrations}
    assert told == {"Say the colour, number 1.", "Say the colour, number 2."}
    with pytest.raises(UserError, match=r"8 demonstrations .* and 2 other tasks"):
        planned(four_tasks({"icil": [{**arm, "encoding": "in-context-instruction-learning"}]}, labels=[0]))


def test_budgets_are_counts_shares_or_all_and_a_point_stands_once(four_tasks: Callable[..., StudySpec]) -> None:
    plan = planned(four_tasks({"a": [WITH]}, labels=["all", 4, "25%", 32, 0]))
    sizes = [step.labels for step in plan.evaluations if step.task.name.startswith("task003")]
    assert sizes == [0, 4, 32, 8]  # of 40 rows, 6 test and 2 validate: 25% of 32 is 8, and all is 32 again
    rows = [step.task_batches[0].instances for step in trained(plan) if step.title.startswith("task003")]
    assert rows[2] == rows[1][:8]
    with pytest.raises(UserError, match=r"'7\.5\.%'"):
        four_tasks({"a": [WITH]}, labels=["7.5.%"])


def test_small_tasks_give_what_they_have_where_the_study_lets_them(four_tasks: Callable[..., StudySpec]) -> None:
    spec = four_tasks({"a": [WITH]}, labels=[0, 4, 1000])
    with pytest.raises(UserError, match="enough for"):
        planned(spec)
    capped = spec.model_copy(update={"tasks": spec.tasks.model_copy(update={"over": "capped"})})
    assert {step.labels for step in planned(capped).evaluations} == {0, 4, 32}


def test_stratified_budgets_have_the_answers_in_the_shares_of_the_pool(four_tasks: Callable[..., StudySpec]) -> None:
    spec = four_tasks({"a": [WITH]}, labels=[12])
    even = spec.model_copy(update={"tasks": spec.tasks.model_copy(update={"stratified": True})})
    for step in trained(planned(even)):
        counts = Counter(step.task_batches[0].outputs)
        assert max(counts.values()) - min(counts.values()) <= 2


def test_a_task_cannot_be_seen_and_unseen(four_tasks: Callable[..., StudySpec]) -> None:
    spec = four_tasks({"a": [BEFORE, WITH]})
    both = spec.model_copy(update={"tasks": spec.tasks.model_copy(update={"seen": ("task001", "task003")})})
    with pytest.raises(UserError, match="both seen and unseen"):
        planned(both)
    none = spec.model_copy(update={"tasks": spec.tasks.model_copy(update={"seen": ()})})
    with pytest.raises(UserError, match=r"there are none; name some under tasks\.seen"):
        planned(none)


def test_every_setting_and_a_chain_of_three_run_to_the_end(
    four_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    ia3 = {**RECIPE, "tuner": "ia3"}
    arms = {
        "stacked": [BEFORE, {**BEFORE, "labels": 3, "mixture": "uniform"}, WITH],
        "merged": [BEFORE, {**WITH, "recipe": ia3, "start": "merge"}],
        "going on": [BEFORE, {**WITH, "setting": "multi-task", "start": "continue"}],
        "full then lora": [{**BEFORE, "recipe": {**RECIPE, "tuner": "full"}}, WITH],
        "cross": [{**BEFORE, "encoding": "tk-instruct-mixed"}],
        "k-shot": [{"encoding": "4-shot", "setting": "in-context"}],
        "prompt": [{**WITH, "recipe": {**RECIPE, "tuner": "prompt", "tuner_options": {"vectors": 3}}}],
    }
    listener = Listener()
    plan = plan_study(four_tasks(arms), listener)
    with open_store(tmp_path / "out") as store:
        assert run_plan(plan, store, listener) == []
        results = gather(plan, store)
        assert run_plan(plan, store, listener) == []
        for step in trained(plan):
            assert read_encoding(store.adapter(step.key)) == step.encoding
            kept = store.finished(step.key)
            assert kept is not None
            assert sum(kept.details["rows"].values()) == step.rows
            assert (kept.details["mixture"] is None) is (step.mixture is None)
    assert {row.arm for row in results.scores} == set(arms)
    assert len(listener.ended) == len(plan.work)
    assert not list((tmp_path / "out").glob("checkpoints/*"))


def test_a_stored_model_told_otherwise_than_planned_is_refused(
    four_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    listener = Listener()
    plan = plan_study(four_tasks({"a": [WITH]}, labels=[4]), listener)
    with open_store(tmp_path / "out") as store:
        steps = plan.work
        run_plan(Plan(plan.spec, plan.model_identity, plan.precision, steps[:1], plan.tasks), store, listener)
        told = store.adapter(steps[0].key) / "encoding.json"
        told.write_text(told.read_text().replace("Positive example", "Example"))
        failures = run_plan(plan, store, listener)
    assert any("encoding.json is damaged" in failure.reason for failure in failures)


def test_one_encoding_can_ask_all_arms_and_the_report_says_so(
    four_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    judge = {"test": 6, "validation": 2, "new_tokens": 4, "encoding": "input-only"}
    listener = Listener()
    plan = plan_study(four_tasks({"a": [WITH]}, labels=[4], judge=judge), listener)
    assert {step.encoding.name for step in plan.evaluations} == {"input-only"}
    with open_store(tmp_path / "out") as store:
        assert run_plan(plan, store, listener) == []
        assert any("prompted by the encoding 'input-only'" in notice for notice in gather(plan, store).notices)


def test_failed_earlier_stages_take_down_only_what_stands_on_them(
    four_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    prompt = {**RECIPE, "tuner": "prompt", "tuner_options": {"vectors": 3}}
    arms = {"impossible": [{**BEFORE, "recipe": prompt}, WITH], "plain": [WITH]}
    listener = Listener()
    plan = plan_study(four_tasks(arms), listener)
    with open_store(tmp_path / "out") as store:
        failures = run_plan(plan, store, listener)
        done = {row.arm: row.labels for row in gather(plan, store).scores}
    assert {failure.step.arm for failure in failures} == {"impossible"}
    assert any("soft prompt cannot be merged" in failure.reason for failure in failures)
    assert {failure.reason for failure in failures if isinstance(failure.step, EvaluateStep)} == {"its training failed"}
    assert set(done) == {"impossible", "plain"}  # the point without labels needs only the first stage


def test_heuristics_answer_without_a_model(four_tasks: Callable[..., StudySpec], tmp_path: Path) -> None:
    names = ("copy-input", "copy-example", "majority-label")
    arms = {name: [{"setting": "heuristic", "heuristic": name}] for name in names}
    spec = four_tasks(arms, labels=[0, 16]).model_copy(update={"model": str(tmp_path)})  # no model stands there
    plan = planned(spec)
    listener = Listener()
    with open_store(tmp_path / "out") as store:
        assert run_plan(plan, store, listener) == []
        results = gather(plan, store)
    told: dict[tuple[str, int], set[str]] = {}
    for row in results.predictions:
        told.setdefault((row.arm, row.labels), set()).add(row.prediction)
    inputs = {row.input for step in plan.evaluations for row in step.instances}
    assert told["copy-input", 0] == inputs
    assert len(told["copy-example", 0]) == 1
    assert len(told["majority-label", 16]) <= 2
    assert told["majority-label", 16] <= {out for step in plan.evaluations for row in step.known for out in row.outputs}


def test_probes_judge_the_same_models_on_tasks_told_otherwise(
    four_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    judge = {"test": 6, "validation": 2, "new_tokens": 4, "probes": ["other-task", "without-definition"]}
    plan = planned(four_tasks({"a": [WITH]}, labels=[4], judge=judge))
    assert len(trained(plan)) == 2
    assert {step.arm for step in plan.evaluations} == {"a", "a · other-task", "a · without-definition"}
    assert all(step.after[-1].key in {s.key for s in trained(plan)} for step in plan.evaluations)
    bare = {**judge, "probes": ["without-definition"]}
    with pytest.raises(UserError, match="changes nothing in the prompts of task003"):
        planned(four_tasks({"a": [{**WITH, "encoding": "input-only"}]}, labels=[4], judge=bare))
