"""What a plan takes, told before its first step and without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.studies.conftest import study_text
from tuition.models.load import load_model, model_shape
from tuition.models.tuners import make_tuner
from tuition.studies.planning.estimate import estimate, outline
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.spec.study import StudySpec, parse_study

Make = Callable[..., StudySpec]
RECIPE = {"name": "small-data", "epochs": 1, "min_steps": 3, "batch_size": 4}


def planned(spec: StudySpec) -> Plan:
    return make_plan(spec, model_identity="m", precision="float32")


def tuned(tuner: str) -> dict[str, object]:
    return {"arms": {"only": [{"encoding": "definition", "recipe": {**RECIPE, "tuner": tuner}}]}}


def test_models_steps_and_disk_are_counted_without_weights(tiny_study: Make, tiny_model: Path) -> None:
    plan = planned(tiny_study(**tuned("lora"), labels=[0, 4, 8], seeds=[1, 2]))
    told = outline(plan.work, "float32", model_shape(str(tiny_model)))
    learnt = make_tuner("lora").attach(load_model(str(tiny_model), precision="float32").model, seed=1)
    count = sum(p.numel() for p in learnt.parameters() if p.requires_grad)
    assert (told.training, told.judging, told.optimiser_steps) == (4, 5, 4 * 3)
    assert (told.parameters, told.disk) == (count, 4 * count * 4)
    assert told.seconds is None
    assert "4 models to train in 12 optimiser steps; 5 to evaluate" in str(told)
    assert "pace" not in str(told)


def test_sizes_of_a_model_that_is_not_here_are_left_out(
    tiny_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = outline(planned(tiny_study()).work, "float32")
    assert (told.parameters, told.disk) == (None, None)
    assert "disk" not in str(told)
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "empty"))
    assert model_shape("smollm2-135m") is None
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("tuner", ["lora", "full", "prompt"])
@pytest.mark.parametrize("kind", ["causal", "encoder-decoder"])
def test_time_is_told_from_a_small_step_and_the_model_stays_as_it_was(
    tuner: str, kind: str, tiny_model: Path, tiny_t5: Path, write_task: Callable[..., Path]
) -> None:
    folder = tiny_model if kind == "causal" else tiny_t5
    spec = parse_study(study_text(write_task(), folder, **tuned(tuner)), Path("x"))
    loaded = load_model(str(folder), precision="float32")
    loaded.model.get_output_embeddings().weight.requires_grad_(False)
    before = {name: (value.requires_grad, value.clone()) for name, value in loaded.model.named_parameters()}
    told = estimate(planned(spec).work, loaded, "float32")
    assert told.seconds is not None
    assert told.seconds > 0
    assert "at this machine's present pace" in str(told)
    for name, value in loaded.model.named_parameters():
        assert value.grad is None
        assert value.requires_grad is before[name][0]
        assert torch.equal(value, before[name][1])


def test_a_plan_of_heuristics_needs_no_pace(write_task: Callable[..., Path], tiny_model: Path) -> None:
    arms = {"copy": [{"setting": "heuristic", "heuristic": "copy-input"}]}
    plan = planned(parse_study(study_text(write_task(), tiny_model, arms=arms), Path("x")))
    told = estimate(plan.work, load_model(str(tiny_model), precision="float32"), "float32")
    assert told.seconds == 0
    assert told.training == 0
