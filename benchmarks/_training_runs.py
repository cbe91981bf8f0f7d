"""What `training.py` measures: settings, the rows of their steps, and processes whose results are cached."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _real import SHARED
from tuition.models.load import load_tokens, model_path
from tuition.models.tokens import TokenizedPrompt
from tuition.prompts import ENCODINGS, encode
from tuition.splits.budgets import split_task
from tuition.tasks import Task
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

CATEGORIES = {
    "Word Analogy": "task1153",
    "Textual Entailment": "task1344",
    "Cause Effect Classification": "task828",
    "Dialogue Act Recognition": "task880",
    "Overlap Extraction": "task039",
    "Question Rewriting": "task1562",
    "Keyword Tagging": "task036",
    "Grammar Error Correction": "task1557",
}
"""A task of each category, with mean input lengths of 23 to 134 characters."""
PEERS = ("TRL", "TRL, padding-free", "transformers")


@dataclasses.dataclass(frozen=True)
class Setting:
    """A training setting: the encoding, the tuner, the tasks trained on together, and the peers that support it."""

    name: str
    encoding: str
    tuner: str
    pooled: bool
    shared: bool
    peers: tuple[str, ...] = PEERS
    encoder_decoder: bool = False
    bound: float = 2e-4
    """Relative difference of a loss between two sides in fp32 that rounding explains, after a few optimiser steps."""


SETTINGS = (
    Setting("single-task", "quick-learners", "lora", pooled=False, shared=True),
    Setting("multi-task", "quick-learners", "lora", pooled=True, shared=True),
    # Adam's first step changes every weight by the full learning rate, even if its gradient is only rounding.
    Setting("full", "quick-learners", "full", pooled=False, shared=True, bound=2e-3),
    Setting("input-only", "quick-learners-input-only", "lora", pooled=True, shared=False),
    Setting("T5", "quick-learners", "lora", pooled=True, shared=False, peers=("transformers",), encoder_decoder=True),
)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Rows per step and steps per process, for timing and for the comparison in fp32."""

    batch: int
    steps: int
    exact_batch: int
    exact_steps: int


def tasks(categories: Sequence[str], *, quick: bool = False) -> tuple[dict[str, Task], str]:
    """Return one task of each category, and their source; with `quick` two tasks of the starter collection.

    Raises:
        SystemExit: a category is unknown.
    """
    if unknown := sorted(set(categories) - set(CATEGORIES)):
        raise SystemExit(f"no task is chosen for {', '.join(unknown)}; there are: {', '.join(CATEGORIES)}")
    if quick:
        two = itertools.islice(open_collection(STARTER_PATH), 2)
        return {task.categories[0]: task for task in two}, "the starter collection"
    if not (SHARED / "superni").is_dir():
        few = {task.categories[0]: task for task in open_collection(STARTER_PATH)}
        return few, "the starter collection, as there is no Super-NaturalInstructions here"
    collection = open_collection(SHARED / "superni")
    chosen = categories or list(CATEGORIES)
    return {name: collection[CATEGORIES[name]] for name in chosen}, "Super-NaturalInstructions"


def others(count: int, *, quick: bool = False) -> list[Task]:
    """Return the tasks whose first rows are the shortest, to train one model on each."""
    folder = SHARED / "superni"
    collection = open_collection(folder if folder.is_dir() and not quick else STARTER_PATH)
    return sorted(collection, key=lambda task: (_characters_per_step(task), task.name))[:count]


def _characters_per_step(task: Task) -> int:
    """Return the characters of a step over eight of the first rows: the definition counted once, each row in full."""
    return len(task.definition) + sum(len(row.input) for _, row in zip(range(8), task.instances(), strict=False))


def rows_of(model: str, task: Task, setting: Setting, count: int) -> list[TokenizedPrompt]:
    """Return the first `count` training rows of a task in the setting's encoding, tokenised."""
    pool = split_task(task, test=50, validation=10, order="file").pool
    prompts = [encode(task, row, ENCODINGS[setting.encoding]) for row in pool[:count]]
    return load_tokens(model)(prompts)


