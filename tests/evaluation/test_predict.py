from __future__ import annotations

from pathlib import Path

import pytest

from tuition.evaluation.predict import end_tokens, predict
from tuition.models.decoding import Decoding
from tuition.models.load import load_model
from tuition.prompts import Prompt


def test_answers_say_whether_they_ended_themselves(tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    prompts = loaded.tokens([Prompt("input:", f" word {i}\noutput:", " x") for i in range(5)])
    counted: list[float] = []
    answers = predict(loaded, loaded.model, prompts, new_tokens=6, advance=counted.append)
    assert len(answers) == 5
    assert sum(counted) == pytest.approx(5)
    for answer in answers:
        assert answer.text == answer.text.strip()
        assert answer.ended == (answer.tokens < 6)


def test_end_tokens_are_the_tokenizers_and_the_models_own(tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    loaded.model.generation_config.eos_token_id = [3, 4]
    assert end_tokens(loaded, loaded.tokens) == frozenset({loaded.tokens.end, 3, 4})


def test_answers_end_before_a_text_to_stop_at(tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    prompts = loaded.tokens([Prompt("input:", f" word {i}\noutput:", " x") for i in range(5)])
    free = predict(loaded, loaded.model, prompts, new_tokens=6)
    mark = next(answer.text[1:3] for answer in free if len(answer.text) > 3)
    found = predict(loaded, loaded.model, prompts, new_tokens=6, decoding=Decoding(stop=(mark,)))
    for answer, whole in zip(found, free, strict=True):
        assert answer.text == whole.text.partition(mark)[0].strip()
        assert answer.ended == (whole.ended or mark in whole.text)
    assert any(answer.text != whole.text for answer, whole in zip(found, free, strict=True))
