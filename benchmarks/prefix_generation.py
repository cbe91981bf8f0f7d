"""Greedy generation with a shared prefix, against transformers' own `generate` on left-padded batches."""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import torch

from _real import prompts, tasks
from _table import Cell, argument_parser, parse, report
from _tiny import TINY, local_model
from tuition.evaluation.predict import end_tokens
from tuition.models.batches import Batching
from tuition.models.generation import generate_greedily
from tuition.models.load import LoadedModel, load_model
from tuition.models.tokens import TokenizedPrompt

Answers = list[tuple[int, ...]]


def ours(loaded: LoadedModel, rows: Sequence[TokenizedPrompt], batch: int, new_tokens: int) -> Answers:
    """Generate with each task's prefix computed once, rows sorted by length, and finished rows leaving their batch."""
    return generate_greedily(
        loaded.model, rows, end=end_tokens(loaded, loaded.tokens), new_tokens=new_tokens, batching=Batching(batch)
    )


def peer(loaded: LoadedModel, rows: Sequence[TokenizedPrompt], batch: int, new_tokens: int) -> Answers:
    """Generate with transformers: whole prompts padded on the left, also sorted by length."""
    end = end_tokens(loaded, loaded.tokens)
    answers: Answers = [()] * len(rows)
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].body), reverse=True)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        sources = [torch.tensor(rows[at].prefix + rows[at].body).flip(0) for at in chosen]
        ids = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True).flip(1)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(s) for s in sources], batch_first=True).flip(1)
        out = loaded.model.generate(
            ids.to(loaded.device),
            attention_mask=mask.to(loaded.device),
            max_new_tokens=new_tokens,
            do_sample=False,
            eos_token_id=sorted(end),
            pad_token_id=loaded.tokens.end,
        )[:, ids.shape[1] :].tolist()
        for at, row in zip(chosen, out, strict=True):
            answers[at] = tuple(row[: next((i for i, token in enumerate(row) if token in end), len(row))])
    return answers


def main() -> int:
    """Measure, print, and return the exit status: 1 where fp32 answers differ."""
    parser = argument_parser(str(__doc__).splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rows", type=int, default=64, help="test instances a task")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    options = parse(parser, quick={"model": TINY, "rows": 6, "batch": 4, "new_tokens": 6, "repeats": 1})
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    collection, names, source = tasks(quick=options.quick)
    with local_model(options.model) as model:
        precise, quick = load_model(model, precision="float32"), load_model(model, precision="bfloat16")
        table = [
            {"task": name, **measure(quick, precise, prompts(quick, collection, name, "test", options.rows), options)}
            for name in names
        ]
    facts: dict[str, Cell] = {
        "geometric mean of ratios": statistics.geometric_mean(float(row["ratio"]) for row in table),  # type: ignore[arg-type]
        "batch": options.batch,
        "rows a task": options.rows,
        "new tokens at most": options.new_tokens,
        "repeats": options.repeats,
        "rows from": source,
        "model": options.model,
    }
    checks = {"fp32 answers are those of transformers": not any(row["fp32 answers that differ"] for row in table)}
    return report("Generation with a shared prefix", table, facts, checks, as_json=options.json)


def measure(
    quick: LoadedModel, precise: LoadedModel, rows: Sequence[TokenizedPrompt], options: argparse.Namespace
) -> dict[str, Cell]:
    """Return both rates in bfloat16, their ratio, and how many fp32 answers differ."""
    sides: dict[str, Callable[..., Answers]] = {"tuition": ours, "transformers": peer}
    times: dict[str, list[float]] = {side: [] for side in sides}
    answers: dict[str, Answers] = {}
    for repeat in range(options.repeats + 1):
        for side, answer in sides.items():
            start = time.perf_counter()
            answers[side] = answer(quick, rows, options.batch, options.new_tokens)
            if repeat:  # the first round is the warm-up
                times[side].append(time.perf_counter() - start)
    exact = [answer(precise, rows, options.batch, options.new_tokens) for answer in sides.values()]
    rate = {side: len(rows) / statistics.median(taken) for side, taken in times.items()}
    return {
        "prefix": len(rows[0].prefix),
        "body, mean": statistics.fmean(len(row.body) for row in rows),
        "tuition rows/s": rate["tuition"],
        "transformers rows/s": rate["transformers"],
        "ratio": rate["tuition"] / rate["transformers"],
        "fp32 answers that differ": sum(a != b for a, b in zip(*exact, strict=True)),
        "bf16 answers that agree": f"{_agreement(answers):.0%}",
    }


def _agreement(answers: dict[str, Answers]) -> float:
    pairs = list(zip(*answers.values(), strict=True))
    return sum(a == b for a, b in pairs) / len(pairs)


if __name__ == "__main__":
    sys.exit(main())
