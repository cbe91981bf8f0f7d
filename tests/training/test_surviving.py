"""Runs that are stopped, run out of memory or diverge: nothing is lost, and what goes on is what would have been."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest
import torch

from tests.models.architectures import build
from tests.training.test_trainer import RECIPE, task_batches
from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.tuners import make_tuner
from tuition.training import train
from tuition.training.checkpoints import Checkpoint

SHORT = dataclasses.replace(RECIPE, epochs=6)


def learnt(tuned: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in tuned.parameters() if p.requires_grad])


def attached(tuner: str, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    return make_tuner(tuner).attach(build("llama").to(dtype), seed=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("tuner", "optimiser", "dtype"),
    [
        ("lora", "adamw", torch.float32),
        ("lora", "adamw", torch.bfloat16),
        ("full", "adafactor", torch.float32),
        ("ia3", "adafactor", torch.bfloat16),
        ("prompt", "adamw", torch.float32),
    ],
)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    tuner: str, optimiser: str, dtype: torch.dtype, number: int, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(SHORT, optimiser=optimiser)
    whole = attached(tuner, dtype)
    log = train(whole, task_batches(), recipe, seed=1)

    count = 0

    def stop(done: int) -> None:
        nonlocal count
        count += 1
        if count == 5:
            os.kill(os.getpid(), number)

    checkpoint = Checkpoint(tmp_path / "kept", seconds=1e9)
    with pytest.raises(KeyboardInterrupt):
        train(attached(tuner, dtype), task_batches(), recipe, seed=1, checkpoint=checkpoint, advance=stop)
    torch.manual_seed(99)  # the state of the draw is part of what is kept
    again = attached(tuner, dtype)
    resumed = train(again, task_batches(), recipe, seed=1, checkpoint=Checkpoint(tmp_path / "kept"))
    assert resumed.resumed_at == 6
    assert resumed.losses == log.losses
    assert torch.equal(learnt(again), learnt(whole))


def test_a_kill_between_checkpoints_loses_only_the_steps_since(tmp_path: Path) -> None:
    whole = attached("lora")
    log = train(whole, task_batches(), SHORT, seed=1)
    checkpoint = Checkpoint(tmp_path / "kept", seconds=0)
    count = 0

    def die(done: int) -> None:
        nonlocal count
        count += 1
        if count == 7:
            raise SystemError("as if the process were gone")

    with pytest.raises(SystemError):
        train(attached("lora"), task_batches(), SHORT, seed=1, checkpoint=checkpoint, advance=die)
    assert {file.suffix for file in (tmp_path / "kept").iterdir()} == {".safetensors", ".json"}
    again = attached("lora")
    resumed = train(again, task_batches(), SHORT, seed=1, checkpoint=checkpoint)
    assert resumed.resumed_at == 7
    assert resumed.losses == log.losses
    assert torch.equal(learnt(again), learnt(whole))


@pytest.mark.parametrize("damage", ["state.safetensors", "progress.json"])
def test_a_damaged_state_is_refused_with_its_place(damage: str, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "kept", seconds=0)
    train(attached("lora"), task_batches(), SHORT, seed=1, checkpoint=checkpoint)
    (tmp_path / "kept" / damage).write_bytes(b"{")
    with pytest.raises(UserError, match=r"kept: the checkpoint cannot be used"):
        train(attached("lora"), task_batches(), SHORT, seed=1, checkpoint=checkpoint)


def test_another_tuners_state_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "kept", seconds=0)
    train(attached("lora"), task_batches(), SHORT, seed=1, checkpoint=checkpoint)
    with pytest.raises(UserError, match="another set of weights"):
        train(attached("ia3"), task_batches(), SHORT, seed=1, checkpoint=checkpoint)


class Narrow:
    """Stands before `Objective.forward` and refuses runs of more than so many rows, as a full device would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
        forward = Objective.forward

        def refuse(objective: Objective, run: list) -> torch.Tensor:
            if len(run) > rows:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried too much")
            return forward(objective, run)

        monkeypatch.setattr(Objective, "forward", refuse)


def test_out_of_memory_halves_the_runs_and_keeps_the_optimisers_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = train(attached("lora"), task_batches(), SHORT, seed=1)
    Narrow(monkeypatch, rows=1)
    narrow = train(attached("lora"), task_batches(), SHORT, seed=1)
    assert narrow.halved >= 1
    assert narrow.steps == wide.steps
    assert narrow.losses == pytest.approx(wide.losses, rel=1e-3)


def test_a_row_that_never_fits_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Narrow(monkeypatch, rows=0)
    with pytest.raises(UserError, match=r"a single row of .* does not fit into memory"):
        train(attached("lora"), task_batches(), SHORT, seed=1)


def test_other_errors_of_a_model_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(objective: Objective, run: list) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Objective, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        train(attached("lora"), task_batches(), SHORT, seed=1)


def test_a_diverging_run_keeps_its_last_good_state_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = Objective.forward, 0

    def explode(objective: Objective, run: list) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return forward(objective, run) * (float("nan") if calls > 4 else 1.0)

    monkeypatch.setattr(Objective, "forward", explode)
    checkpoint = Checkpoint(tmp_path / "kept", seconds=1e9)
    tuned = attached("lora")
    with pytest.raises(UserError, match=r"the loss is nan; lower the learning rate .* saved in .*kept"):
        train(tuned, task_batches(), SHORT, seed=1, checkpoint=checkpoint)
    assert torch.isfinite(learnt(tuned)).all()
    monkeypatch.setattr(Objective, "forward", forward)
    assert train(attached("lora"), task_batches(), SHORT, seed=1, checkpoint=checkpoint).resumed_at == 4


def test_gradient_checkpointing_takes_the_same_course_and_is_switched_off_again() -> None:
    plain = train(attached("lora"), task_batches(), SHORT, seed=1)
    tuned = attached("lora")
    saving = train(tuned, task_batches(), dataclasses.replace(SHORT, gradient_checkpointing=True), seed=1)
    assert saving.shared_prefix
    assert saving.losses == pytest.approx(plain.losses, rel=1e-3)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in tuned.modules())
