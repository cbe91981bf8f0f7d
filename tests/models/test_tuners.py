from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_prefix import BATCHES
from tuition.base.errors import UserError
from tuition.models.batches import collate
from tuition.models.prefix import TargetLoss
from tuition.models.tuners import TUNERS
from tuition.models.tuners.lora import LoRA


def loss(model: torch.nn.Module) -> float:
    with torch.no_grad():
        return float(TargetLoss(model, share_prefix=True)(collate(BATCHES["ragged rows"])))


def disturb(model: torch.nn.Module) -> None:
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1


@pytest.mark.parametrize("name", list(TUNERS))
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_base_comes_back_bit_for_bit(name: str, architecture: str) -> None:
    base = build(architecture)
    before = {key: value.clone() for key, value in base.state_dict().items()}
    tuner = TUNERS[name]()
    tuned = tuner.attach(base, seed=1)
    disturb(tuned)
    assert loss(tuned) != loss(build(architecture))
    back = tuner.detach(tuned)
    after = back.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert loss(back) == loss(build(architecture))


@pytest.mark.parametrize("name", list(TUNERS))
def test_what_is_saved_answers_as_what_was_learnt(name: str, tmp_path: Path) -> None:
    tuner = TUNERS[name]()
    tuned = tuner.attach(build("llama"), seed=1)
    disturb(tuned)
    learnt = loss(tuned)
    tuner.save(tuned, tmp_path / "adapter")
    assert {file.suffix for file in (tmp_path / "adapter").iterdir()} <= {".safetensors", ".json", ".md"}
    base = build("llama")
    other = TUNERS[name]()
    assert loss(other.load(base, tmp_path / "adapter")) == learnt


def test_lora_starts_as_the_base_and_learns_a_small_part() -> None:
    tuned = LoRA(rank=2).attach(build("llama"), seed=1)
    assert loss(tuned) == pytest.approx(loss(build("llama")), rel=1e-6)
    learnt = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert 0 < learnt < 0.2 * sum(p.numel() for p in tuned.parameters())


def test_loras_start_is_drawn_from_its_seed_alone() -> None:
    def start(seed: int) -> torch.Tensor:
        torch.manual_seed(seed * 7 + 1)
        tuned = LoRA().attach(build("llama"), seed=seed)
        return torch.cat([p.flatten() for n, p in tuned.named_parameters() if "lora_A" in n])

    assert torch.equal(start(1), start(1))
    assert not torch.equal(start(1), start(2))


def test_layers_that_are_not_there_are_a_user_error() -> None:
    with pytest.raises(UserError, match="LoRA cannot be attached"):
        LoRA(modules="no_such_layer").attach(build("llama"), seed=1)
