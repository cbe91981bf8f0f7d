from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForSeq2SeqLM, T5Config

from tests.models.architectures import VOCABULARY, build
from tests.models.test_prefix import ragged
from tuition.base.errors import UserError
from tuition.models.adapters import AdapterBank
from tuition.models.adapters.passes import GroupLoss
from tuition.models.objective import Objective
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import Tuner
from tuition.models.tuners.ia3 import IA3
from tuition.models.tuners.lora import LoRA
from tuition.models.tuners.prompt import PromptTuning
from tuition.training.stacked_optimiser import StackedOptimiser

TUNERS: list[Tuner] = [LoRA(rank=4), IA3(), PromptTuning(vectors=3)]
ARCHITECTURES = ["llama", "gpt2", "qwen2", "gemma3", "mistral", "neox", "opt"]


def tasks() -> list[list[TokenizedPrompt]]:
    """Three tasks of unlike prefixes, numbers of rows and lengths; one has two prefixes and a row of none."""
    first = ragged(9, [3, 5, 2, 4], [2, 1, 3, 2], seed=5)
    second = [*ragged(4, [2], [1], seed=6), *ragged(11, [6, 1], [2, 2], seed=7), TokenizedPrompt((), (5, 6, 7), (8, 9))]
    third = ragged(30, [25, 2], [4, 1], seed=8)
    return [first, second, third]


def bank_on(model: nn.Module, tuner: Tuner) -> AdapterBank:
    bank = AdapterBank(model, tuner, 3)
    generator = torch.Generator().manual_seed(2)
    for slot in range(3):
        bank.start(slot, seed=slot + 5)
    bank.weights.add_(0.1 * torch.randn(bank.weights.shape, generator=generator))
    return bank


def alone(
    model: nn.Module, tuner: Tuner, folder: Path, rows: Sequence[TokenizedPrompt]
) -> tuple[float, list[torch.Tensor]]:
    """The loss and gradients of the single path, without any sharing."""
    tuned = tuner.load(model, folder, learning=True)
    objective = Objective(tuned, share_prefix=False)
    loss = sum((objective([row]) for row in rows), torch.zeros(()))
    loss.backward()
    gradients = [parameter.grad for parameter in tuned.parameters() if parameter.requires_grad]
    tuner.detach(tuned)
    return float(loss.detach()), [gradient for gradient in gradients if gradient is not None]


def compare(model: nn.Module, tuner: Tuner, share: bool, tmp_path: Path, order: Sequence[int]) -> GroupLoss:
    with bank_on(model, tuner) as bank:
        loss = GroupLoss(bank, share_prefix=share)
        optimiser = StackedOptimiser(bank, "adamw")
        for slot in range(3):
            bank.save(slot, tmp_path / str(slot))
        found = loss([(slot, tasks()[slot]) for slot in order])
        found.sum().backward()
        gradients = [[g.clone() for g in bank.weights_of(slot, optimiser.gradients)] for slot in range(3)]
    for place, slot in enumerate(order):
        expected, theirs = alone(model, tuner, tmp_path / str(slot), tasks()[slot])
        assert float(found[place]) == pytest.approx(expected, rel=1e-5)
        largest = max(float(gradient.abs().max()) for gradient in theirs)
        for mine, gradient in zip(gradients[slot], theirs, strict=True):
            assert float((mine - gradient).abs().max()) <= 1e-5 * max(largest, 1.0)
    for slot in {0, 1, 2} - set(order):
        assert not any(gradient.any() for gradient in gradients[slot])
    return loss


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tuner", TUNERS, ids=lambda tuner: type(tuner).__name__)
def test_losses_and_gradients_are_those_of_each_adapter_alone(architecture: str, tuner: Tuner, tmp_path: Path) -> None:
    loss = compare(build(architecture), tuner, True, tmp_path, [0, 1, 2])
    # Windows are counted in columns, so their rows are run whole.
    assert loss.packs is (architecture not in ("gemma3", "mistral"))


@pytest.mark.parametrize("tuner", TUNERS, ids=lambda tuner: type(tuner).__name__)
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("order", [[2, 0], [1], [1, 2]])
def test_any_company_in_any_order_gives_the_same(tuner: Tuner, share: bool, order: list[int], tmp_path: Path) -> None:
    loss = compare(build("llama"), tuner, share, tmp_path, order)
    assert loss.packs is share


@pytest.mark.parametrize("tuner", TUNERS[:2], ids=lambda tuner: type(tuner).__name__)
def test_shapes_rounded_up_as_on_a_device_change_nothing(
    monkeypatch: pytest.MonkeyPatch, tuner: Tuner, tmp_path: Path
) -> None:
    monkeypatch.setattr("tuition.models.adapters.passes._ROUND_TO", {True: (16, 8)})
    for share in (True, False):
        compare(build("gpt2"), tuner, share, tmp_path, [0, 1, 2])
    with bank_on(build("gpt2"), tuner) as bank:
        inputs = GroupLoss(bank, share_prefix=True).inputs(tasks())
        assert inputs["ids"].shape == (3, 64)
        assert inputs["wanted"].shape == (3, 8)


def encoder_decoder() -> nn.Module:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=40,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
    )
    return AutoModelForSeq2SeqLM.from_config(config)


@pytest.mark.parametrize("tuner", TUNERS[:2], ids=lambda tuner: type(tuner).__name__)
def test_an_encoder_decoders_adapters_are_trained_on_pairs(tuner: Tuner, tmp_path: Path) -> None:
    assert compare(encoder_decoder(), tuner, True, tmp_path, [0, 1, 2]).pairs


def test_a_soft_prompt_of_an_encoder_decoder_is_refused() -> None:
    with (
        AdapterBank(encoder_decoder(), PromptTuning(vectors=3), 2) as bank,
        pytest.raises(UserError, match="one after"),
    ):
        GroupLoss(bank, share_prefix=True)


def test_a_model_that_mixes_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama")
    inner = model.model.layers[1]
    forward = inner.forward
    # Rows in reverse inside a layer: right for a row alone, wrong for several adapters.
    monkeypatch.setattr(
        inner, "forward", lambda hidden, *given, **named: forward(hidden.flip(0), *given, **named).flip(0)
    )
    with AdapterBank(model, LoRA(rank=4), 2) as bank, pytest.raises(UserError, match="mixes the rows"):
        GroupLoss(bank, share_prefix=True)


def test_trying_out_leaves_the_slots_as_they_were() -> None:
    with bank_on(build("llama"), LoRA(rank=4)) as bank:
        before = bank.weights.clone()
        loss = GroupLoss(bank, share_prefix=True)
        assert torch.equal(bank.weights, before)
        with pytest.raises(ValueError, match="needs prompts"):
            loss([(0, [])])
        with pytest.raises(ValueError, match="needs prompts"):
            loss([(0, [TokenizedPrompt((1,), (), (2,))])])
