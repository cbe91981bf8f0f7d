"""Shared-prefix generation against transformers' own, row by row, in fp32."""

from __future__ import annotations

import pytest
import torch

from tests.models.architectures import CONFIGS, build
from tests.models.test_prefix import ragged
from tuition.models.batches import Batching
from tuition.models.generation import generate_greedily
from tuition.models.tokens import TokenizedPrompt

PROMPTS = [
    *ragged(17, [1, 9, 4, 16, 2, 7, 7, 3], [1] * 8, seed=1),
    *ragged(5, [3, 6, 1], [1] * 3, seed=2),
]


def plain(model: torch.nn.Module, prompt: TokenizedPrompt, end: frozenset[int], limit: int) -> tuple[int, ...]:
    ids = torch.tensor([prompt.prefix + prompt.body])
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=sorted(end),
            pad_token_id=0,
        )[0, ids.shape[1] :].tolist()
    return tuple(out[: next((i for i, token in enumerate(out) if token in end), len(out))])


def ends_of(model: torch.nn.Module) -> frozenset[int]:
    """End tokens that some answers meet early and others never."""
    first = generate_greedily(model, PROMPTS, end=frozenset(), new_tokens=12)
    return frozenset({first[0][3], first[1][1], first[9][0]})


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_answers_equal_those_of_plain_generation(architecture: str, batch_size: int) -> None:
    model = build(architecture).eval()
    end = ends_of(model)
    answers = generate_greedily(model, PROMPTS, end=end, new_tokens=12, batching=Batching(batch_size))
    assert answers == [plain(model, prompt, end, 12) for prompt in PROMPTS]
    assert len({len(answer) for answer in answers}) > 1


def test_answers_without_sharing_are_the_same() -> None:
    model = build("llama").eval()
    end = ends_of(model)
    shared = generate_greedily(model, PROMPTS, end=end, new_tokens=9)
    assert generate_greedily(model, PROMPTS, end=end, new_tokens=9, batching=Batching(share_prefix=False)) == shared


def test_the_limit_of_new_tokens_holds_and_end_tokens_are_left_out() -> None:
    model = build("llama").eval()
    end = ends_of(model)
    answers = generate_greedily(model, PROMPTS, end=end, new_tokens=3)
    assert max(len(answer) for answer in answers) == 3
    assert not end & {token for answer in answers for token in answer}


def test_progress_counts_every_row_once_and_nothing_is_answered_for_nothing() -> None:
    counted: list[float] = []
    generate_greedily(
        build("gpt2"), PROMPTS, end=frozenset(), new_tokens=1, batching=Batching(4), advance=counted.append
    )
    assert sum(counted) == pytest.approx(len(PROMPTS))
    assert generate_greedily(build("gpt2"), [], end=frozenset(), new_tokens=1) == []
