"""Every recipe by its name teaches a tiny model of its paper's kind, and changes only what its tuner learns."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.models.architectures import build
from tests.training.test_encoder_decoders import build_pairs
from tests.training.test_encoder_decoders import task_batches as pairs
from tests.training.test_trainer import task_batches as rows
from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.recipes import RECIPES, Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training import train
from tuition.training.trainer import TrainingLog

KINDS = {
    "small-data": "llama",
    "small-data-full": "llama",
    "small-data-ia3": "llama",
    "small-data-prompt": "llama",
    "tk-instruct": "t5",
    "quick-learners": "t5",
    "natural-instructions": "bart",
    "flan": "llama",
    "flan-prompt-tuning": "llama",
    "t-few": "t5",
}
LEARNT = {"lora": "lora_", "ia3": "ia3_", "prompt": "prompt_encoder", "full": ""}
MOST_STEPS = 40


def loss(model: torch.nn.Module, prompts: list[TokenizedPrompt]) -> float:
    objective = Objective(model, share_prefix=False)
    with torch.no_grad():
        return sum(float(objective(run)) for run in objective.micro_batches(prompts, 10_000))


def cut(recipe: Recipe) -> Recipe:
    """The recipe with its own rates, in at most so many steps."""
    steps = min(recipe.steps(8), MOST_STEPS)
    return dataclasses.replace(recipe, total_steps=steps)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_teaches_a_model_of_its_kind(name: str) -> None:
    recipe, kind = RECIPES[name], KINDS[name]
    prompts = rows() if kind == "llama" else pairs()
    base = build(kind) if kind == "llama" else build_pairs(kind)
    tuned = make_tuner(recipe.tuner, recipe.tuner_options).attach(base, seed=1)
    before = {key: value.detach().clone() for key, value in tuned.named_parameters()}
    at_first = loss(tuned, prompts)
    log = train(tuned, prompts, cut(recipe), seed=1)
    assert isinstance(log, TrainingLog)
    assert log.steps == cut(recipe).total_steps
    assert loss(tuned, prompts) < at_first
    changed = {key for key, value in tuned.named_parameters() if not torch.equal(value, before[key])}
    assert changed
    assert all(LEARNT[recipe.tuner] in key for key in changed)


@pytest.mark.parametrize(
    ("name", "share"),
    [("small-data", 0.9), ("small-data-full", 0.98), ("small-data-ia3", 0.95), ("small-data-prompt", 0.98)],
)
def test_a_recipe_for_small_data_shows_on_five_rows(name: str, share: float) -> None:
    recipe = RECIPES[name]
    tuned = make_tuner(recipe.tuner, recipe.tuner_options).attach(build("llama"), seed=1)
    at_first = loss(tuned, rows())
    train(tuned, rows(), recipe, seed=1)
    assert loss(tuned, rows()) < share * at_first


@pytest.mark.parametrize(("tuner", "rate", "share"), [("ia3", 0.1, 0.8), ("prompt", 0.3, 0.95)])
def test_scales_and_soft_prompts_of_a_causal_model_lower_the_loss_by_a_share(
    tuner: str, rate: float, share: float
) -> None:
    tuned = make_tuner(tuner).attach(build("llama"), seed=1)
    at_first = loss(tuned, rows())
    recipe = Recipe(name="test", tuner=tuner, epochs=60, batch_size=5, learning_rate=rate)
    train(tuned, rows(), recipe, seed=1)
    assert loss(tuned, rows()) < share * at_first


@pytest.mark.parametrize(
    ("setting", "value"),
    [("optimiser", "sgd"), ("epochs", 0), ("learning_rate", float("inf")), ("warmup", -0.1), ("tuner_options", [])],
)
def test_settings_out_of_range_are_refused_where_a_recipe_is_made(setting: str, value: object) -> None:
    with pytest.raises(UserError, match=f"the recipe's {setting} is"):
        dataclasses.replace(RECIPES["small-data"], **{setting: value})  # type: ignore[arg-type]
