from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_prefix import BATCHES
from tuition.base.errors import UserError
from tuition.models.batches import collate
from tuition.models.generation import generate_greedily
from tuition.models.model_pool import ModelPool
from tuition.models.prefix import TargetLoss
from tuition.models.tuners import TUNERS, make_tuner
from tuition.models.tuners.lora import LoRA


def loss(model: torch.nn.Module) -> float:
    with torch.no_grad():
        return float(TargetLoss(model, share_prefix=True)(collate(BATCHES["ragged rows"])))


def disturb(model: torch.nn.Module) -> None:
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(4))


@pytest.mark.parametrize("name", list(TUNERS))
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_base_comes_back_bit_for_bit(name: str, architecture: str) -> None:
    warm = ModelPool(build(architecture))
    before = {key: value.clone() for key, value in warm.base.state_dict().items()}
    tuned = warm.learning([], make_tuner(name), seed=1)
    disturb(tuned)
    assert loss(tuned) != loss(build(architecture))
    warm.reset()
    after = warm.base.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert loss(warm.base) == loss(build(architecture))


@pytest.mark.parametrize("name", list(TUNERS))
def test_only_what_a_tuner_learns_has_gradients(name: str) -> None:
    tuned = make_tuner(name).attach(build("llama"), seed=1)
    learning = {n for n, p in tuned.named_parameters() if p.requires_grad}
    marks = {"lora": "lora_", "ia3": "ia3_", "prompt": "prompt_encoder", "full": ""}
    assert learning
    assert all(marks[name] in n for n in learning)
    TargetLoss(tuned, share_prefix=True)(collate(BATCHES["ragged rows"])).backward()
    assert {n for n, p in tuned.named_parameters() if p.grad is not None} == learning


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "neox", "opt", "qwen2"])
@pytest.mark.parametrize("name", ["ia3", "prompt"])
def test_sharing_is_exact_under_scales_and_soft_prompts(name: str, architecture: str) -> None:
    tuned = make_tuner(name).attach(build(architecture), seed=1)
    disturb(tuned)
    told = []
    for share in (True, False):
        tuned.zero_grad()
        summed = TargetLoss(tuned, share_prefix=share)(collate(BATCHES["ragged rows"]))
        summed.backward()
        gradients = torch.cat([p.grad.flatten() for p in tuned.parameters() if p.grad is not None])
        told.append((float(summed.detach()), gradients))
    assert told[0][0] == pytest.approx(told[1][0], rel=1e-5)
    assert torch.allclose(told[0][1], told[1][1], rtol=1e-4, atol=1e-5)


def test_a_soft_prompt_answers_as_pefts_own_forward_pass() -> None:
    tuned = make_tuner("prompt", {"vectors": 5}).attach(build("llama"), seed=1)
    disturb(tuned)
    rows = BATCHES["ragged rows"]
    ours = generate_greedily(tuned, rows, end=frozenset({96}), new_tokens=6)
    for row, answer in zip(rows, ours, strict=True):
        ids = list(row.prefix + row.body)
        for _ in range(6):
            ids.append(int(tuned(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == 96:
                break
        assert list(answer) == [token for token in ids[len(row.prefix + row.body) :] if token != 96]


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("lora", {"rang": 4}, "has no option rang; it has rank, alpha, modules"),
        ("lora", {"rank": "4"}, "rank is '4'; it must be int"),
        ("lora", {"rank": 0}, "rank is 0; it must be 1 or more"),
        ("full", {"rank": 4}, "has no option rank; it has none"),
        ("ia4", {}, "did you mean 'ia3'"),
    ],
)
def test_an_unknown_option_is_a_user_error(name: str, options: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_tuner(name, options)


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
