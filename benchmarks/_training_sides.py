"""One measurement of `training.py`, in its own process: `python _training_sides.py SPEC.json`.

Prints one JSON object: wall-clock and CPU seconds of each optimiser step after the first, the peak memory, the losses
of a short run in fp32, and a hash of the input tokens.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from tuition.models.load import LoadedModel, load_model
from tuition.models.model_pool import ModelPool
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training import train

Step = list[TokenizedPrompt]
RATE = 5e-4


@dataclasses.dataclass(frozen=True)
class Spec:
    """What one process measures: an implementation, its tuner and model, and the rows of each optimiser step.

    `exact` are the rows of the steps whose losses are compared in fp32; `courses`, if there are any, are complete
    training runs, each a list of steps, whose models are trained and saved one after another instead.
    """

    side: str
    model: str
    tuner: str
    precision: str
    steps: list[Step]
    exact: list[Step]
    courses: list[list[Step]]


def read_spec(path: Path) -> Spec:
    """Return the measurement that a file describes."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    for name in ("steps", "exact"):
        fields[name] = _steps(fields[name])
    fields["courses"] = [_steps(course) for course in fields["courses"]]
    return Spec(**fields)


def _steps(steps: list[list[list[list[int]]]]) -> list[Step]:
    return [[TokenizedPrompt(*map(tuple, row)) for row in step] for step in steps]


class Clock(TrainerCallback):
    """Records wall-clock and CPU time at the end of each optimiser step."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.busy: list[float] = []

    def tick(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.wall.append(time.perf_counter())
        self.busy.append(time.process_time())

    def on_step_end(self, *arguments: Any, **options: Any) -> None:
        self.tick()


@dataclasses.dataclass(frozen=True)
class Course:
    """The result of training: the losses of the steps, if requested, the input's hash, and when each step ended."""

    losses: list[float]
    fed: str
    clock: Clock


def ours(spec: Spec, loaded: LoadedModel, tuned: Any, steps: list[Step], *, clock: Clock | None = None) -> Course:
    """Train with Tuition's own loop; `clock` replaces the one that ticks after every step."""
    rows = [row for step in steps for row in step]
    ends = list(itertools.accumulate((len(step) for step in steps), initial=0))
    clock = Clock() if clock is None else clock
    log = train(
        tuned,
        rows,
        Recipe(
            name="benchmark",
            tuner=spec.tuner,
            total_steps=len(steps),
            batch_size=max(map(len, steps)),
            learning_rate=RATE,
            schedule="constant",
            warmup=0.0,
        ),
        seed=1,
        batches=(list(range(start, stop)) for start, stop in itertools.pairwise(ends)),
        advance=lambda done: clock.tick(),
    )
    pairs = loaded.encoder_decoder
    fed = [[(row.prefix + row.body if pairs else row.ids, row.target) for row in step] for step in steps]
    return Course(list(log.losses), _hash(fed), clock)


def peer(
    spec: Spec, loaded: LoadedModel, tuned: Any, steps: list[Step], *, losses: bool = True, clock: Clock | None = None
) -> Course:
    """Train with a peer's loop: the same module, rows, order, batches and optimiser, nothing logged or saved."""
    clock = Clock() if clock is None else clock
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": max(map(len, steps)),
            "max_steps": len(steps),
            "learning_rate": RATE,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            # The weights have the measured precision: no casting at every operation.
            "bf16": False,
            "use_cpu": not torch.cuda.is_available(),
            "gradient_checkpointing": False,
            "train_sampling_strategy": "sequential",
            "logging_strategy": "steps" if losses else "no",
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_num_workers": 0,
            "dataloader_pin_memory": False,
        }
        trainer = _trainer(spec.side, loaded, tuned, [row for step in steps for row in step], settings)
        trainer.add_callback(clock)
        trainer.remove_callback(PrinterCallback)  # it prints to standard output, where the JSON goes
        trainer.train()
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    return Course(losses, _hash(trainer.fed), clock)


class _Watched:
    """A trainer that records its input tokens."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.fed: list[list[tuple[tuple[int, ...], tuple[int, ...]]]] = []
        super().__init__(*arguments, **options)

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        self.fed.append(_rows_in(inputs))
        return super().training_step(model, inputs, *arguments, **options)  # type: ignore[misc]


def _rows_in(inputs: Any) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the sequence and the target tokens of each row of a peer's batch, padded or flattened."""
    ids, labels, mask = inputs["input_ids"], inputs["labels"], inputs.get("attention_mask")
    if mask is None:
        starts = (inputs["position_ids"][0] == 0).nonzero()[1:, 0].tolist()
        parts = zip(ids[0].tensor_split(starts), labels[0].tensor_split(starts), strict=True)
        return [(tuple(row.tolist()), tuple(wanted[wanted != -100].tolist())) for row, wanted in parts]
    return [
        (tuple(row[seen.bool()].tolist()), tuple(wanted[wanted != -100].tolist()))
        for row, seen, wanted in zip(ids, mask, labels, strict=True)
    ]


