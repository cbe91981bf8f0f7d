from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, MixtralConfig

from tests.models.architectures import VOCABULARY, build
from tuition.base.errors import UserError
from tuition.models.adapters import AdapterBank, why_not
from tuition.models.tuners import Tuner
from tuition.models.tuners.full import Full
from tuition.models.tuners.ia3 import IA3
from tuition.models.tuners.lora import LoRA
from tuition.models.tuners.prompt import PromptTuning

TUNERS: list[Tuner] = [LoRA(rank=4), LoRA(rank=3, alpha=5), IA3(), PromptTuning(vectors=3)]
ARCHITECTURES = ["llama", "gpt2", "qwen2", "gemma3", "neox", "opt"]
IDS = torch.arange(3 * 9).view(3, 9) * 7 % VOCABULARY


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def varied(bank: AdapterBank) -> AdapterBank:
    """Fill every slot with an adapter that changes what the model answers."""
    for slot in range(bank.slots):
        bank.start(slot, seed=slot + 5)
    generator = torch.Generator().manual_seed(2)
    bank.weights.add_(0.1 * torch.randn(bank.weights.shape, generator=generator))
    return bank


def logits(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=ids).logits
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tuner", TUNERS, ids=lambda tuner: f"{type(tuner).__name__}")
def test_a_fresh_slot_is_what_the_tuner_draws_alone(architecture: str, tuner: Tuner, tmp_path: Path) -> None:
    with AdapterBank(build(architecture), tuner, 2) as bank:
        assert bank.template.fast
        bank.start(1, seed=11)
        bank.save(1, tmp_path / "bank")
    tuned = tuner.attach(build(architecture), seed=11)
    tuner.save(tuned, tmp_path / "alone")
    ours, alone = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("bank", "alone"))
    assert ours.keys() == alone.keys()
    assert all(torch.equal(ours[name], alone[name]) for name in alone)
    learning = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    assert all(torch.equal(mine, its) for mine, its in zip(bank.weights_of(1), learning, strict=True))


@pytest.mark.parametrize("tuner", TUNERS[:1] + TUNERS[2:], ids=lambda tuner: f"{type(tuner).__name__}")
def test_a_tuner_that_draws_otherwise_is_asked_each_time(monkeypatch: pytest.MonkeyPatch, tuner: Tuner) -> None:
    monkeypatch.setattr("tuition.models.adapters.template.drawn_like_peft", lambda *_: None)
    model = build("llama")
    with AdapterBank(model, tuner, 2) as bank:
        assert not bank.template.fast
        bank.start(0, seed=4)
        drawn = [weight.clone() for weight in bank.weights_of(0)]
        if not bank.soft:
            with bank.rows([0, 1, 0]):
                assert logits(model).isfinite().all()  # wrapped again
    learning = [parameter for parameter in tuner.attach(model, seed=4).parameters() if parameter.requires_grad]
    assert all(torch.equal(mine, its) for mine, its in zip(drawn, learning, strict=True))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tuner", TUNERS[:3], ids=lambda tuner: f"{type(tuner).__name__}")
def test_each_row_is_answered_by_its_own_adapter(architecture: str, tuner: Tuner, tmp_path: Path) -> None:
    model = build(architecture).eval()
    orders = [[0, 1, 2], [2, 0, 1], [1, 1, 0], [1, 1, 1]]
    with varied(AdapterBank(model, tuner, 3)) as bank:
        for slot in range(3):
            bank.save(slot, tmp_path / str(slot))
        found = []
        for index in orders:
            with bank.rows(index):
                found.append(logits(model))
        with bank.bypassed():
            bare = logits(model)
    assert torch.equal(bare, logits(model))
    alone = [logits(PeftModel.from_pretrained(build(architecture), str(tmp_path / str(k))).eval()) for k in range(3)]
    for index, together in zip(orders, found, strict=True):
        for row, slot in enumerate(index):
            torch.testing.assert_close(together[row], alone[slot][row], rtol=1e-5, atol=1e-5)
            assert not torch.allclose(together[row], bare[row], atol=1e-2)


def test_rows_of_one_adapter_may_be_several() -> None:
    model = build("llama").eval()
    with varied(AdapterBank(model, LoRA(rank=4), 3)) as bank:
        with bank.rows([1, 2]):
            together = logits(model, IDS.repeat(2, 1))
        with bank.rows([1]):
            one = logits(model)
        with bank.rows([2]):
            two = logits(model)
    torch.testing.assert_close(together, torch.cat([one, two]), rtol=1e-5, atol=1e-5)


def test_soft_prompts_come_by_rows() -> None:
    with varied(AdapterBank(build("llama"), PromptTuning(vectors=3), 3)) as bank, bank.rows([2, 2, 0]):
        assert bank.soft
        assert torch.equal(bank.vectors(), bank.stacked[0][[2, 2, 0]])


@pytest.mark.parametrize("tuner", TUNERS[:1] + TUNERS[2:], ids=lambda tuner: f"{type(tuner).__name__}")
def test_the_model_is_given_back_as_it_was(tuner: Tuner) -> None:
    model = build("gpt2")
    frozen = next(model.parameters())
    frozen.requires_grad_(False)
    modules, state = list(model.modules()), state_of(model)
    bank = AdapterBank(model, tuner, 2)
    varied(bank)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    bank.close()
    assert list(model.modules()) == modules
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == [
        parameter is not frozen for parameter in model.parameters()
    ]


