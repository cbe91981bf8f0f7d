from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studies.conftest import study_text
from tuition.base.errors import ProblemsError, UserError
from tuition.splits.content import content_key
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import EvaluateStep, TrainStep
from tuition.studies.spec.study import StudySpec, parse_study

Make = Callable[..., StudySpec]


def plan(spec: StudySpec, identity: str = "model@1", precision: str = "float32") -> Plan:
    return make_plan(spec, model_identity=identity, precision=precision)


def keys(made: Plan) -> list[str]:
    return [step.key for step in made.steps]


def test_each_point_of_each_curve_is_judged_and_each_budget_above_zero_is_trained(tiny_study: Make) -> None:
    made = plan(tiny_study(labels=[0, 4, 8], seeds=[1, 2]))
    trained = [step for step in made.steps if isinstance(step, TrainStep)]
    judged = [step for step in made.steps if isinstance(step, EvaluateStep)]
    assert len(trained) == 2 * 2 * 2
    assert len(judged) == 2 * 3 * 2
    places = {step.key: at for at, step in enumerate(made.steps)}
    assert all(places[step.trained] < at for at, step in enumerate(made.steps) if getattr(step, "trained", None))


def test_budgets_are_nested_and_share_nothing_with_test(tiny_study: Make) -> None:
    made = plan(tiny_study(labels=[4, 8, 16]))
    small, middle, large = [
        s.task_batches[0].instances for s in made.steps if isinstance(s, TrainStep) and s.arm == "with"
    ]
    assert middle[: len(small)] == small
    assert large[: len(middle)] == middle
    told = {content_key(row.input) for row in large}
    for step in made.evaluations:
        assert not told & {content_key(row.input) for row in step.instances}


def test_both_arms_learn_and_are_judged_on_the_same_rows(tiny_study: Make) -> None:
    made = plan(tiny_study())
    trained = {step.arm: step.task_batches[0].instances for step in made.steps if isinstance(step, TrainStep)}
    assert trained["with"] == trained["without"]
    assert len({step.instances for step in made.evaluations}) == 1


def test_seeds_draw_other_labels_but_keep_the_test_rows(tiny_study: Make) -> None:
    made = plan(tiny_study(seeds=[1, 2]))
    trained = {s.seed: s.task_batches[0].instances for s in made.steps if isinstance(s, TrainStep) and s.arm == "with"}
    assert trained[1] != trained[2]
    assert len({step.instances for step in made.evaluations}) == 1


def test_a_key_is_the_same_for_the_same_and_another_for_all_that_decides_the_result(tiny_study: Make) -> None:
    base = keys(plan(tiny_study()))
    assert keys(plan(tiny_study())) == base
    others = [
        plan(tiny_study(), identity="model@2"),
        plan(tiny_study(), precision="bfloat16"),
        plan(tiny_study(arms={"a": [{"encoding": "quick-learners", "recipe": {"learning_rate": 0.5}}]})),
        plan(tiny_study(judge={"test": 7, "validation": 2, "new_tokens": 4})),
        plan(tiny_study(judge={"test": 6, "validation": 2, "new_tokens": 5})),
    ]
    for other in others[:2]:
        assert not set(keys(other)) & set(base)
    learnt = {step.key for step in plan(tiny_study()).steps if isinstance(step, TrainStep)}
    assert not set(keys(others[2])) & learnt
    judged = {step.key for step in plan(tiny_study()).evaluations}
    for other in others[3:]:
        assert not {step.key for step in other.evaluations} & judged


def test_an_untrained_model_is_judged_once_for_all_seeds(tiny_study: Make) -> None:
    made = plan(tiny_study(seeds=[1, 2, 3]))
    assert len({step.key for step in made.evaluations if step.labels == 0}) == 2  # one an arm


def test_a_changed_instruction_changes_only_the_arm_that_is_told_it(
    write_task: Callable[..., Path], tiny_model: Path
) -> None:
    def of(folder: Path) -> dict[str, set[str]]:
        made = plan(parse_study(study_text(folder, tiny_model), Path("x")))
        return {arm: {s.key for s in made.steps if s.arm == arm} for arm in ("with", "without")}

    before = of(write_task(folder="one"))
    after = of(write_task(folder="two", definition="Name the colour."))
    assert before["without"] == after["without"]
    assert not before["with"] & after["with"]


def test_tasks_too_small_are_all_refused_with_what_they_could_give(
    write_task: Callable[..., Path], tiny_model: Path
) -> None:
    write_task(1, rows=12)
    folder = write_task(2, rows=9)
    spec = parse_study(study_text(folder, tiny_model, labels=[0, 16]), Path("x"))
    with pytest.raises(UserError) as caught:
        plan(spec)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all("enough for e.g." in line for line in lines)


def test_broken_tasks_are_all_told_together(write_task: Callable[..., Path], tiny_model: Path) -> None:
    folder = write_task(1)
    for number in (2, 3):
        (folder / f"task00{number}_broken.json").write_text('{"Definition": [""], "Instances": [{"input": 3}]}')
    with pytest.raises(ProblemsError) as caught:
        plan(parse_study(study_text(folder, tiny_model), Path("x")))
    assert {p.file.name for p in caught.value.problems if p.file} == {"task002_broken.json", "task003_broken.json"}


def test_the_same_task_named_twice_is_refused(tiny_study: Make, write_task: Callable[..., Path]) -> None:
    spec = tiny_study()
    twice = spec.tasks.model_copy(update={"names": ("task001", "task001_colours")})
    with pytest.raises(UserError, match="named twice"):
        plan(spec.model_copy(update={"tasks": twice}))


def test_costs_are_positive_so_that_the_estimate_moves(tiny_study: Make) -> None:
    assert all(step_cost(step) > 0 for step in plan(tiny_study()).steps)


def test_tasks_and_their_sizes_are_checked_before_the_model_is_asked_for(tiny_study: Make) -> None:
    asked: list[str] = []

    def identity() -> str:
        asked.append("model")
        return "model@1"

    def planned(spec: StudySpec) -> Plan:
        return make_plan(spec, model_identity=identity, precision="float32")

    spec = tiny_study()
    unknown = spec.tasks.model_copy(update={"names": ("task999",)})
    with pytest.raises(UserError, match="no task is named 'task999'"):
        planned(spec.model_copy(update={"tasks": unknown}))
    with pytest.raises(UserError):
        planned(tiny_study(labels=[10_000]))
    assert asked == []
    planned(spec)
    assert asked == ["model"]
