"""A causal model learns eight instances by heart, under LoRA and under full tuning."""

from __future__ import annotations

import pytest

from tests.models.architectures import build
from tests.models.test_prefix import ragged
from tests.training.test_trainer import END
from tuition.models.generation import generate_greedily
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training import train


def eight() -> list[TokenizedPrompt]:
    rows = ragged(9, [3, 5, 2, 4, 6, 3, 2, 5], [2, 1, 3, 2, 1, 2, 3, 1], seed=5)
    return [TokenizedPrompt(row.prefix, row.body, (*(token % END for token in row.target), END)) for row in rows]


@pytest.mark.parametrize(("tuner", "rate"), [("lora", 1e-2), ("full", 3e-3)])
def test_eight_instances_are_learnt_by_heart(tuner: str, rate: float) -> None:
    assert len({(row.prefix, row.body) for row in eight()}) == 8
    tuned = make_tuner(tuner).attach(build("llama"), seed=1)
    log = train(tuned, eight(), Recipe(name="test", epochs=80, batch_size=4, learning_rate=rate), seed=1)
    assert log.shared_prefix
    answers = generate_greedily(tuned, eight(), end=frozenset({END}), new_tokens=8)
    assert answers == [row.target[:-1] for row in eight()]
