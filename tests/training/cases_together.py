"""Runs of training that one process and two must do alike; `python -m` runs them all as one of several processes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from tests.models.architectures import CONFIGS, build
from tests.training.test_encoder_decoders import build_pairs
from tests.training.test_encoder_decoders import task_batches as pairs
from tests.training.test_trainer import RECIPE
from tests.training.test_trainer import task_batches as one_task
from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.studies.engines.distributed_study import in_step
from tuition.studies.planning.steps import TrainStep
from tuition.training import train
from tuition.training.checkpoints import Checkpoint
from tuition.training.distributed import ALONE, Group, PeerFailedError, current, end_process, join, leave
from tuition.training.trainer import trainable_weights

Case = Callable[[Group, Path], dict[str, torch.Tensor]]
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
SHORT = dataclasses.replace(RECIPE, epochs=2, batch_size=5, learning_rate=1e-3)


def several_tasks() -> list[TokenizedPrompt]:
    """Rows of three tasks with prefixes of different lengths, one of them with a single row."""
    rows = one_task()
    told = [TokenizedPrompt((7, 8, *row.prefix), row.body, row.target) for row in rows[:3]]
    return [*rows, *told, TokenizedPrompt((9,), rows[4].body, rows[4].target)]


def run(
    group: Group, model: torch.nn.Module, tuner: str, recipe: Recipe = SHORT, rows: list[TokenizedPrompt] | None = None
) -> dict[str, torch.Tensor]:
    tuned = make_tuner(tuner).attach(model, seed=1)
    log = train(tuned, rows or several_tasks(), recipe, seed=1, group=group)
    assert log.processes == group.size
    told = {name: value.detach().float().clone() for name, value in tuned.named_parameters() if value.requires_grad}
    facts = [float(log.shared_prefix), float(log.trained_parameters), float(log.halved)]
    return told | {"losses": torch.tensor(log.losses), "facts": torch.tensor(facts)}


def tied() -> torch.nn.Module:
    torch.manual_seed(3)
    config = dataclasses.replace(CONFIGS["llama"], tie_word_embeddings=True)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def _with_full_memory(group: Group, folder: Path) -> dict[str, torch.Tensor]:
    """The last process alone has no memory for more than one row at a time."""
    forward = Objective.forward

    def refuse(objective: Objective, rows: list) -> torch.Tensor:
        if len(rows) > 1 and group.rank == group.size - 1:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried too much")
        return forward(objective, rows)

    Objective.forward = refuse  # type: ignore[method-assign]
    try:
        return run(group, build("llama"), "lora", dataclasses.replace(SHORT, memory=60))
    finally:
        Objective.forward = forward  # type: ignore[method-assign]


def go_on(group: Group, kept: Path, advance: Callable[[int], None] = lambda done: None) -> dict[str, torch.Tensor]:
    """The run of `_unstopped`, from the state that is kept in a folder."""
    tuned = make_tuner("lora").attach(build("llama"), seed=1)
    checkpoint = Checkpoint(kept, seconds=1e9, writes=group.first)
    recipe = dataclasses.replace(SHORT, epochs=4)
    log = train(tuned, several_tasks(), recipe, seed=1, checkpoint=checkpoint, advance=advance, group=group)
    told = {name: value.detach().clone() for name, value in tuned.named_parameters() if value.requires_grad}
    return told | {"losses": torch.tensor(log.losses), "resumed": torch.tensor(float(log.resumed_at))}


def _stopped(group: Group, folder: Path) -> dict[str, torch.Tensor]:
    """A signal comes to the last process alone, after three steps; then the run goes on in fresh models."""
    count = 0

    def stop(done: int) -> None:
        nonlocal count
        count += 1
        if count == 3 and group.rank == group.size - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        go_on(group, folder / "kept", stop)
    except KeyboardInterrupt:
        stopped = count
    torch.manual_seed(99)
    counts = {said for (said,) in group.meet("stopped", stopped)}
    assert counts == {3.0}  # the signal was noted after step 3, and heeded after step 4, before it was told
    again = go_on(group, folder / "kept")
    assert int(again.pop("resumed")) == 4
    group.meet("read by all")
    return again


def _unstopped(group: Group, folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: value
        for name, value in run(group, build("llama"), "lora", dataclasses.replace(SHORT, epochs=4)).items()
        if name != "facts"
    }


CASES: dict[str, Case] = {
    "lora": lambda group, folder: run(group, build("llama"), "lora"),
    "lora in small runs": lambda group, folder: run(
        group, build("llama"), "lora", dataclasses.replace(SHORT, memory=30)
    ),
    "ia3": lambda group, folder: run(group, build("gpt2"), "ia3"),
    "prompt": lambda group, folder: run(group, build("llama"), "prompt"),
    "full, tied": lambda group, folder: run(group, tied(), "full"),
    "full, Adafactor": lambda group, folder: run(
        group, build("llama"), "full", dataclasses.replace(SHORT, optimiser="adafactor")
    ),
    "windows": lambda group, folder: run(group, build("gemma3"), "lora"),
    "encoder-decoder": lambda group, folder: run(group, build_pairs("t5"), "full", rows=pairs()),
    "checkpointing": lambda group, folder: run(
        group, build("llama"), "lora", dataclasses.replace(SHORT, gradient_checkpointing=True)
    ),
    "one row": lambda group, folder: run(group, build("llama"), "lora", dataclasses.replace(SHORT, batch_size=1)),
    "full memory": _with_full_memory,
    "unstopped": _unstopped,
    "stopped": _stopped,
}
NOT_SHARDED = ("prompt", "full, Adafactor", "full memory")


def refusals(group: Group, folder: Path) -> dict[str, str]:
    """Return what this process is told where things go wrong in it or in another."""
    told: dict[str, str] = {}

    def attempt(name: str, work: Callable[[], object]) -> None:
        try:
            in_step(group, TrainStep.__new__(TrainStep), work)
            told[name] = "nothing"
        except (UserError, RuntimeError, ValueError) as error:
            told[name] = f"{type(error).__name__}: {error}"

    def differing() -> object:
        model = build("llama")
        if not group.first:
            next(iter(trainable_weights(model))).data += 1e-6
        return run(group, model, "full")

    def broken() -> object:
        if not group.first:
            raise ValueError("luck ran out")
        return run(group, build("llama"), "lora")

    attempt("other weights", differing)
    attempt("one fails", broken)
    attempt("goes on", lambda: run(group, build("llama"), "lora"))
    with_fsdp = Group(group.rank, group.size, _sharded().sharding)
    attempt("soft prompt under FSDP", lambda: run(with_fsdp, build("llama"), "prompt"))
    adafactor = dataclasses.replace(SHORT, optimiser="adafactor")
    attempt("Adafactor under FSDP", lambda: run(with_fsdp, build("llama"), "lora", adafactor))
    return told


def _sharded() -> Group:
    os.environ.update(FSDP)
    try:
        return current()
    finally:
        for name in FSDP:
            del os.environ[name]


def main(folder: Path) -> None:
    group = join()
    assert group != ALONE
    for way in ("DDP", "FSDP"):
        within = group if way == "DDP" else _sharded()
        for name, case in CASES.items():
            if way == "FSDP" and name in NOT_SHARDED:
                continue
            made = case(within, folder / f"{way} {name}")
            if group.first:
                save_file(
                    {key: value.contiguous() for key, value in made.items()}, folder / f"{way} {name}.safetensors"
                )
    impossible = [[0, float("-inf"), 0.1]]
    assert group.gather(impossible) == [impossible] * group.size
    told = group.gather(refusals(group, folder))
    if group.first:
        (folder / "refusals.json").write_text(json.dumps(told))
    assert issubclass(PeerFailedError, UserError)
    leave()
    end_process(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
