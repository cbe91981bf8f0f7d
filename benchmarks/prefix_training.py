"""LoRA training with an exactly shared prefix, against TRL's SFTTrainer: same model, adapter, rows, order and batches.

Both train on the same token sequences (SFTTrainer is given them as ids with a completion mask) with AdamW at the same
constant learning rate, with bfloat16 weights, without dropout, packing or gradient checkpointing. The check is that the
losses of both in fp32, from the same initialisation, are equal up to rounding; the exit status is 1 if they are not.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from _real import prompts, tasks
from _table import Cell, argument_parser, parse, report
from _tiny import TINY, local_model
from tuition.models.load import load_model
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners.lora import LoRA
from tuition.training import train

_TUNER = LoRA(rank=16, alpha=32)
_RATE = 1e-4
_EXACT_RATE = 5e-4
"""The learning rate in fp32. LoRA's B is zero at first: at a lower rate, losses hardly depend on the adapter."""
_EXACT_BATCH, _EXACT_STEPS = 4, 3
_BOUND = 2e-4
"""The relative difference of fp32 losses that rounding explains; another adapter differs by more."""


@dataclasses.dataclass(frozen=True)
class Run:
    """The loss of each step and the seconds it took."""

    losses: list[float]
    seconds: list[float]


def ours(model: str, rows: Sequence[TokenizedPrompt], batch: int, precision: str, rate: float = _RATE) -> Run:
    """Run one epoch of ours over `rows`; only the order of rows may differ between runs with the same seed."""
    loaded = load_model(model, precision=precision)
    tuned = _TUNER.attach(loaded.model, seed=1)
    times = [time.perf_counter()]
    recipe = Recipe(name="benchmark", epochs=1, batch_size=batch, learning_rate=rate, schedule="constant", warmup=0.0)
    log = train(tuned, rows, recipe, seed=1, advance=lambda done: times.append(time.perf_counter()))
    assert log.shared_prefix
    return Run(list(log.losses), _gaps(times))


def peer(model: str, rows: Sequence[TokenizedPrompt], batch: int, precision: str, rate: float = _RATE) -> Run:
    """Run one epoch of TRL's SFTTrainer over the same rows in the same order, from the same adapter."""
    from tuition.training.batch_order import epoch_batches

    loaded = load_model(model, precision=precision)
    count = -(-len(rows) // batch)
    stream = ([rows[at] for at in batch_of] for batch_of in epoch_batches(len(rows), batch, 1))
    ordered = [row for _ in range(count) for row in next(stream)]
    data = Dataset.from_dict(
        {
            "input_ids": [list(row.ids) for row in ordered],
            "completion_mask": [[int(is_target) for is_target in row.label_mask] for row in ordered],
        }
    )
    steps = _Steps()
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=rate,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=1.0,
            bf16=precision == "bfloat16",
            use_cpu=not torch.cuda.is_available(),
            gradient_checkpointing=False,
            completion_only_loss=True,
            max_length=None,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        adapter = LoraConfig(
            r=_TUNER.rank, lora_alpha=_TUNER.alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        trainer = SFTTrainer(
            model=loaded.model,
            args=settings,
            train_dataset=data,
            processing_class=loaded.tokens.tokenizer,
            peft_config=adapter,
            callbacks=[steps],
        )
        trainer.remove_callback(PrinterCallback)  # it prints to standard output, where the table or the JSON goes
        _start_as(trainer.model, _TUNER.attach(load_model(model, precision=precision).model, seed=1))
        trainer.train()
    return Run([float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry], _gaps(steps.times))


def _start_as(model: PeftModel, reference: PeftModel) -> None:
    """Copy the adapter of `reference` into that of `model`, whatever their names are.

    Raises:
        ValueError: the two adapters are not on the same layers.
    """
    state = get_peft_model_state_dict(reference, adapter_name=reference.active_adapter)
    own = get_peft_model_state_dict(model, adapter_name=model.active_adapter)
    if state.keys() != own.keys():
        raise ValueError(f"the adapters are on other layers: {sorted(state.keys() ^ own.keys())[:4]}")
    set_peft_model_state_dict(model, state, adapter_name=model.active_adapter)


class _Steps(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_begin(self, *arguments: Any, **options: Any) -> None:
        self.times.append(time.perf_counter())

    def on_step_end(self, *arguments: Any, **options: Any) -> None:
        self.times.append(time.perf_counter())


def _gaps(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def _median_rate(runs: Sequence[Run], batch: int) -> float:
    """Return samples per second, from the median step of all runs without each run's first (its warm-up)."""
    return batch / statistics.median(second for run in runs for second in run.seconds[1:])


def measure(model: str, rows: Sequence[TokenizedPrompt], timed: int, options: argparse.Namespace) -> dict[str, Cell]:
    """Return both rates over the first `timed` rows, their ratio, and the largest difference of the fp32 losses."""
    sides: dict[str, Callable[..., Run]] = {"tuition": ours, "TRL": peer}
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(options.repeats):
        for name, side in sides.items():
            runs[name].append(side(model, rows[:timed], options.batch, "bfloat16"))
    few = rows[: _EXACT_BATCH * _EXACT_STEPS]
    exact = [side(model, few, _EXACT_BATCH, "float32", _EXACT_RATE).losses for side in sides.values()]
    apart = max(abs(a - b) / abs(b) for a, b in zip(*exact, strict=True))
    rates = {name: _median_rate(taken, options.batch) for name, taken in runs.items()}
    return {
        "prefix": len(rows[0].prefix),
        "row, mean": statistics.fmean(len(row.body) + len(row.target) for row in rows),
        "tuition samples/s": rates["tuition"],
        "TRL samples/s": rates["TRL"],
        "ratio": rates["tuition"] / rates["TRL"],
        "fp32 loss, max rel. diff": apart,
        "equal": apart <= _BOUND,
    }


def main() -> int:
    """Measure, print, and return the exit status: 1 where losses differ."""
    parser = argument_parser(str(__doc__).splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3, help="optimiser steps a run, the first of them a warm-up")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each side, in turn")
    options = parse(parser, quick={"model": TINY, "batch": 2, "steps": 2, "repeats": 1})
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    timed = options.batch * options.steps
    collection, names, source = tasks(quick=options.quick)
    table = []
    with local_model(options.model) as model:
        loaded = load_model(model)
        for name in names:
            rows = prompts(loaded, collection, name, "train", max(timed, _EXACT_BATCH * _EXACT_STEPS))
            table.append({"task": name, **measure(model, rows, timed, options)})
    mean = statistics.geometric_mean(float(row["ratio"]) for row in table)
    facts: dict[str, Cell] = {
        "geometric mean of ratios": mean,
        "batch": options.batch,
        "steps counted a side": (options.steps - 1) * options.repeats,
        "rows from": source,
        "model": options.model,
    }
    checks = {f"fp32 losses within {_BOUND:g} of TRL's": all(bool(row["equal"]) for row in table)}
    return report("LoRA training with a shared prefix", table, facts, checks, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
