"""Whole studies on the tiny model: results, repeating, failing steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.studies.conftest import Listener
from tuition.base.errors import UserError
from tuition.models.model_pool import ModelPool
from tuition.studies.engines import worker as worker_module
from tuition.studies.engines.worker import Worker
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import TrainStep
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, measure, plan_study, run_plan
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.store import open_store

Make = Callable[..., StudySpec]


def run(spec: StudySpec, folder: Path, listener: Listener | None = None) -> tuple[Plan, StudyResults, Listener]:
    listener = listener or Listener()
    with open_store(folder) as store:
        plan = plan_study(spec, listener)
        run_plan(plan, store, listener)
        return plan, gather(plan, store), listener


def test_every_point_is_scored_on_every_metric_in_the_studys_order(tiny_study: Make, tmp_path: Path) -> None:
    _, results, listener = run(tiny_study(), tmp_path)
    told = [(row.arm, row.labels, row.metric) for row in results.scores]
    assert told == [
        (arm, labels, metric)
        for arm in ("without", "with")
        for labels in (0, 4)
        for metric in ("rouge_l", "exact_match", "accuracy")  # the task classifies: it has three answers
    ]
    assert all(row.n == 6 and 0 <= row.low <= row.value <= row.high <= 100 for row in results.scores)
    assert len(results.predictions) == 4 * 6
    assert dict(results.facts)["Model"].endswith("float32")
    assert not listener.failed
    assert listener.work == pytest.approx(sum(step_cost(step) for step in listener.ended))


def test_two_runs_of_one_study_give_the_same_scores(tiny_study: Make, tmp_path: Path) -> None:
    first, second = (run(tiny_study(), tmp_path / name)[1] for name in ("a", "b"))
    assert first.scores == second.scores
    assert first.predictions == second.predictions


def test_a_repeated_run_does_nothing_and_loads_no_model(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, before, _ = run(tiny_study(), tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the model was loaded again")

    monkeypatch.setattr(worker_module, "load_model", refuse)
    plan, after, listener = run(tiny_study(), tmp_path)
    assert listener.ended == []
    assert after.scores == before.scores
    with open_store(tmp_path) as store:
        assert measure(plan, store).steps == len(plan.work)


def test_a_larger_study_reuses_what_a_smaller_one_did(tiny_study: Make, tmp_path: Path) -> None:
    run(tiny_study(labels=[0, 4]), tmp_path)
    _, results, listener = run(tiny_study(labels=[0, 4, 8]), tmp_path)
    assert {step.labels for step in listener.ended} == {8}
    assert {row.labels for row in results.scores} == {0, 4, 8}


def test_a_failing_step_takes_down_only_what_needs_it_and_is_tried_again(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Worker.train

    def stumble(self: Worker, step: TrainStep, advance: Callable[[float], None]) -> str:
        if step.arm == "without":
            raise RuntimeError("out of luck")
        return whole(self, step, advance)

    monkeypatch.setattr(Worker, "train", stumble)
    _, results, listener = run(tiny_study(), tmp_path)
    assert [failure.reason for failure in listener.failed] == ["RuntimeError: out of luck", "its training failed"]
    assert {(row.arm, row.labels) for row in results.scores} == {("without", 0), ("with", 0), ("with", 4)}
    monkeypatch.setattr(Worker, "train", whole)
    _, results, listener = run(tiny_study(), tmp_path)
    assert len(listener.ended) == 2
    assert {(row.arm, row.labels) for row in results.scores} == {
        ("without", 0),
        ("without", 4),
        ("with", 0),
        ("with", 4),
    }


def test_every_step_leaves_the_base_model_as_it_was(tiny_study: Make, tmp_path: Path) -> None:
    """The untrained model's score must not depend on what was trained before it in the same process."""
    _, alone, _ = run(tiny_study(labels=[0]), tmp_path / "alone")
    _, mixed, listener = run(tiny_study(seeds=[5, 6]), tmp_path / "mixed")
    assert len([step for step in listener.ended if step.labels == 0]) == 2  # one an arm, not one a seed
    for row in alone.scores:
        same = [m.value for m in mixed.scores if (m.arm, m.labels, m.metric) == (row.arm, 0, row.metric)]
        assert same == [row.value] * 2


def test_prompts_that_had_to_be_shortened_are_told_in_the_results(tiny_study: Make, tmp_path: Path) -> None:
    recipe = {"epochs": 1, "min_steps": 1, "max_length": 90}
    spec = tiny_study(arms={"with": [{"encoding": "quick-learners", "recipe": recipe}]})
    _, results, _ = run(spec, tmp_path)
    assert any("prompts lost examples" in notice for notice in results.notices)
    _, whole, _ = run(tiny_study(), tmp_path)
    assert whole.notices == ()


def test_a_model_that_is_not_there_is_told_before_anything_is_run(tiny_study: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        plan_study(tiny_study(model="/no/such/model"), Listener())


def test_full_tuning_runs_in_a_study_too(tiny_study: Make, tmp_path: Path) -> None:
    recipe = {"tuner": "full", "epochs": 1, "min_steps": 2}
    spec = tiny_study(arms={"full": [{"encoding": "definition+2-positive", "recipe": recipe}]})
    _, results, listener = run(spec, tmp_path)
    assert {row.labels for row in results.scores} == {0, 4}
    assert not listener.failed


def test_an_interrupt_while_an_adapter_is_attached_stops_the_run(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers are half replaced then, so that the base cannot be restored: this must not hide the interrupt."""
    _break_attaching(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(tiny_study(), tmp_path)


def test_a_base_that_cannot_be_restored_is_loaded_again_for_the_next_step(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_attaching(monkeypatch, MemoryError("out of memory"))
    plan, results, listener = run(tiny_study(), tmp_path)
    assert [failure.reason for failure in listener.failed] == ["MemoryError: out of memory", "its training failed"]
    assert len(listener.ended) == len(plan.work) - 2
    assert len({(row.arm, row.labels) for row in results.scores}) == 3


def _break_attaching(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the first adapter's attaching fail when the base has been changed."""
    learning = ModelPool.learning
    raised = []

    def broken(self: ModelPool, *given: Any, **options: Any) -> torch.nn.Module:
        tuned = learning(self, *given, **options)
        if not raised:
            raised.append(error)
            with torch.no_grad():
                next(tuned.parameters()).add_(1.0)
            raise error
        return tuned

    monkeypatch.setattr(ModelPool, "learning", broken)
