"""Requests of many adapters in one batch, against each adapter alone in the model, in fp32."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from tests.models.answering.test_answer_many import TASKS, answers
from tests.models.architectures import build
from tests.models.test_ranking import CLOSED, differs
from tuition.models.adapters import AdapterBank
from tuition.models.answering.answer_many import answer_many
from tuition.models.answering.requests import AnswerRequest
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.generation import generate
from tuition.models.ranking import option_log_probabilities
from tuition.models.tuners import make_tuner

SLOTS = 3


def trained(kind: str, folder: Path, architecture: str, seed: int) -> torch.nn.Module:
    """A model under an adapter that is far from the base, also saved to a folder."""
    tuned = make_tuner(kind).attach(build(architecture), seed=seed).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.data += 0.3 * torch.randn_like(parameter)
    make_tuner(kind).save(tuned, folder)
    return tuned


def asked(adapters: list[int | None]) -> list[AnswerRequest]:
    draw = random.Random(4)
    return [
        AnswerRequest(
            prompts,
            end=frozenset({3, 50, 77}),
            new_tokens=draw.choice([4, 9]),
            decoding=draw.choice([GREEDY, Decoding(temperature=0.9, seed=6)]),
            adapter=adapter,
            options=[CLOSED] * len(prompts),
        )
        for prompts in TASKS
        for adapter in adapters
    ]


@pytest.mark.parametrize("rows", [3, 64])
@pytest.mark.parametrize(
    ("kind", "architecture"),
    [("lora", "llama"), ("lora", "gpt2"), ("lora", "neox"), ("lora", "opt"), ("ia3", "qwen2"), ("prompt", "llama")],
)
def test_each_adapter_answers_and_ranks_as_it_does_alone(
    kind: str, architecture: str, rows: int, tmp_path: Path
) -> None:
    models = [trained(kind, tmp_path / str(slot), architecture, slot) for slot in range(SLOTS)]
    base = build(architecture).eval()
    requests = asked([2, 0, None, 1])
    with AdapterBank(base, make_tuner(kind), SLOTS) as bank:
        for slot in range(SLOTS):
            bank.load(slot, tmp_path / str(slot))
        results = answer_many(base, requests, bank=bank, rows=rows)
    found = answers(results)
    assert {result.alone for result in results} == {""}
    for request, answer, result in zip(requests, found, results, strict=True):
        model = base if request.adapter is None else models[request.adapter]
        wanted = generate(model, request.prompts, request.decoding, end=request.end, new_tokens=request.new_tokens)
        assert answer == wanted
        assert differs(result.options, option_log_probabilities(model, request.prompts, request.options)) < 2e-4
    assert found[0] != found[1]


def test_beams_of_an_adapter_are_searched_with_that_adapter(tmp_path: Path) -> None:
    models = [trained("lora", tmp_path / str(slot), "llama", slot) for slot in range(2)]
    base = build("llama").eval()
    beams = Decoding(beams=3)
    with AdapterBank(base, make_tuner("lora"), 2) as bank:
        for slot in range(2):
            bank.load(slot, tmp_path / str(slot))
        requests = [
            AnswerRequest(TASKS[0], end=frozenset({5}), new_tokens=5, decoding=beams, adapter=slot) for slot in (1, 0)
        ]
        results = answer_many(base, [*requests, AnswerRequest(TASKS[1], new_tokens=3, adapter=9)], bank=bank)
    for model, result in zip(models[::-1], results[:2], strict=True):
        assert result.answers == generate(model, TASKS[0], beams, end=frozenset({5}), new_tokens=5)
    assert "slots 0 to 1" in str(results[2].error)


def test_an_adapter_that_diverged_does_not_reach_its_neighbours(tmp_path: Path) -> None:
    model = trained("lora", tmp_path / "good", "llama", 1)
    base = build("llama").eval()
    with AdapterBank(base, make_tuner("lora"), 2) as bank:
        bank.load(1, tmp_path / "good")
        with torch.no_grad():
            bank.weights[0] = float("nan")
        requests = [AnswerRequest(prompts, new_tokens=6, adapter=slot) for prompts in TASKS for slot in (0, 1)]
        found = answers(answer_many(base, requests, bank=bank, rows=4))
    assert found[1::2] == [generate(model, prompts, GREEDY, end=frozenset(), new_tokens=6) for prompts in TASKS]
