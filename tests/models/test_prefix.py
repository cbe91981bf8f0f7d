"""The shared path against the plain one: loss and every gradient, fp32, over ragged batches."""

from __future__ import annotations

import random

import pytest
import torch
from peft import LoraConfig, get_peft_model

from tests.models.architectures import CONFIGS, VOCABULARY, build
from tuition.models.batches import collate
from tuition.models.prefix import TargetLoss, counts_padding, expand_cache, prefix_cache, sharing_is_exact
from tuition.models.tokens import TokenizedPrompt

TOLERANCE = 1e-5


def ragged(prefix: int, bodies: list[int], targets: list[int], seed: int = 0) -> list[TokenizedPrompt]:
    draw = random.Random(seed)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(draw.randrange(VOCABULARY) for _ in range(count))

    shared = ids(prefix)
    return [TokenizedPrompt(shared, ids(body), ids(target)) for body, target in zip(bodies, targets, strict=True)]


BATCHES = {
    "one row": ragged(11, [4], [2]),
    "equal rows": ragged(13, [5, 5, 5], [2, 2, 2]),
    "ragged rows": ragged(17, [1, 9, 4, 16], [5, 1, 3, 2]),
    "long targets": ragged(9, [2, 1, 3], [12, 1, 7]),
    "one-token prefix": ragged(1, [3, 8], [2, 4]),
}


def learnable(name: str, tuning: str) -> torch.nn.Module:
    model = build(name)
    if tuning == "full":
        return model
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    for parameter_name, parameter in model.named_parameters():
        if "lora_B" in parameter_name:  # zero at the start, which would hide half of the gradients
            parameter.data.normal_(std=0.1)
    return model


def loss_and_gradients(model: torch.nn.Module, prompts: list[TokenizedPrompt], share: bool):
    model.zero_grad(set_to_none=True)
    loss = TargetLoss(model, share_prefix=share)(collate(prompts, pad_right=counts_padding(model)))
    loss.backward()
    return loss.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_sharing_gives_the_same_loss_and_every_gradient(architecture: str, tuning: str, batch: str) -> None:
    model = learnable(architecture, tuning)
    plain_loss, plain = loss_and_gradients(model, BATCHES[batch], share=False)
    shared_loss, shared = loss_and_gradients(model, BATCHES[batch], share=True)
    assert torch.allclose(shared_loss, plain_loss, rtol=TOLERANCE, atol=0)
    assert shared.keys() == plain.keys()
    assert len(plain) >= 10
    largest = max(float(gradient.norm()) for gradient in plain.values())
    for name, gradient in plain.items():
        error = float((shared[name] - gradient).norm())
        # Gradients that are zero but for rounding (a key's bias, say) are compared with the largest there is.
        assert error <= TOLERANCE * max(float(gradient.norm()), 1e-2 * largest), name


def test_the_plain_path_is_what_transformers_own_loss_says() -> None:
    model = build("llama")
    prompts = BATCHES["ragged rows"]
    total = 0.0
    for prompt in prompts:
        ids = torch.tensor([prompt.ids])
        labels = torch.where(torch.tensor([prompt.label_mask]), ids, -100)
        total += float(model(input_ids=ids, labels=labels).loss) * len(prompt.target)
    assert float(TargetLoss(model, share_prefix=False)(collate(prompts))) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("batch", BATCHES)
def test_padding_at_the_right_gives_the_same_loss_as_at_the_left(batch: str) -> None:
    loss = TargetLoss(build("llama"), share_prefix=True)
    left, right = (float(loss(collate(BATCHES[batch], pad_right=side))) for side in (False, True))
    assert right == pytest.approx(left, rel=1e-5)


def test_sliding_windows_are_known_to_count_padding() -> None:
    assert {name for name in CONFIGS if counts_padding(build(name))} == {"gemma3", "mistral"}


def test_only_targets_are_learnt() -> None:
    """The loss must not depend on how well prefix and body themselves are predicted."""
    model = build("gpt2")
    prompts = BATCHES["one row"]
    loss = TargetLoss(model, share_prefix=True)(collate(prompts))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompts[0].ids])).logits[0].log_softmax(-1)
    at = prompts[0].source_length
    wanted = -sum(float(logits[at + i - 1, token]) for i, token in enumerate(prompts[0].target))
    assert float(loss) == pytest.approx(wanted, rel=1e-5)


def test_expanding_a_cache_copies_nothing() -> None:
    cache = prefix_cache(build("llama"), torch.arange(5))
    before = cache.layers[0].keys.data_ptr()
    expand_cache(cache, 64)
    assert cache.layers[0].keys.shape[0] == 64
    assert cache.layers[0].keys.data_ptr() == before


@pytest.mark.parametrize("architecture", CONFIGS)
def test_architectures_with_plain_attention_are_found_to_share_exactly(architecture: str) -> None:
    assert sharing_is_exact(build(architecture))


def test_a_model_that_ignores_its_cache_is_found_out() -> None:
    class Forgetful(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = build("llama")

        def get_input_embeddings(self) -> torch.nn.Module:
            return self.inner.get_input_embeddings()

        def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **options):
            return self.inner(input_ids=input_ids, use_cache=False, logits_to_keep=options.get("logits_to_keep", 0))

    assert not sharing_is_exact(Forgetful())


def test_a_recurrent_model_falls_back() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, state_size=4)
    assert not sharing_is_exact(MambaForCausalLM(config))
