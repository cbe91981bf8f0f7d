"""A vocabulary of 1.5 million: what it takes is bounded by what one run's logits may, in learning as in ranking."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuition.models.objective import within_positions
from tuition.models.tokens import TokenizedPrompt

RUN = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from transformers import LlamaConfig, LlamaForCausalLM
from tests.conftest import byte_tokenizer
from tuition.models.objective import Objective
from tuition.models.tokens import PromptTokenizer
from tuition.prompts.types import Prompt

torch.manual_seed(0)
tokenizer = byte_tokenizer()
config = LlamaConfig(
    vocab_size=1_500_000, hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=2, tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id,
)
model = LlamaForCausalLM(config).eval()
for parameter in model.parameters():
    parameter.requires_grad_(parameter.shape[0] < 1000)
prompts = PromptTokenizer(tokenizer)([Prompt("Say it:", f" row {n}", " " + "word " * 20) for n in range(16)])
objective = Objective(model, share_prefix=True)
runs = objective.micro_batches(prompts, 8192)
total = 0.0
for run in runs:
    loss = objective(run)
    loss.backward()
    total += float(loss)
print(len(runs), sum(map(len, runs)), total / sum(len(p.target) for p in prompts))
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1000)
"""


@pytest.mark.slow
def test_learning_with_a_vocabulary_of_one_and_a_half_million_stays_within_memory() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", RUN, str(root)], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    counts, peak = done.stdout.splitlines()
    runs, rows, loss = counts.split()
    assert (int(rows), int(runs) > 4) == (16, True)
    assert 13 < float(loss) < 16  # ln(1.5 million) is 14.2
    assert int(peak) < 7000  # MB; sixteen rows at once took 30 GB


def row(target: int) -> TokenizedPrompt:
    return TokenizedPrompt((1,), (2,), tuple(range(target)))


def test_a_run_is_divided_by_the_positions_that_its_longest_target_asks_for() -> None:
    rows = [row(n) for n in (10, 10, 4, 30, 1, 1)]
    parts = within_positions(rows, 30)
    assert [[len(r.target) for r in part] for part in parts] == [[10, 10, 4], [30], [1, 1]]
    assert [r for part in parts for r in part] == rows
    assert all(len(part) * max(len(r.target) for r in part) <= 30 for part in parts)


def test_a_row_longer_than_the_room_is_alone_and_a_small_vocabulary_divides_nothing() -> None:
    assert [len(part) for part in within_positions([row(50), row(50)], 30)] == [1, 1]
    assert within_positions([row(10)] * 5, 7_000) == [[row(10)] * 5]
    assert within_positions([], 10) == []