@pytest.mark.parametrize("tuner", TUNERS[:3:2], ids=lambda tuner: f"{type(tuner).__name__}")
def test_a_bank_stands_on_earlier_adapters(tuner: Tuner, tmp_path: Path) -> None:
    base = build("llama")
    below = tuner.attach(base, seed=1).eval()
    for parameter in below.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1
    earlier = logits(below)
    with varied(AdapterBank(below, tuner, 3)) as bank:
        bank.start(2, seed=9)
        for slot in range(3):
            bank.save(slot, tmp_path / str(slot))
        with bank.rows([0, 1, 2]):
            together = logits(below)
    torch.testing.assert_close(logits(below), earlier)
    torch.testing.assert_close(together[2], earlier[2], rtol=1e-5, atol=1e-5)
    assert list(below.peft_config) == ["stage-0"]  # type: ignore[arg-type]
    for slot in range(2):
        tuned = tuner.load(below, tmp_path / str(slot))
        torch.testing.assert_close(together[slot], logits(tuned)[slot], rtol=1e-5, atol=1e-5)
        tuned.delete_adapter("stage-1")  # type: ignore[operator]


@pytest.mark.parametrize("tuner", TUNERS[:1] + TUNERS[2:], ids=lambda tuner: f"{type(tuner).__name__}")
def test_a_saved_adapter_is_loaded_into_another_slot(tuner: Tuner, tmp_path: Path) -> None:
    tuned = tuner.attach(build("qwen2"), seed=3)
    tuner.save(tuned, tmp_path / "alone")
    with AdapterBank(build("qwen2"), tuner, 2) as bank:
        bank.load(1, tmp_path / "alone")
        bank.start(0, seed=3)
        assert torch.equal(bank.weights[0], bank.weights[1])


def test_an_adapter_that_does_not_fit_is_refused_with_what_differs(tmp_path: Path) -> None:
    LoRA(rank=4).save(LoRA(rank=4).attach(build("llama"), seed=1), tmp_path / "four")
    LoRA(rank=8, modules="q_proj").save(LoRA(rank=8, modules="q_proj").attach(build("llama"), seed=1), tmp_path / "q")
    IA3().save(IA3().attach(build("llama"), seed=1), tmp_path / "ia3")
    with AdapterBank(build("llama"), LoRA(rank=8), 2) as bank:
        with pytest.raises(UserError, match="the adapter has r 4; this bank's is 8"):
            bank.load(0, tmp_path / "four")
        with pytest.raises(UserError, match=r"differs \(36 in all\)"):
            bank.load(0, tmp_path / "q")
        with pytest.raises(UserError, match="peft_type IA3"):
            bank.load(0, tmp_path / "ia3")
        with pytest.raises(UserError, match="cannot be read"):
            bank.load(0, tmp_path / "nowhere")
        (tmp_path / "four" / "adapter_config.json").write_text("{")
        with pytest.raises(UserError, match="cannot be read"):
            bank.load(0, tmp_path / "four")


def test_a_model_runs_only_with_rows_that_are_there() -> None:
    model = build("llama")
    with AdapterBank(model, LoRA(), 2) as bank:
        with pytest.raises(RuntimeError, match="only inside bank"):
            logits(model)
        with pytest.raises(ValueError, match="slots from 0 to 1"), bank.rows([2]):
            pass
        with pytest.raises(ValueError, match="slots from 0 to 1"), bank.rows([]):
            pass


def test_what_cannot_be_stacked_is_refused_with_the_reason() -> None:
    mixtral = MixtralConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=2,
    )
    assert "experts (num_local_experts: 2)" in why_not(AutoModelForCausalLM.from_config(mixtral), LoRA())
    packed = build("llama")
    packed.register_parameter("four_bits", nn.Parameter(torch.zeros(2, dtype=torch.uint8), requires_grad=False))
    assert why_not(packed, LoRA()) == "its weights are quantised"
    assert "not Full" in why_not(build("llama"), Full())
    assert why_not(build("llama"), LoRA()) == ""
    with pytest.raises(UserError, match="cannot be stacked on this model: only LoRA"):
        AdapterBank(build("llama"), Full(), 2)
    tied: Any = build("llama")
    tied.model.layers[1].mlp = tied.model.layers[0].mlp
    with pytest.raises(UserError, match="several places"):
        AdapterBank(tied, LoRA(), 2)


def test_a_layer_keeps_what_the_model_asks_of_its_own() -> None:
    model: Any = build("llama")
    own = model.model.layers[0].self_attn.q_proj
    with AdapterBank(model, LoRA(), 2):
        wrapped = model.model.layers[0].self_attn.q_proj
        assert wrapped is not own
        assert wrapped.weight is own.weight
        assert wrapped.in_features == 32
        with pytest.raises(AttributeError):
            _ = wrapped.no_such_thing
    assert model.model.layers[0].self_attn.q_proj is own


@pytest.mark.parametrize("tuner", TUNERS[:1] + TUNERS[2:3], ids=lambda tuner: f"{type(tuner).__name__}")
def test_in_bfloat16_a_bank_is_as_near_to_fp32_as_the_single_path(tuner: Tuner, tmp_path: Path) -> None:
    model = build("llama").to(torch.bfloat16).eval()
    with varied(AdapterBank(model, tuner, 3)) as bank:
        assert bank.weights.dtype == torch.bfloat16
        bank.save(0, tmp_path / "one")
        with bank.rows([0, 1, 2]):
            together = logits(model)[0].float()
    alone = logits(tuner.load(build("llama").to(torch.bfloat16), tmp_path / "one"))[0].float()
    exact = logits(tuner.load(build("llama").to(torch.bfloat16).float(), tmp_path / "one"))[0]
    assert float((together - exact).norm()) < 1.25 * float((alone - exact).norm())
    assert float((together - alone).norm()) < 2 * float((alone - exact).norm())
