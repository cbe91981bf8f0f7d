from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tuition.models.batches import IGNORED
from tuition.models.cross_entropy import summed_cross_entropy


@pytest.mark.parametrize("at_once", [1, 20, 1 << 20])
def test_chunks_give_torchs_loss_and_gradient(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr("tuition.models.cross_entropy._AT_ONCE", at_once)
    torch.manual_seed(0)
    logits = (3 * torch.randn(13, 7)).requires_grad_()
    reference = logits.detach().clone().requires_grad_()
    wanted = torch.tensor([0, 6, IGNORED, 2, 3, 3, 1, IGNORED, 5, 4, 0, 1, 2])
    ours = summed_cross_entropy(logits, wanted)
    theirs = functional.cross_entropy(reference, wanted, ignore_index=IGNORED, reduction="sum")
    (ours / 5).backward()
    (theirs / 5).backward()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)
    assert torch.allclose(logits.grad, reference.grad, atol=1e-7)


def test_bfloat16_logits_are_summed_in_fp32_and_get_gradients_of_their_own_type() -> None:
    torch.manual_seed(0)
    logits = torch.randn(64, 50, dtype=torch.bfloat16, requires_grad=True)
    wanted = torch.randint(50, (64,))
    loss = summed_cross_entropy(logits, wanted)
    loss.backward()
    reference = logits.detach().float().requires_grad_()
    theirs = functional.cross_entropy(reference, wanted, reduction="sum")
    theirs.backward()
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(theirs), rel=1e-6)
    assert torch.equal(logits.grad, reference.grad.bfloat16())


def test_rows_that_are_not_learned_count_nothing_even_where_they_are_no_numbers() -> None:
    logits = torch.zeros(2, 3)
    logits[1] = float("nan")
    logits.requires_grad_()
    loss = summed_cross_entropy(logits, torch.tensor([1, IGNORED]))
    loss.backward()
    assert float(loss) == pytest.approx(1.0986, abs=1e-4)
    assert logits.grad[1].tolist() == [0, 0, 0]


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    logits = torch.randn(4, 5)
    wanted = torch.tensor([0, 1, IGNORED, 4])
    moved = logits.clone().requires_grad_()
    summed_cross_entropy(moved, wanted).backward()
    for row, column in ((0, 0), (1, 3), (3, 4)):
        step = torch.zeros_like(logits)
        step[row, column] = 1e-2
        difference = summed_cross_entropy(logits + step, wanted) - summed_cross_entropy(logits - step, wanted)
        assert float(difference) / 2e-2 == pytest.approx(float(moved.grad[row, column]), abs=1e-3)
