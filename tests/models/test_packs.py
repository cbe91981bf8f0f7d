"""Rectangles of packs: the loss and gradients of plain rows, whatever the packs, the padding and the shape."""

from __future__ import annotations

import random

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_objective import gradients, mixed
from tests.models.test_prefix import BATCHES, learnable, ragged
from tuition.models.batches import IGNORED
from tuition.models.objective import Objective
from tuition.models.packs import Packs, Sizes, collate_packs, pack_size, packs_loss, plan_packs, rounded, rows_of
from tuition.models.prefix import packing_is_exact
from tuition.models.tokens import TokenizedPrompt

EXACT = ["llama", "gpt2", "qwen2", "neox", "opt"]


def plain(model: torch.nn.Module, rows: list[TokenizedPrompt]) -> tuple[float, torch.Tensor]:
    whole = [[TokenizedPrompt((), row.prefix + row.body, row.target)] for row in rows]
    return gradients(Objective(model, share_prefix=False), whole)


def packed(model: torch.nn.Module, passes: list[Packs]) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    losses = [packs_loss(model, packs) for packs in passes]
    torch.stack(losses).sum().backward()
    return float(sum(loss.detach() for loss in losses)), torch.cat(
        [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    )


def assert_same(ours: tuple[float, torch.Tensor], reference: tuple[float, torch.Tensor]) -> None:
    assert ours[0] == pytest.approx(reference[0], rel=1e-5)
    assert torch.allclose(ours[1], reference[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("architecture", EXACT)
def test_a_padded_pack_has_the_loss_and_every_gradient_of_plain_rows(
    architecture: str, tuning: str, batch: str
) -> None:
    model, rows = learnable(architecture, tuning), BATCHES[batch]
    count, length, asked = pack_size([rows])
    for size in ((count, length, asked), (count, length + 9, asked + 4)):
        assert_same(packed(model, [collate_packs([rows], size)]), plain(model, rows))


@pytest.mark.parametrize("tokens", [10_000, 60, 30, 1])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt"])
def test_passes_of_several_prefixes_have_the_loss_of_plain_rows(architecture: str, tokens: int) -> None:
    model = build(architecture)
    passes = plan_packs(mixed(), tokens=tokens, positions=10_000)
    assert_same(packed(model, [collate_packs(packs) for packs in passes]), plain(model, mixed()))


def test_packs_of_unlike_length_stand_in_one_rectangle() -> None:
    model = build("llama")
    packs = [ragged(9, [3, 5], [2, 1], seed=1), ragged(4, [2], [6], seed=2), ragged(0, [3, 4], [1, 1], seed=3)]
    made = collate_packs(packs)
    assert made.size == pack_size(packs)
    assert_same(packed(model, [made]), plain(model, rows_of(packs)))


def test_rows_without_a_prefix_do_not_see_each_other() -> None:
    model, rows = build("llama"), ragged(0, [5, 2, 7], [1, 3, 2], seed=4)
    assert_same(packed(model, [collate_packs([rows])]), plain(model, rows))


def test_a_row_given_twice_counts_twice() -> None:
    model = build("llama")
    [row] = ragged(6, [3], [2], seed=5)
    once, twice = (packed(model, [collate_packs([rows])])[0] for rows in ([row], [row, row]))
    assert twice == pytest.approx(2 * once, rel=1e-6)


@pytest.mark.parametrize("architecture", ["gemma3", "mistral"])
def test_models_with_windows_are_not_packed(architecture: str) -> None:
    assert not packing_is_exact(build(architecture))


@pytest.mark.parametrize("architecture", EXACT)
def test_models_without_windows_are_packed(architecture: str) -> None:
    assert packing_is_exact(build(architecture))


def test_a_model_whose_attention_ignores_the_mask_is_found_out() -> None:
    model = build("llama")
    forward = model.forward
    model.forward = lambda *given, **named: forward(*given, **named | {"attention_mask": None})
    assert not packing_is_exact(model)


@pytest.mark.parametrize("tokens", [15, 25, 60, 10_000])
def test_passes_keep_to_their_budget_and_lose_no_row(tokens: int) -> None:
    passes = plan_packs(mixed(), tokens=tokens, positions=10_000)
    placed = [row.ids for packs in passes for row in rows_of(packs)]
    assert sorted(placed) == sorted(row.ids for row in mixed())
    for packs in passes:
        count, length, _ = pack_size(packs)
        assert count * length <= tokens or sum(map(len, packs)) == 1


def test_passes_keep_to_the_logits_that_memory_has_room_for() -> None:
    for positions in (1, 3, 5):
        for packs in plan_packs(mixed(), tokens=10_000, positions=positions):
            count, _, asked = pack_size(packs)
            assert count * asked <= positions or sum(map(len, packs)) == 1


def test_many_long_rows_of_one_prefix_are_divided_since_attention_grows_with_the_square() -> None:
    rows = ragged(200, [300] * 32, [5] * 32)
    [packs] = plan_packs(rows, tokens=1 << 20, positions=1 << 20)
    assert len(packs) > 3
    lengths = [pack_size([pack])[1] for pack in packs]
    assert max(lengths) - min(lengths) <= 304
    few = ragged(200, [30] * 8, [5] * 8)
    assert len(plan_packs(few, tokens=1 << 20, positions=1 << 20)[0]) == 1


def test_one_row_ten_times_as_long_does_not_pad_the_others() -> None:
    rows = [*ragged(20, [40] * 8, [3] * 8), *ragged(20, [400], [3], seed=1)]
    for packs in plan_packs(rows, tokens=10_000, positions=10_000):
        count, length, _ = pack_size(packs)
        assert count * length < 2 * sum(len(row.body) + 22 for row in rows)


def test_lengths_are_rounded_to_few_sizes_that_hold_what_they_must() -> None:
    sizes = Sizes()
    fitted = set()
    wanted = [(length, asked) for length in range(400, 800, 7) for asked in (20, 33, 47)]
    random.Random(0).shuffle(wanted)
    for length, asked in wanted:
        count, whole, columns = sizes.fit((1, length, asked))
        assert count == 1
        assert columns >= asked
        assert whole - columns >= length - asked
        assert whole <= 1.4 * length
        fitted.add((count, whole, columns))
    assert len(fitted) <= 12


def test_rounding_adds_at_most_an_eighth_above_the_least() -> None:
    for number in range(600, 5000, 13):
        assert number <= rounded(number, least=64, parts=8) <= number * 9 / 8 + 1


def test_the_last_columns_are_those_before_the_targets() -> None:
    rows = [TokenizedPrompt((1, 2), (3, 4), (5, 6)), TokenizedPrompt((1, 2), (7,), (8,))]
    made = collate_packs([rows], (1, 10, 5))
    assert made.ids[0].tolist() == [1, 2, 3, 0, 0, 4, 5, 7, 0, 0]
    assert made.positions[0].tolist() == [0, 1, 2, 0, 0, 3, 4, 2, 0, 0]
    assert made.wanted[0].tolist() == [5, 6, 8, IGNORED, IGNORED]


def test_what_does_not_fit_or_has_no_body_is_refused() -> None:
    rows = ragged(3, [2], [2])
    with pytest.raises(ValueError, match="do not fit"):
        collate_packs([rows], (1, 4, 2))
    with pytest.raises(ValueError, match="needs a body"):
        collate_packs([[TokenizedPrompt((1,), (), (2,))]])
