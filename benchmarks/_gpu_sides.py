"""What `gpu.py` measures: models of a shape with random weights, made-up tasks, and each side's part of the work."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.tiny_models import byte_tokenizer, save_tiny_llama

from _training_sides import RATE, Clock, Course, Spec, Step, _hash, ours, peer
from tuition.models.answering.answer_many import answer_many
from tuition.models.answering.requests import AnswerRequest
from tuition.models.load import LoadedModel
from tuition.models.model_pool import ModelPool
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training.many_adapters import AdapterRun, train_together

SHAPES = {
    # Those of SmolLM2-135M and of Llama-3.2-1B with a vocabulary of 49,152.
    "135m": {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
             "head_dim": 64, "intermediate_size": 1536},
    "1b": {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
           "head_dim": 64, "intermediate_size": 8192},
}  # fmt: skip
TINY = "tiny"
TASKS = ((150, 32, 5), (191, 62, 7), (155, 8, 4))
"""Tokens of the prefix, of a row (its mean), and of its answer, as in three tasks of Super-NaturalInstructions."""
TINY_TASKS = ((20, 6, 2), (13, 9, 3), (17, 3, 2))
PEERS = ("transformers", "TRL", "TRL, padding-free")
WARM = 4
"""Steps before time is taken: shapes are captured in them, and the peers' kernels are chosen."""


def installed(side: str) -> bool:
    """Whether a peer can be run here."""
    return side == "transformers" or importlib.util.find_spec("trl") is not None


@contextmanager
def shaped_model(shape: str) -> Iterator[str]:
    """Yield the folder of a model of that shape with random weights."""
    with tempfile.TemporaryDirectory(prefix="tuition-gpu-") as holder:
        folder = Path(holder) / shape
        if shape == TINY:
            save_tiny_llama(folder, initializer_range=0.2, max_position_embeddings=8192)
        else:
            from transformers import LlamaConfig, LlamaForCausalLM

            torch.manual_seed(0)
            tokenizer = byte_tokenizer()
            config = LlamaConfig(
                vocab_size=49152,
                tie_word_embeddings=True,
                max_position_embeddings=8192,
                eos_token_id=tokenizer.eos_token_id,
                dtype="bfloat16",
                **SHAPES[shape],
            )
            LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        yield str(folder)


