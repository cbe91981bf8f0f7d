"""Studies whose steps run several at once: the same results as one after another, whatever fails or is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.studies.conftest import Listener
from tuition.models.answering import answer_many as answering
from tuition.studies.engines import training_group
from tuition.studies.engines.grouping import step_groups
from tuition.studies.engines.training_step import PreparedTraining
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.store import open_store

Make = Callable[..., StudySpec]
RECIPE = {"name": "small-data", "epochs": 2, "min_steps": 3, "batch_size": 4, "learning_rate": 1e-2}
ARMS = {
    "without": [{"encoding": "quick-learners-input-only", "recipe": RECIPE}],
    "with": [{"encoding": "quick-learners", "recipe": RECIPE}],
}


def run(spec: StudySpec, folder: Path, listener: Listener | None = None) -> tuple[Plan, StudyResults, Listener]:
    listener = listener or Listener()
    with open_store(folder) as store:
        plan = plan_study(spec, listener)
        run_plan(plan, store, listener)
        return plan, gather(plan, store), listener


def weights(plan: Plan, folder: Path) -> dict[str, dict[str, object]]:
    found = {step.key: folder / "adapters" / step.key / "adapter_model.safetensors" for step in plan.work}
    return {key: load_file(path) for key, path in found.items() if path.is_file()}


def require_alike(one: tuple[Plan, Path, StudyResults], other: tuple[Plan, Path, StudyResults]) -> None:
    """Weights within rounding; equal answers and scores."""
    first, second = (weights(plan, folder) for plan, folder, _ in (one, other))
    assert first.keys() == second.keys()
    for key, own in first.items():
        assert own.keys() == second[key].keys()
        for name, value in own.items():
            difference = (value.float() - second[key][name].float()).abs().max()  # type: ignore[attr-defined]
            assert float(difference) < 1e-4, name
    assert one[2].scores == other[2].scores
    assert [row.prediction for row in one[2].predictions] == [row.prediction for row in other[2].predictions]
    for row, same in zip(one[2].predictions, other[2].predictions, strict=True):
        assert (row.ranking is None) == (same.ranking is None)
        if row.ranking and same.ranking:
            for rule, values in row.ranking.scores.items():
                assert values == pytest.approx(same.ranking.scores[rule], abs=1e-3)


@pytest.mark.parametrize("changes", [
    {},
    {"judge": {"test": 6, "validation": 2, "new_tokens": 4, "rank": "all"}},
    {"judge": {"test": 6, "validation": 2, "metrics": [], "rank": "all"}},
    {"judge": {"test": 6, "validation": 2, "new_tokens": 4, "decoding": {"temperature": 1.0}}},
    {"arms": {"ia3": [{"encoding": "quick-learners", "recipe": RECIPE | {"tuner": "ia3"}}]}, "seeds": [1, 2]},
    {"arms": {"soft": [{"encoding": "quick-learners", "recipe": RECIPE | {"tuner": "prompt"}}]}, "seeds": [1, 2]},
], ids=["generated", "ranked too", "ranked alone", "sampled", "ia3", "soft prompts"])  # fmt: skip
def test_steps_at_once_give_what_steps_one_after_another_give(
    changes: dict[str, object], tiny_study: Make, tmp_path: Path
) -> None:
    made = []
    for most in (1, 3):
        spec = tiny_study(**{"arms": ARMS, "labels": [0, 4, 8], "seeds": [1, 2], **changes, "adapters_at_once": most})
        plan, results, listener = run(spec, tmp_path / str(most))
        assert not listener.failed
        assert len(listener.ended) == len(plan.work)
        assert any("at once" in line for line in listener.said) == (most > 1)
        made.append((plan, tmp_path / str(most), results))
    require_alike(*made)


@pytest.mark.parametrize("start", ["auto", "merge", "continue"])
def test_stages_upon_a_common_stage_are_trained_at_once(start: str, two_stages: Make, tmp_path: Path) -> None:
    made = []
    for most in (1, 4):
        plan, results, listener = run(two_stages(start=start, adapters_at_once=most), tmp_path / str(most))
        assert not listener.failed
        made.append((plan, tmp_path / str(most), results))
        assert any("trained 4 models" in line for line in listener.said) == (most == 4)
    require_alike(*made)


@pytest.fixture
def two_stages(tiny_study: Make, write_task: Callable[..., Path]) -> Make:
    """Studies that pre-finetune on one task, and then fine-tune on budgets of another."""
    collection = write_task(2, definition="Name the colour.", rows=41)

    def make(*, start: str, adapters_at_once: int) -> StudySpec:
        stages = [
            {"on": "seen", "setting": "multi-task", "labels": 4, "encoding": "quick-learners", "recipe": RECIPE},
            {"encoding": "quick-learners", "recipe": RECIPE, "start": start},
        ]
        return tiny_study(
            tasks={"collection": str(collection), "names": ["task001_colours"], "seen": ["task002_colours"]},
            arms={"chain": stages},
            labels=[0, 2, 4, 6, 8],
            adapters_at_once=adapters_at_once,
        )

    return make


def test_a_step_that_fails_leaves_the_others_of_its_group(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = PreparedTraining.keep

    def stumble(self: PreparedTraining, *given: object) -> str:
        if self.step.arm == "without" and self.step.labels == 8:
            raise OSError("no space left on the device")
        return keep(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(PreparedTraining, "keep", stumble)
    spec = tiny_study(arms=ARMS, labels=[0, 4, 8], adapters_at_once=4)
    plan, results, listener = run(spec, tmp_path)
    assert [failure.reason for failure in listener.failed] == [
        "OSError: no space left on the device",
        "its training failed",
    ]
    assert {(row.arm, row.labels) for row in results.scores} == {
        (arm, labels) for arm in ARMS for labels in (0, 4, 8)
    } - {("without", 8)}
    monkeypatch.setattr(PreparedTraining, "keep", keep)
    _, results, listener = run(spec, tmp_path)
    assert len(listener.ended) == 2
    assert len({(row.arm, row.labels) for row in results.scores}) == len(plan.evaluations)


def test_a_group_that_breaks_down_runs_one_after_another(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*given: object, **options: object) -> None:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(training_group, "train_together", lost)
    monkeypatch.setattr(answering, "ContinuousBatch", lost)
    plan, results, listener = run(tiny_study(arms=ARMS, labels=[0, 4], adapters_at_once=4), tmp_path)
    assert not listener.failed
    assert len(listener.ended) == len(plan.work)
    assert any("the device is gone" in line for line in listener.said)
    assert len({(row.arm, row.labels) for row in results.scores}) == 4


def test_an_interrupted_group_continues_from_the_states_it_kept(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Listener):
        def advance(self, step: object, work: float) -> None:
            self.work += 1
            if self.work == 4:
                raise KeyboardInterrupt

    def spec(most: int) -> StudySpec:
        return tiny_study(arms=ARMS, labels=[4, 8], seeds=[1, 2], adapters_at_once=most)

    with pytest.raises(KeyboardInterrupt):
        run(spec(4), tmp_path / "stopped", Stopping())
    kept = list((tmp_path / "stopped" / "checkpoints").iterdir())
    assert len(kept) >= 3
    # One after another, and again at once: either way continues what the other began.
    plan, results, listener = run(spec(1), tmp_path / "stopped")
    assert not listener.failed
    assert not list((tmp_path / "stopped" / "checkpoints").iterdir())
    whole_plan, whole, _ = run(spec(4), tmp_path / "whole")
    require_alike((plan, tmp_path / "stopped", results), (whole_plan, tmp_path / "whole", whole))


def test_full_tuning_and_unlike_adapters_are_grouped_apart(tiny_study: Make) -> None:
    arms = {
        "rank 2": [{"encoding": "quick-learners", "recipe": RECIPE | {"tuner_options": {"rank": 2}}}],
        "rank 4": [{"encoding": "quick-learners", "recipe": RECIPE | {"tuner_options": {"rank": 4}}}],
        "full": [{"encoding": "quick-learners", "recipe": RECIPE | {"tuner": "full"}}],
    }
    plan = make_plan(tiny_study(arms=arms, labels=[0, 4, 8]), model_identity="m", precision="float32")
    groups = list(step_groups(plan.work, set(), 4))
    assert sorted(step.key for group in groups for step in group) == sorted(step.key for step in plan.work)
    for group in groups:
        assert len({(step.kind, step.recipe.tuner, step.recipe.tuner_options.get("rank")) for step in group}) <= (
            1 if group[0].needs or group[0].kind == "train" else 3  # the base answers for all arms at once
        )
        assert len(group) == 1 or "full" not in {step.recipe.tuner for step in group if step.needs}
    finished: set[str] = set()
    for group in groups:
        assert all(key in finished for step in group for key in step.needs)
        finished |= {step.key for step in group}


@pytest.mark.parametrize("given", [0, -1, "many", 1.5])
def test_a_number_of_adapters_that_cannot_be_is_refused(given: object, tiny_study: Make) -> None:
    with pytest.raises(Exception, match="adapters_at_once"):
        tiny_study(adapters_at_once=given)


def test_with_one_adapter_at_once_every_step_comes_alone_and_in_order(tiny_study: Make) -> None:
    plan = make_plan(tiny_study(), model_identity="m", precision="float32")
    groups: Sequence[Sequence[object]] = list(step_groups(plan.work, set(), 1))
    assert [step for group in groups for step in group] == list(plan.work)
    assert all(len(group) == 1 for group in groups)
