from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from tests.models.architectures import build
from tuition.models.adapters import AdapterBank
from tuition.models.recipes import Recipe
from tuition.models.tuners import Tuner
from tuition.models.tuners.ia3 import IA3
from tuition.models.tuners.lora import LoRA
from tuition.training.optimiser import MasterOptimiser
from tuition.training.stacked_optimiser import StackedOptimiser

RECIPE = Recipe(name="test", weight_decay=0.1, max_gradient_norm=0.5)


def alone(bank: AdapterBank, slot: int, recipe: Recipe) -> tuple[list[torch.nn.Parameter], MasterOptimiser]:
    parameters = [torch.nn.Parameter(weight.detach().clone()) for weight in bank.weights_of(slot)]
    return parameters, MasterOptimiser(parameters, recipe)


def gradients_of(bank: AdapterBank, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = torch.zeros_like(bank.weights)
    for slot in range(bank.slots):
        for part in bank.weights_of(slot, made):
            part.copy_(3 ** (slot - 1) * torch.randn(part.shape, generator=generator))
    return made


def take_steps(bank: AdapterBank, recipes: list[Recipe], steps: int, dtype: torch.dtype) -> None:
    """Step some slots together, and each by the single path's optimiser; compare all of them."""
    optimiser = StackedOptimiser(bank, recipes[0].optimiser)
    peers = []
    for slot, recipe in enumerate(recipes):
        bank.start(slot, seed=slot)
        optimiser.begin(slot, recipe)
        peers.append(alone(bank, slot, recipe))
    for step in range(steps):
        optimiser.gradients.copy_(gradients_of(bank, step))
        chosen = [slot for slot in range(bank.slots) if (slot + step) % 3 or step == 0]  # not every slot every time
        rates = {slot: recipes[slot].learning_rate / (step + 1) for slot in chosen}
        found = optimiser.norms().tolist()
        for slot in chosen:
            parameters, peer = peers[slot]
            for parameter, gradient in zip(parameters, bank.weights_of(slot, optimiser.gradients), strict=True):
                parameter.grad = gradient.clone()
            norm = peer.step(rates[slot], recipes[slot].max_gradient_norm)
            assert found[slot] == pytest.approx(norm, rel=1e-5)
        optimiser.step(rates, {slot: found[slot] for slot in chosen})
        assert not optimiser.gradients.any()
    close: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-7}
    for slot, (parameters, peer) in enumerate(peers):
        theirs = peer.state()
        ours = optimiser.state(slot)
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, **close, msg=lambda text, name=name: f"{name}: {text}")
        for mine, parameter in zip(bank.weights_of(slot), parameters, strict=True):
            assert mine.dtype == dtype
            torch.testing.assert_close(mine, parameter.detach(), **(close if dtype == torch.float32 else {}))


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
@pytest.mark.parametrize("tuner", [LoRA(rank=4), IA3()], ids=["lora", "ia3"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_slot_is_stepped_as_it_would_be_alone(
    monkeypatch: pytest.MonkeyPatch, kind: Any, tuner: Tuner, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("tuition.training.stacked_optimiser._AT_ONCE", 999)  # several parts a step
    recipes = [
        dataclasses.replace(RECIPE, optimiser=kind, learning_rate=rate, weight_decay=decay, max_gradient_norm=norm)
        for rate, decay, norm in [(1e-2, 0.1, 0.5), (3e-3, 0.0, 1.0), (1e-1, 0.01, 1e6)]
    ]
    with AdapterBank(build("llama").to(dtype), tuner, 3) as bank:
        take_steps(bank, recipes, 5, dtype)


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_a_kept_state_goes_on_in_another_slot_and_in_the_single_path(kind: Any) -> None:
    recipe = dataclasses.replace(RECIPE, optimiser=kind)
    with AdapterBank(build("llama"), LoRA(rank=4), 3) as bank:
        optimiser = StackedOptimiser(bank, kind)
        for slot in range(3):
            bank.start(slot, seed=1)
            optimiser.begin(slot, recipe)
        parameters, peer = alone(bank, 0, recipe)
        same = gradients_of(bank, 1)[0]
        for _ in range(2):
            optimiser.gradients[0] = same
            optimiser.step({0: 1e-2}, {0: float(optimiser.norms()[0])})
        kept = {name: value.clone() for name, value in optimiser.state(0).items()}
        optimiser.restore(2, kept)
        peer.restore(kept)
        optimiser.gradients[0] = optimiser.gradients[2] = same
        for parameter, gradient in zip(parameters, bank.weights_of(0, optimiser.gradients), strict=True):
            parameter.grad = gradient.clone()
        norms = optimiser.norms().tolist()
        optimiser.step({0: 1e-2, 2: 1e-2}, {0: norms[0], 2: norms[2]})
        peer.step(1e-2, recipe.max_gradient_norm)
        torch.testing.assert_close(bank.weights[2], bank.weights[0], rtol=0, atol=1e-7)
        for mine, parameter in zip(bank.weights_of(0), parameters, strict=True):
            torch.testing.assert_close(mine, parameter.detach(), rtol=1e-5, atol=1e-7)
        with pytest.raises(ValueError, match="another set of weights"):
            optimiser.restore(0, {name: value for name, value in kept.items() if name != "master.3"})
        with pytest.raises(ValueError, match="another optimiser"):
            optimiser.restore(
                0, {name: value for name, value in kept.items() if "3.col" not in name and "3.exp_avg" not in name}
            )


def test_a_slot_that_takes_no_step_stays_as_it_is() -> None:
    with AdapterBank(build("llama"), LoRA(rank=4), 3) as bank:
        optimiser = StackedOptimiser(bank, "adamw")
        for slot in range(3):
            bank.start(slot, seed=slot)
            optimiser.begin(slot, RECIPE)
        before = bank.weights.clone()
        optimiser.gradients.fill_(1.0)
        optimiser.gradients[1] = float("nan")
        optimiser.step({0: 1e-2, 2: 1e-2}, {0: 1.0, 2: 1.0})
        assert torch.equal(bank.weights[1], before[1])
        assert not torch.equal(bank.weights[0], before[0])
        assert bank.weights.isfinite().all()
        assert optimiser.state(1).keys() == {f"master.{at}" for at in range(len(bank.stacked))}
