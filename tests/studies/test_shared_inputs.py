"""Test inputs of one task among the rows that a model learns from another: counted, reported and, if asked, dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.studies.conftest import Listener, study_text
from tuition.base.errors import UserError
from tuition.cli import app
from tuition.splits.content import content_key
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.shared_inputs import SharedRows
from tuition.studies.planning.steps import TrainStep
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import StudySpec, parse_study
from tuition.studies.storage.store import open_store

RECIPE = {"name": "small-data", "epochs": 1, "min_steps": 1, "batch_size": 4}
PRE = [
    {"on": "seen", "labels": 40, "encoding": "definition", "recipe": RECIPE},
    {"encoding": "definition", "recipe": RECIPE},
]
TOGETHER = [{"setting": "multi-task", "encoding": "definition", "recipe": RECIPE}]
CROSS = PRE[:1]


@pytest.fixture
def study(write_task: Callable[..., Path], tiny_model: Path) -> Callable[..., StudySpec]:
    """Return a function that makes a study of two tasks, one of them with inputs of its own choice."""

    def make(
        inputs: Sequence[str], stages: list[dict[str, object]], *, seen: bool = True, **tasks: object
    ) -> StudySpec:
        folder = write_task(2)
        path = next(write_task(1).glob("task001*"))
        data = json.loads(path.read_text())
        for row, text in zip(data["Instances"], inputs, strict=False):
            row["input"] = text
        path.write_text(json.dumps(data))
        text = study_text(folder, tiny_model, arms={"arm": stages})
        chosen = {"names": ["task002"], "seen": ["task001"]} if seen else {}
        text["tasks"] = {"collection": str(folder), **chosen, **tasks}
        return parse_study(text, Path("x"))

    return make


OTHERS = [f"another thing, number {n}" for n in range(40)]
SAME = [f"THING {n}  is {['red', 'green', 'blue'][n % 3]}" for n in range(40)]  # equal but for case and spaces

ROTATED = [*SAME[10:], *SAME[:10]]


def planned(spec: StudySpec) -> Plan:
    return make_plan(spec, model_identity="m", precision="float32")


def learnt(plan: Plan) -> set[str]:
    steps = [step for step in plan.steps if isinstance(step, TrainStep)]
    return {
        content_key(r.input) for s in steps for one in s.task_batches if "001" in one.task.name for r in one.instances
    }


def asked(plan: Plan) -> set[str]:
    return {content_key(row.input) for step in plan.evaluations for row in step.instances}


@pytest.mark.parametrize("stages", [PRE, CROSS], ids=["pre-finetuned", "cross-task"])
def test_a_seen_task_with_the_inputs_of_an_evaluated_one_is_reported(
    study: Callable[..., StudySpec], stages: list[dict[str, object]]
) -> None:
    plan = planned(study(SAME, stages))
    assert plan.shared.found == (SharedRows("task001_colours", "task002_colours", 6, 6),)
    (note,) = [note for note in plan.notes if "trained on in other tasks" in note]
    assert "6 of 6 test rows of task002_colours (trained on in task001_colours)" in note


def test_only_rows_that_are_really_learnt_count(study: Callable[..., StudySpec]) -> None:
    few = [{**PRE[0], "labels": 3}, PRE[1]]
    plan = planned(study(SAME, few))
    assert len(learnt(plan)) == 3
    rows = len(learnt(plan) & asked(plan))
    assert [one.rows for one in plan.shared.found] == ([rows] if rows else [])


def test_tasks_that_one_model_learns_and_is_evaluated_on_together_are_compared(
    study: Callable[..., StudySpec],
) -> None:
    # Both test their first 6 rows: things 10 to 15 and things 0 to 5. The second learns things 8 to 11 of its own.
    plan = planned(study(ROTATED, TOGETHER, seen=False, order="file"))
    assert plan.shared.found == (SharedRows("task002_colours", "task001_colours", 2, 6),)
    plan = planned(study(SAME, TOGETHER, seen=False, order="file"))  # both test the same rows, which neither learns
    assert plan.shared.across
    assert plan.shared.fact.startswith("none: no test input")


def test_single_task_models_share_nothing_across_tasks(study: Callable[..., StudySpec]) -> None:
    plan = planned(study(SAME, PRE[1:], seen=False))
    assert not plan.shared.across
    assert "each model is evaluated on its training task" in plan.shared.fact


def test_empty_inputs_say_nothing_and_are_passed_over(study: Callable[..., StudySpec], tmp_path: Path) -> None:
    plan = planned(study([""] * 40, CROSS))
    assert not plan.shared.found


def test_dropping_leaves_no_test_input_among_the_rows_learnt_and_is_counted(study: Callable[..., StudySpec]) -> None:
    plan = planned(study(SAME, PRE, shared_inputs="drop"))
    assert learnt(plan)
    assert not learnt(plan) & asked(plan)
    assert plan.shared.found == ()
    assert plan.shared.dropped == (SharedRows("task001_colours", "task002_colours", 6, 40),)
    assert any(note.startswith("dropped from training") and "6 of 40" in note for note in plan.notes)


def test_dropping_makes_up_for_what_it_leaves_out_where_the_task_has_more_rows(
    study: Callable[..., StudySpec],
) -> None:
    stages = [{**PRE[0], "labels": 20}, PRE[1]]
    assert len(learnt(planned(study(SAME, stages, shared_inputs="drop")))) == 20


def test_too_few_labels_after_dropping_are_refused_with_what_is_left(study: Callable[..., StudySpec]) -> None:
    spec = study(ROTATED, TOGETHER, seen=False, order="file", shared_inputs="drop")
    spec = spec.model_copy(update={"labels": (32,)})  # each has 32 labels, of which the other tests 6
    with pytest.raises(
        UserError, match=r"fewer than 32 labels are left: task001\w* has 26; task002\w* has 26; give fewer"
    ):
        planned(spec)


@pytest.mark.parametrize("inputs", [OTHERS, SAME], ids=["nothing shared", "all shared"])
def test_keys_are_those_of_before_where_nothing_is_shared_or_dropped(
    study: Callable[..., StudySpec], inputs: list[str]
) -> None:
    reported = [step.key for step in planned(study(inputs, PRE)).steps]
    dropped = [step.key for step in planned(study(inputs, PRE, shared_inputs="drop")).steps]
    assert (reported == dropped) is (inputs is OTHERS)


def test_the_run_and_its_report_say_what_is_shared(study: Callable[..., StudySpec], tmp_path: Path) -> None:
    spec = study(SAME, CROSS)
    with open_store(tmp_path / "out") as store:
        plan = plan_study(spec, Listener())
        run_plan(plan, store, Listener())
        results = gather(plan, store)
    assert (
        dict(results.facts)["Shared inputs"] == "6 of 6 test rows of task002_colours are trained on in task001_colours"
    )
    assert any("trained on in other tasks" in notice for notice in results.notices)


def test_learn_drops_shared_rows_when_asked(write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> None:
    write_task(1)
    folder = write_task(2)
    given = ["learn", str(folder), "--model", str(tiny_model), "--setting", "cross-task", "--split", "task=task002",
             "--seen-labels", "8", "--test", "20", "--validation", "1", "--encoding", "definition"]  # fmt: skip
    plain = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "a"), "--json"])
    assert plain.exit_code == 0, plain.output
    assert any("trained on in other tasks" in one for one in json.loads(plain.stdout)["notices"])
    dropping = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "b"), "--json", "--drop-shared"])
    told = json.loads(dropping.stdout)["notices"]
    assert any(one.startswith("dropped from training") for one in told)
    assert not any("trained on in other tasks" in one for one in told)


def test_a_plan_lists_every_pair_of_tasks(study: Callable[..., StudySpec], tmp_path: Path) -> None:
    spec = study(SAME, CROSS)
    path = tmp_path / "study.yaml"
    path.write_text(spec.model_dump_json())
    shown = CliRunner().invoke(app, ["run", str(path), "--plan", "--json", "--out", str(tmp_path / "out")])
    pair = {"learnt": "task001_colours", "evaluated": "task002_colours", "rows": 6, "of": 6}
    assert json.loads(shown.stdout)["shared_inputs"] == {"across": True, "found": [pair], "dropped": []}
    dropped = CliRunner().invoke(app, ["run", str(path), "--plan", "--json", "--drop-shared", "--out", str(tmp_path)])
    assert json.loads(dropped.stdout)["shared_inputs"]["dropped"][0]["rows"] == 6
