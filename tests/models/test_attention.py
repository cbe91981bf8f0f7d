from __future__ import annotations

import pytest
import torch

from tests.models.architectures import CONFIGS, build
from tests.models.test_prefix import BATCHES
from tuition.models.attention import attention_for
from tuition.models.batches import collate
from tuition.models.prefix import TargetLoss, counts_padding
from tuition.models.tuners.lora import LoRA


def kernel(model: torch.nn.Module) -> str:
    return str(model.config._attn_implementation)


def test_small_batches_use_plain_products_and_the_choice_ends_with_the_block() -> None:
    model = build("llama")
    with attention_for(model, rows=4, row=20, prefix=50):
        assert kernel(model) == "eager"
    assert kernel(model) == "sdpa"


def test_batches_whose_scores_would_fill_memory_keep_the_fused_kernel() -> None:
    model = build("llama")
    with attention_for(model, rows=64, row=2000, prefix=2000):
        assert kernel(model) == "sdpa"


def test_a_tuned_model_is_reached_through_its_adapter_and_given_back_on_errors() -> None:
    tuned = LoRA().attach(build("llama"), seed=1)

    def fail() -> None:
        with attention_for(tuned, rows=4, row=20, prefix=50):
            assert kernel(tuned) == "eager"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert kernel(tuned) == "sdpa"


@pytest.mark.parametrize("architecture", CONFIGS)
def test_the_kernel_changes_the_speed_and_not_the_loss(architecture: str) -> None:
    model = build(architecture)
    batch = collate(BATCHES["ragged rows"], pad_right=counts_padding(model))
    fused = float(TargetLoss(model, share_prefix=True)(batch).detach())
    with attention_for(model, rows=4, row=20, prefix=50):
        plain = float(TargetLoss(model, share_prefix=True)(batch).detach())
    assert plain == pytest.approx(fused, rel=1e-5)
