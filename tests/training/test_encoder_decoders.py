"""Encoder-decoders: the loss of transformers itself, and a few instances learnt by heart."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, BartConfig, MT5Config, T5Config

from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.prompts import Prompt
from tuition.training import train

VOCABULARY = 300  # ByT5's: 256 bytes, its special tokens, and room
CONFIGS = {
    "t5": T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    ),
    "mt5": MT5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, tie_word_embeddings=False,
    ),
    "bart": BartConfig(
        vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=48, decoder_ffn_dim=48,
        encoder_attention_heads=4, decoder_attention_heads=4, max_position_embeddings=256, dropout=0.0,
        decoder_start_token_id=1, pad_token_id=0, bos_token_id=3, eos_token_id=1, forced_eos_token_id=None,
    ),
}  # fmt: skip
PAIRS = [("one plus one", "two"), ("two plus two", "four"), ("Übung", "exercise"), ("a", "b"), ("", "nothing")]
PAIRS += [("three and three", "six"), ("night", "day"), ("left", "right")]


def build_pairs(name: str) -> torch.nn.Module:
    torch.manual_seed(3)
    model = AutoModelForSeq2SeqLM.from_config(CONFIGS[name], dtype=torch.float32)
    for parameter in model.parameters():
        # Larger than the usual start: frozen weights near zero would leave an adapter nothing to work with.
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def task_batches() -> list[TokenizedPrompt]:
    from transformers import ByT5Tokenizer

    tokens = PromptTokenizer(ByT5Tokenizer()).for_encoder()
    return tokens([Prompt("Answer.\ninput:", f" {source}\noutput:", f" {target}") for source, target in PAIRS])


def test_a_source_ends_with_the_encoders_end_token_and_a_target_begins_without_a_space() -> None:
    row = task_batches()[0]
    text = "Answer.\ninput: one plus one\noutput:"
    assert row.prefix + row.body == (*(byte + 3 for byte in text.encode()), 1)
    assert row.target == (*(byte + 3 for byte in b"two"), 1)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_the_loss_is_transformers_own_whatever_the_micro_batches(architecture: str) -> None:
    model = build_pairs(architecture)
    objective = Objective(model, share_prefix=True)
    assert not objective.shares
    total = 0.0
    for row in task_batches():
        out = model(input_ids=torch.tensor([row.prefix + row.body]), labels=torch.tensor([row.target]))
        total += float(out.loss.detach()) * len(row.target)
    for tokens in (10_000, 80, 1):
        with torch.no_grad():
            ours = sum(float(objective(run)) for run in objective.micro_batches(task_batches(), tokens))
        assert ours == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(("tuner", "rate"), [("full", 3e-3), ("lora", 1e-2)])
@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_eight_instances_are_learnt_by_heart(architecture: str, tuner: str, rate: float) -> None:
    tuned = make_tuner(tuner).attach(build_pairs(architecture), seed=1)
    recipe = Recipe(name="test", epochs=400, batch_size=8, learning_rate=rate, warmup=0.05)
    log = train(tuned, task_batches(), recipe, seed=1)
    assert log.losses[-1] < 0.25 * log.losses[0]
    answers = answer_pairs(tuned, task_batches(), end=frozenset({1}), new_tokens=12, batch_size=3)
    assert answers == [row.target[:-1] for row in task_batches()]


@pytest.mark.parametrize(("tuner", "rate", "share"), [("ia3", 0.1, 0.95), ("prompt", 0.3, 0.95)])
@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_scales_and_soft_prompts_lower_the_loss_and_train_only_themselves(
    architecture: str, tuner: str, rate: float, share: float
) -> None:
    tuned = make_tuner(tuner).attach(build_pairs(architecture), seed=1)
    before = {n: p.detach().clone() for n, p in tuned.named_parameters()}
    log = train(tuned, task_batches(), Recipe(name="test", epochs=60, batch_size=8, learning_rate=rate), seed=1)
    assert log.losses[-1] < share * log.losses[0]
    changed = {n for n, p in tuned.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all("ia3_" in n or "prompt_encoder" in n for n in changed)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_answers_do_not_depend_on_the_batch(architecture: str) -> None:
    model = build_pairs(architecture).eval()
    rows = task_batches()
    one = answer_pairs(model, rows, end=frozenset({1}), new_tokens=6, batch_size=1)
    assert answer_pairs(model, rows, end=frozenset({1}), new_tokens=6, batch_size=8) == one


def test_a_model_that_ends_at_once_answers_nothing() -> None:
    model = build_pairs("t5")
    rows = [dataclasses.replace(row, target=(1,)) for row in task_batches()]
    train(model, rows, Recipe(name="test", epochs=60, batch_size=8, learning_rate=1e-2), seed=1)
    assert answer_pairs(model, rows, end=frozenset({1}), new_tokens=6) == [()] * len(rows)
