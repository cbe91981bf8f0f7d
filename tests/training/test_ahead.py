"""The accelerators' path of training, run on a CPU: the plain path's numbers, and what it does when things fail."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_graphs import Recorder
from tests.models.test_objective import mixed
from tests.training.test_trainer import END, RECIPE, task_batches
from tuition.base.errors import UserError
from tuition.models.execution import Execution, execution_for
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training import TrainingLog, train
from tuition.training.ahead import UNREAD, ahead
from tuition.training.checkpoints import Checkpoint
from tuition.training.device_optimiser import AheadOptimiser
from tuition.training.optimiser import MasterOptimiser

AHEAD = Execution(packed=True, ahead=True)
COURSE = dataclasses.replace(RECIPE, epochs=6)


@pytest.fixture
def accelerated(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Switches between a CPU's own path and that of an accelerator."""

    def switch(on: bool) -> None:
        monkeypatch.setattr(
            "tuition.training.trainer.execution_for", lambda device: AHEAD if on else execution_for(device)
        )

    return switch


def weights(tuned: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().float() for p in tuned.parameters() if p.requires_grad])


def rows_of_three_tasks() -> list[TokenizedPrompt]:
    return [TokenizedPrompt(r.prefix, r.body, (*(t % END for t in r.target), END)) for r in mixed()]


def course(
    tuner: str, recipe: Recipe, *, model: str = "llama", rows: list[TokenizedPrompt] | None = None, **options: object
) -> tuple[TrainingLog, torch.Tensor]:
    tuned = make_tuner(tuner, {}).attach(build(model), seed=1)
    log = train(tuned, rows or task_batches(), recipe, seed=1, **options)
    return log, weights(tuned)


@pytest.mark.parametrize(
    ("model", "tuner", "share"),
    [
        ("llama", "lora", True),
        ("llama", "lora", False),
        ("llama", "full", True),
        ("gpt2", "full", False),
        ("gpt2", "lora", True),
        ("opt", "ia3", True),
    ],
)
def test_an_accelerators_path_takes_the_plain_course(accelerated, model: str, tuner: str, share: bool) -> None:
    recipe = dataclasses.replace(COURSE, share_prefix=share, learning_rate=1e-3, weight_decay=0.01)
    (plain, before), (fast, after) = [
        (accelerated(on), course(tuner, recipe, model=model, rows=rows_of_three_tasks()))[1] for on in (False, True)
    ]
    assert fast.losses == pytest.approx(plain.losses, rel=1e-5)
    # Adam's first steps are the gradients' signs, so that a gradient near zero can go either way.
    assert torch.quantile((after - before).abs(), 0.99) < 1e-5
    assert fast.shared_prefix is share
    assert fast.launches.startswith("packed passes, no graphs: a device of type cpu has no CUDA graphs")
    assert dataclasses.replace(fast, losses=(), seconds=0, launches="") == dataclasses.replace(
        plain, losses=(), seconds=0
    )


@pytest.mark.parametrize(("model", "tuner"), [("gemma3", "lora"), ("mistral", "lora"), ("llama", "prompt")])
def test_models_that_cannot_be_packed_run_ahead_in_their_plain_passes(accelerated, model: str, tuner: str) -> None:
    plain, _ = course(tuner, COURSE, model=model)
    accelerated(True)
    fast, _ = course(tuner, COURSE, model=model)
    assert fast.losses == pytest.approx(plain.losses, rel=1e-4)
    assert fast.launches.startswith("plain passes: packs are not exact for this model")


def test_gradient_checkpointing_gives_the_same_course(accelerated) -> None:
    accelerated(True)
    plain, _ = course("lora", COURSE)
    saving, _ = course("lora", dataclasses.replace(COURSE, gradient_checkpointing=True))
    assert saving.losses == pytest.approx(plain.losses, rel=1e-5)
    assert saving.launches.startswith("packed passes")