def task_rows(loaded: LoadedModel, task: int, count: int, *, tiny: bool, seed: int = 0) -> list[TokenizedPrompt]:
    """Return rows of a made-up task: one prefix, ragged bodies, short answers."""
    prefix, body, target = (TINY_TASKS if tiny else TASKS)[task % 3]
    draw = random.Random(f"{task} {seed}")
    end = loaded.tokens.end
    size = int(loaded.model.get_input_embeddings().weight.shape[0])

    def ids(number: int) -> tuple[int, ...]:
        return tuple(token if token != end else 0 for token in draw.choices(range(size), k=number))

    shared = ids(prefix)
    return [
        TokenizedPrompt(shared, ids(draw.randint(max(1, body // 2), body * 3 // 2)), (*ids(target - 1), end))
        for _ in range(count)
    ]


class Stopwatch(Clock):
    """Takes the time from the end of the warm-up to the end of the course, and waits for the device only there."""

    def __init__(self, warm: int) -> None:
        super().__init__()
        self._warm, self._done = warm, 0
        self.begun = self.ended = 0.0

    def tick(self) -> None:
        self._done += 1
        if self._done == self._warm:
            self.begun = self.now()

    @staticmethod
    def now() -> float:
        """Wait for the device, and return the time."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


@dataclasses.dataclass(frozen=True)
class Timed:
    """Seconds of some work, the most memory that it took (GiB; 0 on a CPU), and what is compared with other sides."""

    seconds: float
    peak: float
    results: Any


def train_alone(side: str, loaded: LoadedModel, tuner: str, steps: list[Step], warm: int) -> Timed:
    """Train one fresh model on these steps, and take the time of those after the warm-up."""
    pool = ModelPool(loaded.model)
    tuned = pool.learning([], make_tuner(tuner, {}), seed=1)
    watch = Stopwatch(warm)
    _forget_peak()
    course = course_of(side, loaded, tuner, tuned, steps, watch, losses=False)
    seconds = watch.now() - watch.begun
    peak = _peak()
    del tuned
    pool.reset()
    return Timed(seconds, peak, course.fed)


def course_of(
    side: str, loaded: LoadedModel, tuner: str, tuned: Any, steps: list[Step], clock: Clock | None, *, losses: bool
) -> Course:
    """Train with a side's loop."""
    spec = Spec(side, loaded.name, tuner, "", steps, [], [])
    if side == "tuition":
        return ours(spec, loaded, tuned, steps, clock=clock)
    return peer(spec, loaded, tuned, steps, losses=losses, clock=clock)


def exact_losses(side: str, loaded: LoadedModel, tuner: str, steps: list[Step]) -> Course:
    """Return the losses of a short course in fp32."""
    pool = ModelPool(loaded.model)
    course = course_of(side, loaded, tuner, pool.learning([], make_tuner(tuner, {}), seed=1), steps, None, losses=True)
    pool.reset()
    return course


def train_group(loaded: LoadedModel, courses: Sequence[list[Step]], slots: int) -> Timed:
    """Train a single-task LoRA model for each course, many at once; the results are each one's losses."""
    losses: dict[int, tuple[float, ...]] = {}
    failures: list[Exception] = []

    def run(at: int, steps: list[Step]) -> AdapterRun:
        ends = list(itertools.accumulate((len(step) for step in steps), initial=0))
        return AdapterRun(
            prompts=[row for step in steps for row in step],
            recipe=Recipe("benchmark", total_steps=len(steps), batch_size=len(steps[0]), learning_rate=RATE,
                          schedule="constant", warmup=0.0),
            seed=1,
            finish=lambda log, save: losses.__setitem__(at, log.losses),
            fail=failures.append,
            batches=(list(range(start, stop)) for start, stop in itertools.pairwise(ends)),
        )  # fmt: skip

    _forget_peak()
    begun = Stopwatch.now()
    log = train_together(loaded.model, [run(at, steps) for at, steps in enumerate(courses)], slots=slots)
    seconds = Stopwatch.now() - begun
    if failures:
        raise failures[0]
    return Timed(seconds, _peak(), {"losses": [losses[at] for at in range(len(courses))], "graphs": log.graphs})


def train_each(side: str, loaded: LoadedModel, courses: Sequence[list[Step]]) -> Timed:
    """Train a single-task LoRA model for each course, one after another on one base, without a warm-up between."""
    train_alone(side, loaded, "lora", courses[0], 1)  # what only the first pays
    begun, peak, losses = Stopwatch.now(), 0.0, []
    for steps in courses:
        timed = train_alone(side, loaded, "lora", steps, 1)
        peak = max(peak, timed.peak)
        losses.append(timed.results)
    return Timed(Stopwatch.now() - begun, peak, losses)


Answers = list[tuple[int, ...]]


def answer_tasks(side: str, loaded: LoadedModel, tasks: Sequence[list[TokenizedPrompt]], tokens: int) -> Timed:
    """Answer all tasks' rows, all of them together or 64 rows at a time; no answer ends before its last token."""
    _forget_peak()
    begun = Stopwatch.now()
    if side == "transformers":
        answers = [_transformers_answers(loaded, rows, tokens) for rows in tasks]
    else:
        requests = [AnswerRequest(rows, end=frozenset(), new_tokens=tokens) for rows in tasks]
        if side == "tuition":
            done = [answer_many(loaded.model, [request], rows=64)[0] for request in requests]
        else:
            done = answer_many(loaded.model, requests)
        for result in done:
            if result.error is not None:
                raise result.error
        answers = [result.answers for result in done]
    return Timed(Stopwatch.now() - begun, _peak(), answers)


def _transformers_answers(loaded: LoadedModel, rows: Sequence[TokenizedPrompt], tokens: int) -> Answers:
    answers: Answers = [()] * len(rows)
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].body), reverse=True)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        sources = [torch.tensor(rows[at].prefix + rows[at].body).flip(0) for at in chosen]
        pad = torch.nn.utils.rnn.pad_sequence
        ids = pad(sources, batch_first=True).flip(1).to(loaded.device)
        mask = pad([torch.ones_like(source) for source in sources], batch_first=True).flip(1).to(loaded.device)
        with torch.inference_mode():
            made = loaded.model.generate(
                ids, attention_mask=mask, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
                eos_token_id=None, pad_token_id=loaded.tokens.end,
            )  # fmt: skip
        for at, answer in zip(chosen, made[:, ids.shape[1] :].tolist(), strict=True):
            answers[at] = tuple(answer)
    return answers


def tokens_run(side: str, steps: Sequence[Step]) -> int:
    """Return the tokens that a side runs for these steps: Tuition each prefix once a step; no padding is counted."""
    total = 0
    for step in steps:
        total += sum(len(row.body) + len(row.target) for row in step)
        prefixes = {row.prefix for row in step} if side.startswith("tuition") else [row.prefix for row in step]
        total += sum(map(len, prefixes))
    return total


def fed_hash(steps: Sequence[Step]) -> str:
    """Return the hash of what a course trains on."""
    return _hash([[(row.ids, row.target) for row in step] for step in steps])


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak() -> float:
    return torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0


def describe_device() -> dict[str, Any]:
    """Return the card's name, and the versions that count."""
    from tuition.models.machine import this_machine

    machine = this_machine()
    return {"device": machine.name, "graphs": machine.graphs, "versions": json.dumps(machine.versions)}
