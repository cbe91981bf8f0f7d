"""A server with a real model behind it, against the same model at hand: the same answers and log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.evaluation.remote.conftest import Server, start
from transformers import AutoModelForCausalLM, AutoTokenizer

from tuition.evaluation.options.rank import option_questions, rank
from tuition.evaluation.predict import predict
from tuition.evaluation.remote import RankQuestion, answer_remotely, rank_remotely
from tuition.models.decoding import Decoding
from tuition.models.load import LoadedModel, load_model
from tuition.prompts.types import Prompt

TEMPLATE = (
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}{% if message.role == 'assistant' %}"
    "{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
INPUTS = ["one word", "ünï 🦊", "a rather longer question than the others", "שלום", "tab\tand\nline", "<s> </s> [user]"]
PROMPTS = [Prompt("Answer the question.\ninput:", f" {text}\noutput:", " x") for text in INPUTS]
OPTIONS = ("yes", "no", "not at all", "ja 🙂", "نعم")


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with larger weights, so that its answers differ, and with a chat template."""
    made = tmp_path_factory.mktemp("served")
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    draws = torch.Generator().manual_seed(4)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=draws)
    model.save_pretrained(made)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Server]:
    process, server = start("--model", str(folder))
    yield server
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedModel:
    return load_model(str(folder), precision="float32")


@pytest.mark.parametrize("stop", [(), ("e", "\n")])
@pytest.mark.parametrize("chat", [False, True])
def test_greedy_answers_are_those_of_the_model_at_hand(
    served: Server, loaded: LoadedModel, chat: bool, stop: tuple[str, ...]
) -> None:
    tokens = loaded.tokens.in_chat() if chat else loaded.tokens
    decoding = Decoding(stop=stop)
    here = predict(loaded, loaded.model, tokens(PROMPTS), new_tokens=24, decoding=decoding, tokens=tokens)
    there = answer_remotely(
        served.endpoint(kind="completions"), PROMPTS, new_tokens=24, decoding=decoding, chat=chat
    )  # fmt: skip
    assert [answer.text for answer in there] == [answer.text for answer in here]
    assert len({answer.text for answer in there}) > 2
    assert [answer.usage.prompt for answer in there if answer.usage] == [
        len(own.prefix) + len(own.body) for own in tokens(PROMPTS)
    ]


def test_options_have_the_log_probabilities_that_they_have_at_hand(served: Server, loaded: LoadedModel) -> None:
    neutral = [Prompt("Answer the question.\ninput:", "\noutput:", "")] * len(PROMPTS)
    rows = [RankQuestion(prompt, OPTIONS, neutral=none) for prompt, none in zip(PROMPTS, neutral, strict=True)]
    there = rank_remotely(served.endpoint(kind="completions"), rows)
    here = rank(
        loaded.model,
        option_questions(loaded, loaded.tokens(PROMPTS), [OPTIONS] * len(PROMPTS), neutral=loaded.tokens(neutral)),
    )
    assert (there.method, there.inexact) == ("echo", 0)
    for own, other in zip(there.rankings, here, strict=True):
        assert (own.options, own.tokens, set(own.scores)) == (other.options, other.tokens, set(other.scores))
        for way, values in own.scores.items():
            assert values == pytest.approx(other.scores[way], abs=1e-4), way