def test_a_budget_of_few_tokens_gives_the_same_course(accelerated) -> None:
    accelerated(True)
    wide, _ = course("lora", COURSE)
    narrow, _ = course("lora", dataclasses.replace(COURSE, memory=40))
    assert narrow.losses == pytest.approx(wide.losses, rel=1e-5)


def test_adafactor_takes_the_plain_course(accelerated) -> None:
    recipe = dataclasses.replace(COURSE, optimiser="adafactor")
    plain, before = course("lora", recipe)
    accelerated(True)
    fast, after = course("lora", recipe)
    assert fast.losses == pytest.approx(plain.losses, rel=1e-4)
    assert torch.allclose(after, before, atol=1e-4)
    assert "Adafactor reads values back" in fast.launches


def test_replayed_steps_take_the_plain_course(accelerated, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, before = course("lora", COURSE)
    recorders: list[Recorder] = []

    def capture_for(device: torch.device) -> tuple[Recorder, str]:
        recorders.append(Recorder())
        return recorders[-1], ""

    monkeypatch.setattr("tuition.models.graphs.capture_for", capture_for)
    accelerated(True)
    fast, after = course("lora", COURSE)
    assert fast.losses == pytest.approx(plain.losses, rel=1e-5)
    assert torch.quantile((after - before).abs(), 0.99) < 1e-5
    assert all("replay" in recorder.log for recorder in recorders)
    assert len(recorders) == 2
    assert "graphs: " in fast.launches


def test_gradients_and_graphs_are_let_go_of_in_the_end(accelerated) -> None:
    accelerated(True)
    tuned = make_tuner("lora", {}).attach(build("llama"), seed=1)
    train(tuned, task_batches(), COURSE, seed=1)
    assert all(parameter.grad is None for parameter in tuned.parameters())


def diverging(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the loss be no number at that step and after it, in the packed and the plain path alike."""
    from tuition.models import objective, packs
    from tuition.training import passes

    counts = itertools.count(1)

    def poisoned(real):
        return lambda *given, **named: real(*given, **named) * (float("nan") if next(counts) >= at else 1.0)

    monkeypatch.setattr(passes, "packs_loss", poisoned(packs.packs_loss))
    monkeypatch.setattr(objective, "packed_loss", poisoned(objective.packed_loss))


@pytest.mark.parametrize("optimiser", ["adamw", "adafactor"])
@pytest.mark.parametrize("at", [1, 3, UNREAD, UNREAD + 1, 13])
def test_a_divergence_is_found_at_its_step_and_the_state_before_it_is_kept(
    accelerated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int, optimiser: str
) -> None:
    recipe = dataclasses.replace(COURSE, epochs=10, optimiser=optimiser)
    kept = []
    for on in (False, True):
        accelerated(on)
        diverging(monkeypatch, at)
        folder = tmp_path / str(on)
        tuned = make_tuner("lora", {}).attach(build("llama"), seed=1)
        with pytest.raises(UserError, match=rf"at step {at} of 20 the loss is nan; lower.*is saved in"):
            train(tuned, task_batches(), recipe, seed=1, checkpoint=Checkpoint(folder))
        monkeypatch.undo()
        fresh = make_tuner("lora", {}).attach(build("llama"), seed=1)
        optimiser_of = MasterOptimiser(fresh.parameters(), recipe)
        losses = Checkpoint(folder).begin(optimiser_of)
        assert len(losses) == at - 1
        assert torch.equal(weights(fresh), weights(tuned))  # not moved by the steps after it
        kept.append((losses, weights(fresh)))
    assert kept[1][0] == pytest.approx(kept[0][0], rel=1e-4)
    assert torch.quantile((kept[1][1] - kept[0][1]).abs(), 0.99) < 1e-4


def test_a_norm_that_is_no_number_is_found_though_the_loss_is_finite(accelerated) -> None:
    accelerated(True)
    tuned = make_tuner("lora", {}).attach(build("llama"), seed=1)
    next(p for p in tuned.parameters() if p.requires_grad).register_hook(lambda gradient: gradient * float("inf"))
    before = weights(tuned)
    with pytest.raises(UserError, match=r"at step 1 of 12 the gradients' norm is (nan|inf)"):
        train(tuned, task_batches(), COURSE, seed=1)
    assert torch.equal(weights(tuned), before)


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
def test_a_stopped_run_continues_on_either_path(accelerated, tmp_path: Path, first: bool, second: bool) -> None:
    import os
    import signal

    accelerated(first)
    whole, reference = course("lora", COURSE)
    stopped = itertools.count(1)

    def stop(done: int) -> None:
        if next(stopped) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        course("lora", COURSE, checkpoint=Checkpoint(tmp_path / "kept"), advance=stop)
    accelerated(second)
    resumed, ended = course("lora", COURSE, checkpoint=Checkpoint(tmp_path / "kept"))
    assert resumed.resumed_at == 6
    assert resumed.losses == pytest.approx(whole.losses, rel=1e-4)
    if first and second:
        assert resumed.losses == whole.losses
        assert torch.equal(ended, reference)


def test_memory_that_does_not_suffice_halves_the_passes(accelerated, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuition.models import packs
    from tuition.training import passes

    accelerated(True)
    whole, _ = course("lora", COURSE, rows=rows_of_three_tasks())

    def tight(model: torch.nn.Module, made: packs.Packs) -> torch.Tensor:
        loss = packs.packs_loss(model, made)
        if made.ids.numel() > 64:
            loss.backward()  # gradients of a pass that failed must not count
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss

    monkeypatch.setattr(passes, "packs_loss", tight)
    narrow, _ = course("lora", COURSE, rows=rows_of_three_tasks())
    assert narrow.halved >= 1
    assert narrow.losses == pytest.approx(whole.losses, rel=1e-5)


def test_a_row_that_fits_in_no_memory_is_said(accelerated, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuition.training import passes

    def full(*given: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    accelerated(True)
    monkeypatch.setattr(passes, "packs_loss", full)
    with pytest.raises(UserError, match=r"a single row of \d+ tokens does not fit into memory"):
        course("lora", COURSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_ahead_optimiser_takes_the_steps_of_the_other(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr("tuition.training.device_optimiser._AT_ONCE", 10)
    recipe = dataclasses.replace(RECIPE, weight_decay=0.1, max_gradient_norm=0.5)
    torch.manual_seed(1)
    ours = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in ((3,), (4, 5), (2, 3), (1,), (7,))]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    fast, plain = AheadOptimiser(ours, recipe), MasterOptimiser(theirs, recipe)
    for step in range(20):
        for one, other in zip(ours, theirs, strict=True):
            gradient = (torch.randn_like(one) * (0.01 if step % 3 else 10)).to(dtype)
            one.grad.add_(gradient)
            other.grad = gradient.clone()
        norm = fast.step_ahead(torch.tensor(1.0), 1e-2 / (step + 1))
        assert float(norm) == pytest.approx(plain.step(1e-2 / (step + 1), 0.5), rel=1e-6)
        assert all(float(parameter.grad.abs().sum()) == 0 for parameter in ours)
    for name, value in plain.state().items():
        assert torch.allclose(fast.state()[name].double(), value.double(), rtol=1e-5, atol=1e-6), name


def test_prepared_items_come_in_order_and_no_more_are_taken_than_needed() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    before = threading.active_count()
    items = ahead(numbers(), 2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    time.sleep(0.3)
    assert len(taken) <= 3 + 2 + 1
    items.close()
    assert threading.active_count() == before


def test_an_error_of_the_thread_is_raised_where_its_items_are_used() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("the second is broken")

    items = ahead(failing(), 2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="the second is broken"):
        next(items)


def test_only_cuda_devices_run_ahead() -> None:
    assert execution_for(torch.device("cpu")) == Execution(packed=False, ahead=False)
    assert execution_for(torch.device("mps")) == Execution(packed=False, ahead=False)
    assert execution_for(torch.device("cuda")) == AHEAD