def _trainer(side: str, loaded: LoadedModel, tuned: Any, rows: Sequence[TokenizedPrompt], settings: Any) -> Any:
    from datasets import Dataset
    from transformers import DataCollatorForSeq2Seq

    tokenizer = loaded.tokens.tokenizer
    if side != "transformers":
        from trl import SFTConfig, SFTTrainer

        watched: Any = type("WatchedSFTTrainer", (_Watched, SFTTrainer), {})
        data = Dataset.from_dict(
            {
                "input_ids": [list(row.ids) for row in rows],
                "completion_mask": [[int(is_target) for is_target in row.label_mask] for row in rows],
            }
        )
        flat = {"padding_free": side == "TRL, padding-free", "completion_only_loss": True, "max_length": None}
        return watched(tuned, SFTConfig(**settings, **flat), train_dataset=data, processing_class=tokenizer)
    watched = type("WatchedTrainer", (_Watched, Trainer), {})
    if loaded.encoder_decoder:
        columns = [(list(row.prefix + row.body), list(row.target)) for row in rows]
    else:
        columns = [(list(row.ids), [-100] * row.source_length + list(row.target)) for row in rows]
    data = Dataset.from_list([{"input_ids": ids, "labels": labels} for ids, labels in columns])
    collator = DataCollatorForSeq2Seq(tokenizer, padding="longest")
    return watched(tuned, TrainingArguments(**settings), train_dataset=data, data_collator=collator)


def _hash(fed: Sequence[Sequence[tuple[tuple[int, ...], tuple[int, ...]]]]) -> str:
    """Return a hash of the rows of each step, independent of the order within a step."""
    return hashlib.sha256(json.dumps([sorted(step) for step in fed]).encode()).hexdigest()


def _high_water() -> float:
    """Return the peak memory of this process so far, in MB: on a GPU, or of its resident set."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


def measure(spec: Spec) -> dict[str, Any]:
    """Time the steps in the requested precision, then compute the losses of the exact ones in fp32."""
    tuner = make_tuner(spec.tuner, {})
    loaded = load_model(spec.model, precision=spec.precision)
    tuned = tuner.attach(loaded.model, seed=1)
    if spec.side == "tuition":
        timed = ours(spec, loaded, tuned, spec.steps)
    else:
        timed = peer(spec, loaded, tuned, spec.steps, losses=False)
    peak = _high_water()
    del loaded, tuned
    exact = load_model(spec.model, precision="float32")
    learn = ours if spec.side == "tuition" else peer
    curve = learn(spec, exact, tuner.attach(exact.model, seed=1), spec.exact)
    return {
        "wall": [later - earlier for earlier, later in itertools.pairwise(timed.clock.wall)],
        "busy": [later - earlier for earlier, later in itertools.pairwise(timed.clock.busy)],
        "peak": peak,
        "losses": curve.losses,
        "fed": timed.fed + curve.fed,
        "threads": torch.get_num_threads(),
    }


def whole(spec: Spec) -> dict[str, Any]:
    """Train and save a model for each course: ours on one loaded base model, a peer's on one loaded for each."""
    tuner = make_tuner(spec.tuner, {})
    loaded = load_model(spec.model, precision=spec.precision)
    warm = ModelPool(loaded.model) if spec.side == "tuition" else None
    fed = []
    with tempfile.TemporaryDirectory() as folder:
        for at, course in enumerate(spec.courses):
            if warm is not None:
                tuned = warm.learning([], tuner, seed=1)
                fed.append(ours(spec, loaded, tuned, course).fed)
            else:
                tuned = tuner.attach(loaded.model, seed=1)
                fed.append(peer(spec, loaded, tuned, course, losses=False).fed)
            tuner.save(tuned, Path(folder) / str(at))
            if warm is not None:
                warm.reset()
    return {"fed": fed, "peak": _high_water(), "threads": torch.get_num_threads()}


def run(file: Path) -> dict[str, Any]:
    """Run the measurement that a file describes and return its results."""
    spec = read_spec(file)
    return whole(spec) if spec.courses else measure(spec)


def main() -> None:
    """Run the measurement that the file describes and print its results."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(json.dumps(run(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
