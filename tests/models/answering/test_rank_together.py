"""Options of many tasks ranked together, against each task alone, in fp32."""

from __future__ import annotations

import pytest
import torch

from tests.models.architectures import CONFIGS, build
from tests.models.test_ranking import CLOSED, OPTIONS, PROMPTS, differs, ids
from tests.training.test_encoder_decoders import build_pairs
from tuition.models import tree_attention
from tuition.models.answering.answer_many import answer_many
from tuition.models.answering.requests import AnswerRequest
from tuition.models.decoding import GREEDY
from tuition.models.generation import generate
from tuition.models.ranking import option_log_probabilities
from tuition.models.tokens import TokenizedPrompt

OTHERS = [TokenizedPrompt(ids(7), (), ()), *[TokenizedPrompt(PROMPTS[0].prefix[:4], ids(n), ()) for n in (12, 1, 3)]]


@pytest.mark.parametrize("rows", [1, 4, 64])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_options_are_scored_as_in_their_task_alone(architecture: str, rows: int) -> None:
    model = build(architecture).eval()
    asked = [AnswerRequest(PROMPTS, options=options) for options in OPTIONS.values()]
    asked += [AnswerRequest(OTHERS, options=[CLOSED] * len(OTHERS), new_tokens=3)]
    asked += [AnswerRequest(PROMPTS, options=OPTIONS["one closed set"], share_prefix=False)]
    results = answer_many(model, asked, rows=rows)
    assert {result.alone for result in results} == {""}
    for request, result in zip(asked, results, strict=True):
        assert result.error is None
        wanted = option_log_probabilities(model, request.prompts, request.options)
        assert differs(result.options, wanted) < 1e-4
    whole = [TokenizedPrompt((), one.prefix + one.body, ()) for one in OTHERS]
    assert results[-2].answers == generate(model, whole, GREEDY, end=frozenset(), new_tokens=3)


def test_very_many_options_are_divided_over_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama").eval()
    options = [[ids(4) for _ in range(30)] for _ in PROMPTS]
    wanted = option_log_probabilities(model, PROMPTS, options)
    monkeypatch.setattr(tree_attention, "LOGITS_LIMIT", 4 * 97 * 20)
    [result] = answer_many(model, [AnswerRequest(PROMPTS, options=options)])
    assert differs(result.options, wanted) < 1e-4


def test_where_memory_does_not_suffice_fewer_rows_are_ranked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama").eval()
    [wanted] = answer_many(model, [AnswerRequest(PROMPTS, options=OPTIONS["one closed set"])])
    forward = model.forward
    told: list[int] = []

    def scarce(**given: torch.Tensor) -> object:
        if len(given["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(**given)

    monkeypatch.setattr(model, "forward", scarce)
    [result] = answer_many(
        model,
        [AnswerRequest(PROMPTS, options=OPTIONS["one closed set"])],
        answered=lambda number, _: told.append(number),
    )
    assert differs(result.options, wanted.options) < 1e-4
    assert told == [0]


def test_encoder_decoders_answer_and_rank_request_by_request() -> None:
    model = build_pairs("t5").eval()
    options = OPTIONS["one closed set"]
    request = AnswerRequest(PROMPTS, end=frozenset({1}), new_tokens=4, options=options)
    [result] = answer_many(model, [request])
    assert "encoder-decoder" in result.alone
    assert differs(result.options, option_log_probabilities(model, PROMPTS, options)) < 1e-4
    assert len(result.answers) == len(PROMPTS)