def steps_of(rows: Sequence[TokenizedPrompt], size: int, count: int) -> list[list[TokenizedPrompt]]:
    """Return the rows of `count` optimiser steps, starting over if there are too few."""
    return [[rows[(step * size + at) % len(rows)] for at in range(size)] for step in range(count)]


def cases(setting: Setting, model: str, chosen: dict[str, Task], sizes: Sizes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a setting measures, by name: the timed steps, and those that are compared exactly."""
    each = {name: rows_of(model, task, setting, sizes.batch * sizes.steps) for name, task in chosen.items()}
    if setting.pooled:
        every = [row for rows in each.values() for row in rows]
        random.Random(1).shuffle(every)
        each = {f"{len(chosen)} categories": every}
    for name, rows in each.items():
        yield (
            name,
            {
                "steps": steps_of(rows, sizes.batch, sizes.steps),
                "exact": steps_of(rows, sizes.exact_batch, sizes.exact_steps),
            },
        )


def make_t5(model: str, folder: Path, *, quick: bool = False) -> str:
    """Write a T5 1.1 of the small size with random weights and the tokenizer of `model`; return its folder's path.

    There is no dropout, so that losses can be compared. With `quick` it is of a tiny size.
    """
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = load_tokens(model).tokenizer
    torch.manual_seed(0)
    small = {"d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 8, "num_heads": 6}
    tiny = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    config = T5Config(
        vocab_size=len(tokenizer),
        **(tiny if quick else small),
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


class Kept:
    """Measurements, each run once in its own process; a file caches them between runs of the benchmark."""

    def __init__(self, file: Path, *, run: bool = True, apart: bool = True) -> None:
        """Open the cache; with `run` false nothing new is measured, and what is not in the file is left out.

        With `apart` false all is measured in this process, which is faster; memory is then that of all together.
        """
        self._file, self._run, self._measured = file, run, _in_a_process if apart else _here
        self._known: dict[str, dict[str, Any]] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._known[entry["key"]] = entry

    def __call__(self, title: str, repeat: int, **spec: Any) -> dict[str, Any] | None:
        """Return the results of `_training_sides.py` for a measurement, with the seconds that its process took."""
        spec_text = json.dumps({"exact": [], "courses": [], "steps": [], **spec}, default=_plain)
        # A T5's folder is temporary, and another one in each run.
        named = json.dumps({**json.loads(spec_text), "model": Path(str(spec["model"])).name, "repeat": repeat})
        key = hashlib.sha256(named.encode()).hexdigest()
        if key not in self._known and self._run:
            print(f"{title}, {spec['side']}, repeat {repeat + 1}", file=sys.stderr, flush=True)
            entry = {"key": key, "title": title, "side": spec["side"], **self._measured(spec_text)}
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
            self._known[key] = entry
        return self._known.get(key)


def _plain(row: TokenizedPrompt) -> list[tuple[int, ...]]:
    return [row.prefix, row.body, row.target]


def _in_a_process(spec: str) -> dict[str, Any]:
    with _written(spec) as file:
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, str(Path(__file__).with_name("_training_sides.py")), str(file)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = time.perf_counter() - started
    return {**json.loads(done.stdout.splitlines()[-1]), "process wall": seconds, "process busy": used}


def _here(spec: str) -> dict[str, Any]:
    import _training_sides

    with _written(spec) as file:
        started, before = time.perf_counter(), time.process_time()
        found = _training_sides.run(file)
    return {**found, "process wall": time.perf_counter() - started, "process busy": time.process_time() - before}


@contextmanager
def _written(spec: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.json"
        file.write_text(spec, encoding="utf-8")
        yield file


def base_of(model: str) -> str:
    """Return the model's name after loading it once: downloading and converting is not part of a measurement."""
    model_path(model)
    return model
