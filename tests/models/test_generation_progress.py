from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.architectures import build
from tuition.models.decoding import Decoding
from tuition.models.generation import generate
from tuition.models.generation_progress import Batch
from tuition.models.load import load_model
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import TokenizedPrompt

PROMPTS = [TokenizedPrompt((5, 6, 7), (8 + n, 9), ()) for n in range(3)]


def test_parts_of_a_batch_sum_up_to_its_rows_however_many_tokens_were_made() -> None:
    for made in (0, 1, 3, 9):
        told: list[float] = []
        batch = Batch(4, 5, told.append)
        for _ in range(made):
            batch.token()
        batch.end()
        assert sum(told) == pytest.approx(4)
        assert all(part > 0 for part in told)


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(beams=2), Decoding(temperature=1.0, seed=3)])
def test_each_token_of_a_causal_models_batch_is_progress(decoding: Decoding) -> None:
    told: list[float] = []
    generate(build("llama").eval(), PROMPTS, decoding, end=frozenset({2}), new_tokens=8, advance=told.append)
    assert len(told) > 3
    assert sum(told) == pytest.approx(len(PROMPTS))


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(beams=2)])
def test_each_token_of_an_encoder_decoders_batch_is_progress(decoding: Decoding, tiny_t5: Path) -> None:
    told: list[float] = []
    model = load_model(str(tiny_t5), precision="float32").model
    answer_pairs(model, PROMPTS, end=frozenset({1}), new_tokens=8, decoding=decoding, advance=told.append)
    assert len(told) > 3
    assert sum(told) == pytest.approx(len(PROMPTS))
