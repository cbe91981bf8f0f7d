from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_prefix import ragged
from tuition.base.errors import UserError
from tuition.models.generation import generate_greedily
from tuition.models.recipes import RECIPES, Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners.lora import LoRA
from tuition.training import train
from tuition.training.optimiser import MasterOptimiser
from tuition.training.runs import rate_factor

END = 96
RECIPE = Recipe(name="test", epochs=60, batch_size=3, learning_rate=1e-2, warmup=0.1)


def task_batches() -> list[TokenizedPrompt]:
    rows = ragged(9, [3, 5, 2, 4, 6], [2, 1, 3, 2, 1], seed=5)
    return [TokenizedPrompt(row.prefix, row.body, (*(t % END for t in row.target), END)) for row in rows]


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma3"])
def test_a_few_instances_are_learnt_by_heart(architecture: str, share: bool) -> None:
    tuned = LoRA().attach(build(architecture), seed=1)
    log = train(tuned, task_batches(), dataclasses.replace(RECIPE, share_prefix=share), seed=1)
    assert log.shared_prefix is share
    # A random output matrix bounds how sure such a model can be; what counts is that every answer comes back.
    assert log.losses[-1] < 0.75 < 4 < log.losses[0]
    answers = generate_greedily(tuned, task_batches(), end=frozenset({END}), new_tokens=8)
    assert answers == [row.target[:-1] for row in task_batches()]


def test_sharing_takes_the_same_course_as_not_sharing() -> None:
    courses = []
    for share in (True, False):
        tuned = LoRA().attach(build("llama"), seed=1)
        recipe = dataclasses.replace(RECIPE, epochs=5, share_prefix=share)
        courses.append(train(tuned, task_batches(), recipe, seed=1).losses)
    assert courses[0] == pytest.approx(courses[1], rel=1e-3)


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    def weights(seed: int) -> torch.Tensor:
        tuned = LoRA().attach(build("llama"), seed=1)
        train(tuned, task_batches(), dataclasses.replace(RECIPE, epochs=2), seed=seed)
        return torch.cat([p.detach().flatten() for p in tuned.parameters() if p.requires_grad])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_only_the_tuners_parameters_change() -> None:
    tuned = LoRA().attach(build("llama"), seed=1)
    before = {n: p.detach().clone() for n, p in tuned.named_parameters()}
    train(tuned, task_batches(), dataclasses.replace(RECIPE, epochs=2), seed=1)
    changed = {n for n, p in tuned.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all("lora_" in name for name in changed)


def test_a_batch_of_several_prefixes_has_the_mean_loss_over_all_its_targets() -> None:
    rows = [
        *task_batches()[:2],
        *(TokenizedPrompt((7, *row.prefix), row.body, row.target) for row in task_batches()[2:3]),
    ]
    one_step = dataclasses.replace(RECIPE, epochs=1, batch_size=3)
    tuned = LoRA().attach(build("llama"), seed=1)
    loss = train(tuned, rows, one_step, seed=1).losses[0]
    base, total, tokens = build("llama"), 0.0, 0
    for row in rows:
        with torch.no_grad():
            logits = base(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
        total -= sum(float(logits[row.source_length + i - 1, t]) for i, t in enumerate(row.target))
        tokens += len(row.target)
    assert loss == pytest.approx(total / tokens, rel=1e-4)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(UserError, match="no instance"):
        train(build("llama"), [], RECIPE, seed=1)


def test_a_target_without_end_token_is_never_trained_on() -> None:
    rows = [*task_batches(), TokenizedPrompt(task_batches()[0].prefix, (1,), (2,))]
    with pytest.raises(ValueError, match="end token"):
        train(build("llama"), rows, RECIPE, seed=1)


def test_a_loss_that_is_no_number_stops_with_advice() -> None:
    tuned = LoRA().attach(build("llama"), seed=1)
    next(p for p in tuned.parameters() if p.requires_grad).data.fill_(float("nan"))
    with pytest.raises(UserError, match=r"at step 1 of .* the loss is nan; lower the learning rate"):
        train(tuned, task_batches(), dataclasses.replace(RECIPE, share_prefix=False), seed=1)


def test_fp32_masters_keep_steps_that_bfloat16_would_lose() -> None:
    recipe = dataclasses.replace(RECIPE, learning_rate=1e-4)
    parameter = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    optimiser = MasterOptimiser([parameter], recipe)
    for _ in range(100):
        parameter.grad = torch.ones_like(parameter)
        optimiser.step(1e-4, 1.0)
        assert parameter.grad is None
    # A hundred steps of 1e-4; each alone is below bfloat16's spacing at 1, which is 2^-8.
    assert float(parameter[0]) == pytest.approx(0.99, abs=2**-8)


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_steps_taken_few_parameters_at_a_time_are_those_of_torch_taken_at_once(monkeypatch, name) -> None:
    monkeypatch.setattr("tuition.training.optimiser._AT_ONCE", 10)
    torch.manual_seed(1)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((3,), (4, 5), (2, 3), (1,), (7,))]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    recipe = dataclasses.replace(RECIPE, optimiser=name, weight_decay=0.1)
    optimiser = MasterOptimiser(ours, recipe)
    kinds = {"adamw": torch.optim.AdamW, "adafactor": torch.optim.Adafactor}
    peer = kinds[name](theirs, lr=0.01, weight_decay=0.1)
    for step in range(4):
        for mine, other in zip(ours, theirs, strict=True):
            idle = mine.numel() == 7 and step < 2  # a parameter that the first batches do not reach
            mine.grad = None if idle else torch.randn_like(mine) * 3
            other.grad = None if idle else mine.grad.clone()
        norm = optimiser.step(0.01, 0.5 if step else 100.0)
        assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, 0.5 if step else 100.0)), rel=1e-6)
        peer.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    parameter = ours[0]
    parameter.grad = torch.full_like(parameter, float("inf"))
    before = parameter.detach().clone()
    assert optimiser.step(0.01, 1.0) == float("inf")
    assert torch.equal(parameter, before)


def test_the_rate_rises_then_falls_and_never_reaches_zero() -> None:
    rates = [rate_factor(RECIPE, step, 20) for step in range(20)]
    assert max(rates) == 1.0
    assert rates.index(1.0) == 2
    assert rates[0] < rates[1] < 1
    assert rates[-1] > 0
    assert rate_factor(dataclasses.replace(RECIPE, schedule="constant"), 19, 20) == 1.0


def test_a_recipe_never_takes_zero_steps_for_some_labels() -> None:
    for name in RECIPES:
        recipe = RECIPES[name]
        assert recipe.steps(0) == 0
        assert all(recipe.steps(labels) >= 1 for labels in range(1, 50))
    with pytest.raises(UserError):
        RECIPE.steps(-1)
