"""Requests answered together against each alone and against transformers' own generation, in fp32."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from tests.models.architectures import CONFIGS, VOCABULARY, build
from tests.models.test_decoding import letters
from tests.models.test_generation import plain
from tuition.models.answering.answer_many import answer_many
from tuition.models.answering.lane_model import LaneModel
from tuition.models.answering.requests import Answered, AnswerRequest
from tuition.models.answering.support import lane_support
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.generation import generate
from tuition.models.load import load_model
from tuition.models.tokens import TokenizedPrompt
from tuition.prompts import Prompt

TOGETHER = list(CONFIGS)
"""Plain attention, learned positions, parallel blocks, and sliding windows narrower than prefixes."""


def ids(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(3, VOCABULARY) for _ in range(count))


def task(prefix: int, bodies: list[int], seed: int) -> list[TokenizedPrompt]:
    draw = random.Random(seed)
    shared = ids(draw, prefix)
    return [TokenizedPrompt(shared, ids(draw, body), ()) for body in bodies]


TASKS = [
    task(17, [1, 9, 4, 16, 2, 7, 7, 3], 1),
    task(5, [3, 6, 1], 2),
    task(0, [4, 11, 2], 3),
    task(9, [5], 4),
    task(12, [40, 2, 2, 3, 60, 1, 2], 5),
]


def requests(model, limits=(12, 5, 9, 1, 12)) -> list[AnswerRequest]:
    """Tasks of unlike lengths and limits, each with end tokens that some answers meet early and others never."""
    made = []
    for prompts, limit in zip(TASKS, limits, strict=True):
        free = generate(model, prompts, AnswerRequest(prompts).decoding, end=frozenset(), new_tokens=limit)
        end = frozenset({free[0][limit // 2], free[-1][0]})
        made.append(AnswerRequest(prompts, end=end, new_tokens=limit))
    return made


def answers(results: list[Answered]) -> list[list[tuple[int, ...]]]:
    assert [result.error for result in results] == [None] * len(results)
    return [result.answers for result in results]


@pytest.mark.parametrize("architecture", TOGETHER)
def test_answers_equal_those_of_plain_generation(architecture: str) -> None:
    model = build(architecture).eval()
    asked = requests(model)
    wanted = [[plain(model, prompt, one.end, one.new_tokens) for prompt in one.prompts] for one in asked]
    for rows in (1, 3, 8, 64):
        results = answer_many(model, asked, rows=rows)
        assert {result.alone for result in results} == {""}
        assert answers(results) == wanted
    assert lane_support(model).refused == ""
    lengths = {len(answer) for own in wanted for answer in own}
    assert 0 in lengths
    assert len(lengths) > 3


@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_architecture_gives_the_answers_of_its_requests_alone(architecture: str) -> None:
    model = build(architecture).eval()
    asked = requests(model)
    alone = [generate(model, one.prompts, GREEDY, end=one.end, new_tokens=one.new_tokens) for one in asked]
    results = answer_many(model, asked)
    assert answers(results) == alone
    assert {result.alone for result in results} == {""}


@pytest.mark.parametrize("config", [{"attention_chunk_size": 8}, {"sliding_window": 8}])
def test_windows_that_attention_is_not_told_are_refused(
    config: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("llama").eval()
    wanted = [plain(model, prompt, frozenset(), 4) for prompt in TASKS[2]]
    for name, value in config.items():
        monkeypatch.setattr(model.config, name, value, raising=False)
    [result] = answer_many(model, [AnswerRequest(TASKS[2], new_tokens=4)])
    assert "chunked" in result.alone or "sliding windows" in result.alone
    assert result.answers == wanted


def test_recurrent_models_are_refused_and_answer_request_by_request(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(3)
    config = MambaConfig(vocab_size=VOCABULARY, hidden_size=32, state_size=4, num_hidden_layers=2)
    model = MambaForCausalLM(config).eval()
    asked = [AnswerRequest(TASKS[2], end=frozenset({0}), new_tokens=4, share_prefix=False)]
    [result] = answer_many(model, asked)
    assert result.alone
    assert "one after another" in caplog.text
    answer_many(model, asked)
    assert caplog.text.count("one after another") == 1


def test_the_model_is_as_it_was_afterwards() -> None:
    model = build("llama").train()
    before = model.config._attn_implementation
    answer_many(model, [AnswerRequest(TASKS[0], new_tokens=2)])
    assert model.training
    assert model.config._attn_implementation == before


@pytest.mark.parametrize("rows", [2, 64])
def test_sampled_answers_depend_on_neither_batches_nor_neighbours(rows: int) -> None:
    model = build("qwen2").eval()
    decodings = [Decoding(temperature=1.5, seed=1), GREEDY, Decoding(temperature=0.7, top_p=0.8, seed=2)]
    asked = [
        AnswerRequest(prompts, end=frozenset({4}), new_tokens=9, decoding=decoding)
        for prompts, decoding in zip(TASKS, [*decodings, *decodings[:2]], strict=True)
    ]
    alone = [generate(model, one.prompts, one.decoding, end=one.end, new_tokens=one.new_tokens) for one in asked]
    assert answers(answer_many(model, asked, rows=rows)) == alone
    assert answers(answer_many(model, asked[:1], rows=rows)) == alone[:1]


def test_each_row_stops_at_the_texts_of_its_own_request() -> None:
    model = build("llama").eval()
    free = [generate(model, prompts, GREEDY, end=frozenset(), new_tokens=10) for prompts in TASKS]
    asked = [
        AnswerRequest(
            prompts, new_tokens=10, decode=letters, decoding=Decoding(stop=(letters(own[0][3:5]), letters(own[-1][:1])))
        )
        for prompts, own in zip(TASKS, free, strict=True)
    ]
    alone = [generate(model, one.prompts, one.decoding, end=one.end, new_tokens=10, decode=letters) for one in asked]
    found = answers(answer_many(model, asked, rows=6))
    assert found == alone
    assert found != free


def test_beams_are_searched_request_by_request_beside_greedy_requests() -> None:
    model = build("gpt2").eval()
    end = frozenset({5, 9})
    beams = Decoding(beams=3)
    asked = [AnswerRequest(prompts, end=end, new_tokens=6, decoding=beams) for prompts in TASKS[:2]]
    asked += [AnswerRequest(TASKS[2], end=end, new_tokens=6)]
    results = answer_many(model, asked)
    assert answers(results)[:2] == [generate(model, one.prompts, beams, end=end, new_tokens=6) for one in asked[:2]]
    assert ["beams" in result.alone for result in results] == [True, True, False]


def test_results_are_reported_once_each_as_they_are_finished() -> None:
    model = build("llama").eval()
    told: list[int] = []
    done: list[float] = []
    asked = [AnswerRequest(prompts, new_tokens=limit) for prompts, limit in zip(TASKS, (12, 1, 4, 1, 3), strict=True)]
    asked += [AnswerRequest([], new_tokens=3), AnswerRequest(TASKS[1])]
    results = answer_many(
        model, asked, rows=4, answered=lambda number, result: told.append(number), advance=done.append
    )
    assert sorted(told) == list(range(len(asked)))
    assert told[:2] == [5, 6]  # nothing is asked of these
    assert told != sorted(told)  # short answers come before the long ones of an earlier request
    assert sum(done) == pytest.approx(sum(len(one.prompts) for one in asked))
    assert results[5].answers == []
    assert results[6].answers == [()] * 3
    assert answer_many(model, []) == []


def test_what_a_callback_raises_is_raised_and_the_model_is_left_usable() -> None:
    model = build("llama").eval()

    def full(number: int, result: Answered) -> None:
        raise RuntimeError("no space left on device")

    with pytest.raises(RuntimeError, match="no space left"):
        answer_many(model, [AnswerRequest(TASKS[0], new_tokens=2)], answered=full)
    assert answer_many(model, [AnswerRequest(TASKS[0], new_tokens=2)])[0].error is None


def test_requests_that_fail_leave_the_others_as_they_are() -> None:
    model = build("gpt2").eval()

    def broken(answer: Sequence[int]) -> str:
        if len(answer) == 3:
            raise UnicodeError("no text")
        return letters(answer)

    stop = Decoding(stop=("x",))
    asked = [
        AnswerRequest(TASKS[0], new_tokens=6),
        AnswerRequest(TASKS[1], new_tokens=6, decoding=stop, decode=broken),
        AnswerRequest(TASKS[2], new_tokens=6, decoding=stop),
        AnswerRequest(TASKS[3], new_tokens=-1),
        AnswerRequest([TokenizedPrompt((), (), ())], new_tokens=6),
        AnswerRequest(TASKS[3], new_tokens=6, adapter=0),
        AnswerRequest(TASKS[4], options=[[(3,)]]),
        AnswerRequest(TASKS[3], options=[[()]]),
        AnswerRequest(TASKS[1], new_tokens=6, decoding=Decoding(beams=2)),
        AnswerRequest(TASKS[4], new_tokens=6),
    ]
    results = answer_many(model, asked, rows=5)
    wanted = [
        None, "no text", "`decode`", "-1 tokens", "a token at least", "no bank", "7 prompts but 1", "every option",
        "end token", None,
    ]  # fmt: skip
    for result, words in zip(results, wanted, strict=True):
        assert (result.error is None) == (words is None)
        assert words is None or words in str(result.error)
    for at in (0, 9):
        assert results[at].answers == generate(model, asked[at].prompts, GREEDY, end=frozenset(), new_tokens=6)


def test_a_sequence_too_long_for_the_model_fails_alone() -> None:
    model = build("gpt2").eval()
    asked = [AnswerRequest(TASKS[0], new_tokens=3), AnswerRequest(task(0, [140, 3], 7), new_tokens=3)]
    results = answer_many(model, asked)
    assert results[0].answers == generate(model, TASKS[0], GREEDY, end=frozenset(), new_tokens=3)
    assert isinstance(results[1].error, IndexError)


@pytest.mark.parametrize("most", [1, 5])
def test_where_memory_does_not_suffice_fewer_rows_are_answered_at_once(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("llama").eval()
    asked = requests(model)
    wanted = answers(answer_many(model, asked))
    forward = model.forward

    def scarce(**given: torch.Tensor) -> Any:
        if len(given["input_ids"]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(**given)

    monkeypatch.setattr(model, "forward", scarce)
    notes: list[str] = []
    results = answer_many(model, asked, rows=32, noted=notes.append)
    assert answers(results) == wanted
    assert {result.alone for result in results} == {""}
    assert "memory does not suffice for" in notes[0]
    assert "no graphs: a device of type cpu" in notes[-1]


def test_no_memory_at_all_is_an_error_of_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama").eval()
    lane_support(model)

    def full(**given: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "forward", full)
    results = answer_many(model, [AnswerRequest(prompts, new_tokens=2) for prompts in TASKS])
    assert all(isinstance(result.error, torch.OutOfMemoryError) for result in results)


def test_rows_that_turn_not_finite_do_not_reach_those_that_take_their_slots() -> None:
    model = build("llama").eval()
    poison = 1
    with torch.no_grad():
        model.get_input_embeddings().weight[poison] = float("nan")
    bad = [TokenizedPrompt((), (poison, 5, poison), ()), TokenizedPrompt((poison, 3), (poison, 5), ())] * 2
    asked = [AnswerRequest(bad, new_tokens=4), *[AnswerRequest(prompts, new_tokens=5) for prompts in TASKS]]
    found = answers(answer_many(model, asked, rows=3))[1:]
    assert found == [generate(model, prompts, GREEDY, end=frozenset(), new_tokens=5) for prompts in TASKS]


def test_a_prefix_without_a_body_is_answered_from_its_last_token() -> None:
    model = build("llama").eval()
    prefix = TASKS[0][0].prefix
    [result] = answer_many(model, [AnswerRequest([TokenizedPrompt(prefix, (), ())] * 2, new_tokens=4)])
    assert result.answers == [plain(model, TokenizedPrompt((), prefix, ()), frozenset(), 4)] * 2


def test_at_least_one_row_is_answered_at_once() -> None:
    with pytest.raises(ValueError, match="0 rows at once"):
        answer_many(build("llama"), [], rows=0)


@pytest.mark.slow
def test_the_embedded_model_gives_many_tasks_the_answers_that_it_gives_each() -> None:
    loaded = load_model("smollm2-135m", precision="float32")
    asked = [
        AnswerRequest(
            loaded.tokens(
                [Prompt(f"{task} of", f" {country} is", "") for country in ("France", "the old Japan", "Peru")]
            ),
            end=frozenset({loaded.tokens.end}),
            new_tokens=5,
        )
        for task in ("The capital", "A large city in the north", "The first king")
    ]
    found = answers(answer_many(loaded.model, asked))
    assert found == [generate(loaded.model, one.prompts, GREEDY, end=one.end, new_tokens=5) for one in asked]
    assert loaded.tokens.decode(found[0][0]).startswith(" Paris")


def test_each_prefix_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama").eval()
    lane_support(model)
    run: list[list[int]] = []
    original = LaneModel.run_prefixes

    def counted(self: LaneModel, lanes: Any, prefixes: Any, owners: Any) -> None:
        run.extend(list(prefix) for prefix in prefixes)
        original(self, lanes, prefixes, owners)

    monkeypatch.setattr(LaneModel, "run_prefixes", counted)
    many = [task(11, [3, 5] * 20, 1), task(8, [2] * 17, 2)]
    results = answer_many(model, [AnswerRequest(prompts, new_tokens=6) for prompts in many], rows=8)
    assert sorted(map(len, run)) == [8, 11]
    assert answers(results) == [generate(model, own, GREEDY, end=frozenset(), new_tokens=6) for own in many]
