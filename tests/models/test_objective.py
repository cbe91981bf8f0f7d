"""Micro-batches of any make: the same loss and gradients as rows run one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_prefix import ragged
from tuition.models.batches import collate
from tuition.models.objective import Objective, cheapest_cuts
from tuition.models.packed_prefix import packed_tokens
from tuition.models.prefix import TargetLoss, sharing_is_exact
from tuition.models.tokens import TokenizedPrompt


def mixed() -> list[TokenizedPrompt]:
    """Rows of three tasks, one of them alone with its prefix, in no order."""
    first = ragged(9, [3, 5, 2, 4], [2, 1, 3, 2], seed=1)
    second = ragged(6, [7, 1], [1, 4], seed=2)
    third = ragged(12, [4], [2], seed=3)
    return [first[0], second[0], first[1], third[0], first[2], second[1], first[3]]


def gradients(objective: Objective, runs: list[list[TokenizedPrompt]]) -> tuple[float, torch.Tensor]:
    objective.zero_grad()
    total = 0.0
    for run in runs:
        loss = objective(run)
        loss.backward()
        total += float(loss.detach())
    return total, torch.cat([p.grad.flatten() for p in objective.parameters() if p.grad is not None])


@pytest.mark.parametrize("tokens", [10_000, 60, 25, 1])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("architecture", ["llama", "gemma3", "gpt2"])
def test_grouped_rows_have_the_loss_and_gradients_of_rows_run_alone(
    architecture: str, share: bool, tokens: int
) -> None:
    model = build(architecture)
    plain = Objective(model, share_prefix=False)
    alone = gradients(plain, [[TokenizedPrompt((), r.prefix + r.body, r.target)] for r in mixed()])
    objective = Objective(model, share_prefix=share)
    assert objective.shares is share
    grouped = gradients(objective, objective.micro_batches(mixed(), tokens))
    assert grouped[0] == pytest.approx(alone[0], rel=1e-5)
    assert torch.allclose(grouped[1], alone[1], rtol=1e-3, atol=1e-4)


def test_a_run_keeps_to_its_budget_of_tokens_and_loses_no_row() -> None:
    objective = Objective(build("llama"), share_prefix=True)
    for tokens in (15, 25, 60):
        runs = objective.micro_batches(mixed(), tokens)
        assert sorted(r.prefix + r.body + r.target for run in runs for r in run) == sorted(r.ids for r in mixed())
        for run in runs:
            assert packed_tokens(run) <= tokens or len(run) == 1


def cost_of(cuts: Sequence[int], lengths: list[int], prefix: int, run_costs: int) -> int:
    """What runs cost that end at `cuts`."""
    return sum(run_costs + prefix + (stop - start) * lengths[start] for start, stop in pairwise([0, *cuts]))


@pytest.mark.parametrize(("prefix", "most", "run_costs"), [(0, 10_000, 64), (30, 10_000, 64), (0, 200, 64), (9, 1, 5)])
def test_no_other_cuts_are_cheaper(prefix: int, most: int, run_costs: int) -> None:
    lengths = [190, 180, 90, 88, 60, 30, 30, 12, 3]
    cuts = cheapest_cuts(lengths, prefix, most=most, run_costs=run_costs)
    assert cuts[-1] == len(lengths)

    def allowed(ends: Sequence[int]) -> bool:
        runs = pairwise([0, *ends])
        return all(stop - start == 1 or prefix + (stop - start) * lengths[start] <= most for start, stop in runs)

    every = ([*ends, 9] for count in range(9) for ends in combinations(range(1, 9), count))
    cheapest = min(cost_of(ends, lengths, prefix, run_costs) for ends in every if allowed(ends))
    assert allowed(cuts)
    assert cost_of(cuts, lengths, prefix, run_costs) == cheapest


def test_rows_of_like_length_stay_together_and_a_long_one_does_not_pad_the_short() -> None:
    assert cheapest_cuts([50] * 8, 0, most=10_000, run_costs=64) == [8]
    assert cheapest_cuts([400, 20, 20, 20], 0, most=10_000, run_costs=64) == [1, 4]


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2", "neox", "opt"])
def test_a_packed_sequence_under_gradient_checkpointing_equals_the_plain_path(architecture: str) -> None:
    model = build(architecture)
    rows = ragged(11, [1, 9, 4], [5, 1, 3])
    plain = TargetLoss(model, share_prefix=False)
    plain(collate(rows)).backward()
    wanted = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    told = float(plain(collate(rows)).detach())
    model.zero_grad()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    packed = TargetLoss(model, share_prefix=True, packed=True).train()
    loss = packed(collate(rows))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(told, rel=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert torch.allclose(parameter.grad, wanted[name], rtol=1e-3, atol=1e-4), name


def test_windows_are_not_packed() -> None:
    assert not sharing_is_exact(build("gemma3"), packed=True)
    assert sharing_is_exact(build("llama"), packed=True)
