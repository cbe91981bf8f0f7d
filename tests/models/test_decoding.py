"""Beams, draws and texts to stop at, against transformers' own search and distributions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from tests.models.architectures import CONFIGS, VOCABULARY, build
from tests.models.test_generation import PROMPTS, ends_of, plain
from tests.training.test_encoder_decoders import build_pairs, task_batches
from tuition.base.errors import UserError
from tuition.models.batches import Batching
from tuition.models.decoding import GREEDY, Decoding, cut_at_stop
from tuition.models.generation import generate
from tuition.models.sampling import draw
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner


def letters(ids: Sequence[int]) -> str:
    return "".join(chr(0x4E00 + token) for token in ids)


def beams(model: torch.nn.Module, prompt: TokenizedPrompt, end: frozenset[int], limit: int, decoding: Decoding):
    ids = torch.tensor([prompt.prefix + prompt.body])
    with torch.no_grad():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
            num_beams=decoding.beams,
            length_penalty=decoding.length_penalty,
            eos_token_id=sorted(end),
            pad_token_id=min(end),
        )[0, ids.shape[1] :].tolist()
    return tuple(out[: next((i for i, token in enumerate(out) if token in end), len(out))])


@pytest.mark.parametrize("decoding", [Decoding(beams=3), Decoding(beams=2, length_penalty=2.0)])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_beams_behind_a_shared_prefix_find_what_plain_beams_find(architecture: str, decoding: Decoding) -> None:
    model = build(architecture).eval()
    end = ends_of(model)
    wanted = [beams(model, prompt, end, 8, decoding) for prompt in PROMPTS]
    for size, share in ((1, True), (4, True), (32, True), (4, False)):
        found = generate(model, PROMPTS, decoding, end=end, new_tokens=8, batching=Batching(size, share_prefix=share))
        assert found == wanted
    assert wanted != [plain(model, prompt, end, 8) for prompt in PROMPTS]


@pytest.mark.parametrize("tuner", ["lora", "prompt"])
def test_beams_of_tuned_models_begin_with_the_likeliest_of_all_answers(tuner: str) -> None:
    tuned = make_tuner(tuner).attach(build("llama"), seed=1).eval()
    # With as many beams as tokens, two tokens are searched in full.
    found = generate(tuned, PROMPTS, Decoding(beams=VOCABULARY), end=frozenset({0}), new_tokens=2)
    for prompt, answer in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt.prefix + prompt.body])
        with torch.no_grad():
            first = tuned(input_ids=ids).logits[0, -1].log_softmax(-1)
            both = torch.stack([
                tuned(input_ids=torch.cat([ids, torch.tensor([[token]])], dim=1)).logits[0, -1].log_softmax(-1)
                for token in range(VOCABULARY)
            ])  # fmt: skip
        score = (first[:, None] + both) / 2
        score[0] = -torch.inf
        if len(answer) == 2:
            assert divmod(int(score.argmax()), VOCABULARY) == answer


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gpt2"])
def test_draws_do_not_depend_on_the_batch_and_do_on_the_seed(architecture: str) -> None:
    model = build(architecture).eval()
    end = ends_of(model)
    one = Decoding(temperature=0.8, top_p=0.9, seed=1)
    answers = generate(model, PROMPTS, one, end=end, new_tokens=9, batching=Batching(1))
    assert generate(model, PROMPTS, one, end=end, new_tokens=9, batching=Batching(32)) == answers
    assert generate(model, PROMPTS, Decoding(temperature=0.8, top_p=0.9, seed=2), end=end, new_tokens=9) != answers


def test_draws_near_temperature_nought_are_greedy_answers() -> None:
    model = build("llama").eval()
    greedy = generate(model, PROMPTS, GREEDY, end=frozenset(), new_tokens=6)
    for decoding in (Decoding(temperature=1e-6), Decoding(temperature=1.0, top_p=1e-9)):
        assert generate(model, PROMPTS, decoding, end=frozenset(), new_tokens=6) == greedy
    rows = task_batches()
    pairs = build_pairs("t5").eval()
    drawn = answer_pairs(pairs, rows, end=frozenset({1}), new_tokens=6, decoding=Decoding(temperature=1e-6))
    assert drawn == answer_pairs(pairs, rows, end=frozenset({1}), new_tokens=6)


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 0.9), (2.0, 0.5), (0.3, 0.05)])
def test_tokens_are_drawn_as_often_as_transformers_distribution_says(temperature: float, top_p: float) -> None:
    torch.manual_seed(7)
    logits = 2 * torch.randn(3, 50)
    warped = TopPLogitsWarper(top_p)(None, TemperatureLogitsWarper(temperature)(None, logits))
    wanted = warped.softmax(dim=-1)
    uniform = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    for row in range(3):
        drawn = draw(logits[row].expand(len(uniform), -1), uniform, temperature=temperature, top_p=top_p)
        share = torch.bincount(drawn, minlength=50) / len(uniform)
        assert (share - wanted[row]).abs().max() < 2e-4
        assert set(drawn.tolist()) <= set(wanted[row].nonzero()[:, 0].tolist())


def test_the_ends_of_the_unit_interval_draw_tokens_of_the_nucleus() -> None:
    logits = torch.tensor([[0.0, 10.0, -50.0], [1.0, 1.0, 1.0]])
    for at in (0.0, 1 - 2**-53):
        drawn = draw(logits, torch.full((2,), at, dtype=torch.float64), temperature=1.0, top_p=0.99)
        assert drawn[0] == 1
        assert 0 <= drawn[1] < 3


def test_an_answer_stops_behind_the_token_that_completes_a_text() -> None:
    model = build("llama").eval()
    free = generate(model, PROMPTS, GREEDY, end=frozenset({1}), new_tokens=9)
    stop = (letters(free[0][2:4]), letters(free[8][:1]))
    decoding = Decoding(stop=stop)
    wanted = []
    for answer in free:
        ends = [end for end in range(1, len(answer) + 1) if any(mark in letters(answer[:end]) for mark in stop)]
        wanted.append(answer[: ends[0]] if ends else answer)
    assert len(wanted[0]) <= 4 < len(free[0])
    for size in (1, 3, 32):
        found = generate(
            model, PROMPTS, decoding, end=frozenset({1}), new_tokens=9, decode=letters, batching=Batching(size)
        )
        assert found == wanted


@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_decoders_stop_at_texts_too(architecture: str) -> None:
    model = build_pairs(architecture).eval()
    rows = task_batches()
    free = answer_pairs(model, rows, end=frozenset({1}), new_tokens=8)
    longest = max(free, key=len)
    decoding = Decoding(stop=(letters(longest[1:3]),))
    found = answer_pairs(model, rows, end=frozenset({1}), new_tokens=8, decoding=decoding, decode=letters)
    for answer, whole in zip(found, free, strict=True):
        assert answer == whole[: len(answer)]
        assert (len(answer) < len(whole)) <= (decoding.stop[0] in letters(answer))
    assert len(found[free.index(longest)]) <= 3 < len(longest)


def test_beams_that_meet_a_text_to_stop_at_are_cut_behind_it() -> None:
    model = build("llama").eval()
    free = generate(model, PROMPTS, Decoding(beams=3), end=frozenset({1}), new_tokens=8)
    stop = Decoding(beams=3, stop=(letters(free[0][1:2]),))
    for answer in generate(model, PROMPTS, stop, end=frozenset({1}), new_tokens=8, decode=letters):
        assert stop.stop[0] not in letters(answer[:-1])


@pytest.mark.parametrize("architecture", ["t5", "mt5", "bart"])
def test_beams_and_draws_of_decoders_are_those_of_each_row_alone(architecture: str) -> None:
    model = build_pairs(architecture).eval()
    rows = task_batches()
    found = answer_pairs(model, rows, end=frozenset({1}), new_tokens=6, decoding=Decoding(beams=3), batch_size=3)
    for row, answer in zip(rows, found, strict=True):
        out = model.generate(
            input_ids=torch.tensor([row.prefix + row.body]), num_beams=3, do_sample=False, max_new_tokens=7,
            eos_token_id=[1],
        )[0, 1:].tolist()  # fmt: skip
        kept = out[: out.index(1)] if 1 in out else out
        config = model.config
        assert answer == tuple(t for t in kept if t not in (config.decoder_start_token_id, config.pad_token_id))[:6]
    drawn = Decoding(temperature=1.0, seed=3)
    alone = answer_pairs(model, rows, end=frozenset({1}), new_tokens=6, decoding=drawn, batch_size=1)
    assert answer_pairs(model, rows, end=frozenset({1}), new_tokens=6, decoding=drawn, batch_size=8) == alone
    assert alone != answer_pairs(model, rows, end=frozenset({1}), new_tokens=6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"beams": 0}, "beams is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 0.5}, "nothing is sampled"),
        ({"beams": 2, "temperature": 1.0}, "choose one"),
        ({"stop": ("\n", "")}, "empty"),
    ],
)
def test_decodings_without_meaning_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Decoding(**given)


def test_what_a_decoding_needs_is_asked_for() -> None:
    with pytest.raises(ValueError, match="decode"):
        generate(build("gpt2"), PROMPTS, Decoding(stop=("x",)), end=frozenset({1}), new_tokens=2)
    with pytest.raises(ValueError, match="end token"):
        generate(build("gpt2"), PROMPTS, Decoding(beams=2), end=frozenset(), new_tokens=2)


def test_texts_are_cut_at_the_first_text_that_stops_them() -> None:
    assert cut_at_stop("one two\nthree", ("\n", "two")) == "one "
    assert cut_at_stop("مرحبا🙂 x", ("🙂",)) == "مرحبا"
    assert cut_at_stop("whole", ("\n",)) == "whole"
    assert cut_at_stop("", ("\n",)) == ""
