from __future__ import annotations

import dataclasses
import itertools
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config

from tests.models.adapters.test_group_passes import encoder_decoder
from tests.models.architectures import VOCABULARY, build
from tests.models.test_prefix import ragged
from tuition.base.errors import UserError
from tuition.models.generation import generate_greedily
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training import train
from tuition.training.checkpoints import Checkpoint
from tuition.training.group_step import cheapest_passes, first_fit
from tuition.training.many_adapters import AdapterRun, GroupLog, train_together, why_alone
from tuition.training.trainer import TrainingLog

END = 96
RECIPE = Recipe(name="test", tuner_options={"rank": 4}, epochs=2, batch_size=3, learning_rate=1e-3, warmup=0.2)
IA3_RECIPE = dataclasses.replace(RECIPE, tuner="ia3", tuner_options={}, learning_rate=1e-2)
PROMPT_RECIPE = dataclasses.replace(RECIPE, tuner="prompt", tuner_options={"vectors": 3}, learning_rate=1e-2)
WEIGHTS = "adapter_model.safetensors"


def task(seed: int, rows: int = 7, prefix: int = 9, longest: int = 6) -> list[TokenizedPrompt]:
    made = ragged(prefix, [1 + (seed + i) % longest for i in range(rows)], [1 + i % 3 for i in range(rows)], seed=seed)
    return [TokenizedPrompt(row.prefix, row.body, (*(t % END for t in row.target), END)) for row in made]


@dataclass
class Outcomes:
    """What became of the runs, by name."""

    folder: Path
    logs: dict[str, TrainingLog] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def run(self, name: str, recipe: Recipe, prompts: Sequence[TokenizedPrompt], seed: int, **named: Any) -> AdapterRun:
        def finish(log: TrainingLog, save: Callable[[Path], None]) -> None:
            assert name not in self.logs
            self.logs[name] = log
            save(self.folder / name)

        return AdapterRun(prompts, recipe, seed, finish, lambda error: self.errors.update({name: str(error)}), **named)

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.folder / name / WEIGHTS)


def alone(
    model: nn.Module, recipe: Recipe, prompts: Sequence[TokenizedPrompt], seed: int, folder: Path, **named: Any
) -> TrainingLog:
    """The single path's log; its adapter is in `folder`."""
    tuner = make_tuner(recipe.tuner, recipe.tuner_options)
    start = named.pop("start", None)
    tuned = tuner.load(model, start, learning=True) if start else tuner.attach(model, seed)
    log = train(tuned, prompts, recipe, seed=seed, **named)
    tuner.save(tuned, folder)
    tuner.detach(tuned)
    return log


def assert_same_course(ours: Outcomes, name: str, log: TrainingLog, folder: Path, tolerance: float = 1e-5) -> None:
    assert ours.logs[name].losses == pytest.approx(log.losses, rel=tolerance)
    found, expected = ours.weights(name), load_file(folder / WEIGHTS)
    assert found.keys() == expected.keys()
    for weight, value in expected.items():
        torch.testing.assert_close(found[weight], value, rtol=tolerance, atol=tolerance)
    skipped = {"seconds", "together", "halved"}
    ours_told, told = (dataclasses.asdict(each) for each in (ours.logs[name], log))
    for key in told.keys() - skipped - {"losses", "shared_prefix"}:
        assert ours_told[key] == told[key], key


def varied(recipe: Recipe) -> list[tuple[Recipe, list[TokenizedPrompt], int]]:
    """Runs of unlike length, rate, schedule, decay, clipping, batches and tasks."""
    change = dataclasses.replace
    return [
        (recipe, task(1), 1),
        (change(recipe, epochs=1, batch_size=2, schedule="constant", warmup=0.0), task(2, rows=5, prefix=3), 2),
        (change(recipe, max_gradient_norm=0.05, weight_decay=0.1, epochs=3), task(3, prefix=21), 3),
        (change(recipe, learning_rate=recipe.learning_rate / 3, total_steps=4), task(4, rows=2), 4),
    ]


@pytest.mark.parametrize(
    ("architecture", "recipe"),
    [
        *((architecture, RECIPE) for architecture in ("llama", "gpt2", "qwen2", "gemma3", "neox", "opt")),
        *itertools.product(("llama", "gpt2", "gemma3"), (IA3_RECIPE, PROMPT_RECIPE)),
    ],
    ids=lambda value: getattr(value, "tuner", value),
)
def test_each_run_takes_the_course_that_it_takes_alone(architecture: str, recipe: Recipe, tmp_path: Path) -> None:
    model = build(architecture)
    ours = Outcomes(tmp_path)
    runs = [ours.run(f"run{at}", *given) for at, given in enumerate(varied(recipe))]
    told = train_together(model, iter(runs), slots=3)  # the fourth run takes the slot that is free first
    assert not ours.errors
    assert told.slots == 3
    for at, (own, prompts, seed) in enumerate(varied(recipe)):
        log = alone(model, own, prompts, seed, tmp_path / "alone")
        assert_same_course(ours, f"run{at}", log, tmp_path / "alone")


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_other_optimisers_and_gradient_checkpointing_change_no_course(
    kind: Any, checkpointing: bool, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, optimiser=kind, gradient_checkpointing=checkpointing)
    model, ours = build("llama"), Outcomes(tmp_path)
    train_together(model, [ours.run(f"run{at}", *given) for at, given in enumerate(varied(recipe))], slots=4)
    for at, (own, prompts, seed) in enumerate(varied(recipe)):
        log = alone(model, own, prompts, seed, tmp_path / "alone")
        assert_same_course(ours, f"run{at}", log, tmp_path / "alone")


def test_without_shared_prefixes_the_course_is_the_same(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, share_prefix=False)
    model, ours = build("llama"), Outcomes(tmp_path)
    train_together(model, [ours.run(f"run{at}", *given) for at, given in enumerate(varied(recipe))], slots=2)
    for at, (own, prompts, seed) in enumerate(varied(recipe)):
        assert_same_course(ours, f"run{at}", alone(model, own, prompts, seed, tmp_path / "alone"), tmp_path / "alone")
        assert not ours.logs[f"run{at}"].shared_prefix


def test_a_trained_adapter_answers_in_peft_what_the_single_paths_answers(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=6, learning_rate=1e-2)
    ours = Outcomes(tmp_path)
    train_together(build("llama"), [ours.run(str(seed), recipe, task(seed), seed) for seed in (1, 2)], slots=2)
    for seed in (1, 2):
        alone(build("llama"), recipe, task(seed), seed, tmp_path / "alone")
        models = [PeftModel.from_pretrained(build("llama"), str(tmp_path / name)) for name in (str(seed), "alone")]
        answers = [generate_greedily(model.eval(), task(seed), end=frozenset({END}), new_tokens=6) for model in models]
        assert answers[0] == answers[1]
        files = [{file.name for file in (tmp_path / name).iterdir()} for name in (str(seed), "alone")]
        assert files[0] == files[1]


@pytest.mark.parametrize("continued", [True, False])
def test_a_run_continues_from_an_adapter_or_stands_on_one(continued: bool, tmp_path: Path) -> None:
    tuner = make_tuner("lora", RECIPE.tuner_options)
    alone(build("llama"), dataclasses.replace(RECIPE, learning_rate=1e-2), task(9), 9, tmp_path / "before")
    before = {"start": tmp_path / "before"} if continued else {}
    ours = Outcomes(tmp_path)
    model = build("llama")
    below = model if continued else tuner.load(model, tmp_path / "before")
    runs = [ours.run(str(seed), RECIPE, task(seed), seed, **before) for seed in (1, 2)]
    train_together(below, runs, slots=2)
    for seed in (1, 2):
        single = build("llama")
        single = single if continued else tuner.load(single, tmp_path / "before")
        log = alone(single, RECIPE, task(seed), seed, tmp_path / "alone", **before)
        assert_same_course(ours, str(seed), log, tmp_path / "alone")


def test_an_encoder_decoders_runs_take_the_course_that_they_take_alone(tmp_path: Path) -> None:
    ours = Outcomes(tmp_path)
    train_together(
        encoder_decoder(), [ours.run(f"run{at}", *given) for at, given in enumerate(varied(RECIPE))], slots=3
    )
    for at, (own, prompts, seed) in enumerate(varied(RECIPE)):
        log = alone(encoder_decoder(), own, prompts, seed, tmp_path / "alone")
        assert_same_course(ours, f"run{at}", log, tmp_path / "alone")


def test_the_model_is_given_back_as_it_was(tmp_path: Path) -> None:
    model = build("llama").eval()
    state, modules = {n: v.clone() for n, v in model.state_dict().items()}, list(model.modules())
    ours = Outcomes(tmp_path)
    train_together(model, [ours.run("one", RECIPE, task(1), 1)], slots=2)
    assert list(model.modules()) == modules
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert not model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def spoiled(folder: Path) -> Path:
    """An adapter whose weights are no numbers."""
    alone(build("llama"), RECIPE, task(9), 9, folder)
    save_file({name: value * float("nan") for name, value in load_file(folder / WEIGHTS).items()}, folder / WEIGHTS)
    return folder


def test_neighbours_of_a_run_that_diverges_continue_as_they_would_have(tmp_path: Path) -> None:
    wild = dataclasses.replace(RECIPE, learning_rate=1e30, warmup=0.0)
    bad, good = Outcomes(tmp_path / "bad"), Outcomes(tmp_path / "good")
    checkpoint = Checkpoint(tmp_path / "kept")
    for ours, middle in ((bad, wild), (good, RECIPE)):
        kept = checkpoint if ours is bad else None
        runs = [
            ours.run("first", RECIPE, task(1), 1),
            ours.run("middle", middle, task(2), 2, checkpoint=kept),
            ours.run("last", RECIPE, task(3), 3),
        ]
        train_together(build("llama"), runs, slots=3)
    assert set(bad.logs) == {"first", "last"}
    assert bad.errors["middle"].startswith("at step 2 of 6 the loss is nan; lower the learning rate (1e+30)")
    assert f"The state before this step is saved in {tmp_path / 'kept'}" in bad.errors["middle"]
    assert checkpoint.folder.is_dir()
    for name in ("first", "last"):
        assert bad.logs[name].losses == pytest.approx(good.logs[name].losses, rel=1e-6)
        for weight, value in good.weights(name).items():
            torch.testing.assert_close(bad.weights(name)[weight], value, rtol=1e-6, atol=1e-6)


def test_the_same_group_gives_the_same_bits(tmp_path: Path) -> None:
    found = []
    for place in ("one", "two"):
        ours = Outcomes(tmp_path / place)
        train_together(build("llama"), [ours.run(str(s), RECIPE, task(s), s) for s in range(3)], slots=2)
        found.append(ours)
    for name in ("0", "1", "2"):
        assert found[0].logs[name].losses == found[1].logs[name].losses
        weights = found[1].weights(name)
        assert all(torch.equal(value, weights[weight]) for weight, value in found[0].weights(name).items())


def test_a_run_that_cannot_begin_leaves_its_slot_to_the_next(tmp_path: Path) -> None:
    ours = Outcomes(tmp_path)
    other = dataclasses.replace(RECIPE, name="other", tuner_options={"rank": 2})
    runs = [
        ours.run("one", RECIPE, task(1), 1),
        ours.run("empty", RECIPE, [], 1),
        ours.run("lost", RECIPE, task(2), 2, start=tmp_path / "nowhere"),
        ours.run("other", other, task(2), 2),
        ours.run("nan", RECIPE, task(2), 2, start=spoiled(tmp_path / "spoiled")),
        ours.run("two", RECIPE, task(2), 2),
    ]
    train_together(build("llama"), runs, slots=2)
    assert set(ours.logs) == {"one", "two"}
    assert "no instance" in ours.errors["empty"]
    assert "cannot be read" in ours.errors["lost"]
    assert "the recipe other cannot be trained in one group" in ours.errors["other"]
    assert "at step 1 of 6 the loss is nan" in ours.errors["nan"]
    for seed, name in ((1, "one"), (2, "two")):
        log = alone(build("llama"), RECIPE, task(seed), seed, tmp_path / "alone")
        assert_same_course(ours, name, log, tmp_path / "alone")


def test_what_cannot_be_trained_together_is_refused_with_the_reason(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    dropping = AutoModelForCausalLM.from_config(config)
    assert "drops activations at random (" in why_alone(dropping, RECIPE)
    assert "pdrop: 0.1" in why_alone(dropping, RECIPE)
    assert "not Full" in why_alone(build("llama"), dataclasses.replace(RECIPE, tuner="full", tuner_options={}))
    assert why_alone(build("gpt2"), RECIPE) == ""
    assert "2 processes divide each batch" in why_alone(build("gpt2"), RECIPE, processes=2)
    ours = Outcomes(tmp_path)
    with pytest.raises(UserError, match="cannot be trained together: the model drops"):
        train_together(dropping, [ours.run("one", RECIPE, task(1), 1)], slots=2)
    assert train_together(dropping, [], slots=2) == GroupLog(2, 0, 0, 0, "")


def interrupting(after: int) -> Callable[[int], None]:
    """Ask the process to stop after so many steps."""
    count = itertools.count(1)

    def advance(done: int) -> None:
        if next(count) == after:
            os.kill(os.getpid(), signal.SIGINT)

    return advance


@pytest.mark.parametrize("recipe", [RECIPE, IA3_RECIPE, PROMPT_RECIPE], ids=lambda recipe: recipe.tuner)
@pytest.mark.parametrize("again", ["together", "alone", "otherwise"])
def test_an_interrupted_group_resumes_in_any_grouping(recipe: Recipe, again: str, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    seeds = {name: at + 1 for at, name in enumerate(names)}
    kept = {name: Checkpoint(tmp_path / "kept" / name) for name in names}
    ours = Outcomes(tmp_path)
    stop = {"b": {"advance": interrupting(3)}}
    first = [ours.run(n, recipe, task(seeds[n]), seeds[n], checkpoint=kept[n], **stop.get(n, {})) for n in names]
    with pytest.raises(KeyboardInterrupt):
        train_together(build("llama"), first, slots=3)
    assert not ours.logs
    model = build("llama")
    if again == "alone":
        for n in names:
            log = alone(model, recipe, task(seeds[n]), seeds[n], tmp_path / n, checkpoint=kept[n])
            ours.logs[n] = log
    else:
        order = names if again == "together" else ["c", "a", "b"]
        runs = [ours.run(n, recipe, task(seeds[n]), seeds[n], checkpoint=kept[n]) for n in order]
        train_together(model, runs, slots=3 if again == "together" else 2)
    for n in names:
        assert ours.logs[n].resumed_at == 3
        log = alone(build("llama"), recipe, task(seeds[n]), seeds[n], tmp_path / "alone")
        assert_same_course(ours, n, dataclasses.replace(log, resumed_at=3), tmp_path / "alone")


def test_a_group_resumed_as_it_was_gives_the_bits_of_one_never_stopped(tmp_path: Path) -> None:
    stopped, whole = Outcomes(tmp_path / "stopped"), Outcomes(tmp_path / "whole")
    kept = {seed: Checkpoint(tmp_path / "kept" / str(seed)) for seed in (1, 2)}

    def runs(ours: Outcomes, **of_first: Any) -> list[AdapterRun]:
        named = {1: of_first, 2: {}}
        saved = {seed: {"checkpoint": kept[seed]} if ours is stopped else {} for seed in kept}
        return [ours.run(str(s), RECIPE, task(s), s, **saved[s], **named[s]) for s in (1, 2)]

    with pytest.raises(KeyboardInterrupt):
        train_together(build("llama"), runs(stopped, advance=interrupting(4)), slots=2)
    train_together(build("llama"), runs(stopped), slots=2)
    train_together(build("llama"), runs(whole), slots=2)
    for name in ("1", "2"):
        assert stopped.logs[name].resumed_at == 4
        assert stopped.logs[name].losses == whole.logs[name].losses
        found = stopped.weights(name)
        assert all(torch.equal(value, found[weight]) for weight, value in whole.weights(name).items())


def test_a_run_begun_alone_is_resumed_in_a_group(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept")
    with pytest.raises(KeyboardInterrupt):
        alone(build("llama"), RECIPE, task(1), 1, tmp_path / "x", checkpoint=kept, advance=interrupting(2))
    ours, used = Outcomes(tmp_path), list[int]()
    runs = [
        ours.run("other", RECIPE, task(2), 2),
        ours.run("one", RECIPE, task(1), 1, checkpoint=kept, advance=used.append),
    ]
    train_together(build("llama"), runs, slots=2)
    log = alone(build("llama"), RECIPE, task(1), 1, tmp_path / "alone")
    assert_same_course(
        ours, "one", dataclasses.replace(log, resumed_at=ours.logs["one"].resumed_at), tmp_path / "alone"
    )
    assert ours.logs["one"].resumed_at in (2, 3)
    assert sum(used) == 2 * len(task(1))


def test_states_are_kept_as_often_as_asked_and_a_damaged_one_is_that_runs_own_affair(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept", seconds=0.0)
    ours = Outcomes(tmp_path)
    (tmp_path / "damaged").mkdir()
    train_together(
        build("llama"),
        [
            ours.run("one", RECIPE, task(1), 1, checkpoint=kept),
            ours.run("two", RECIPE, task(2), 2, checkpoint=Checkpoint(tmp_path / "damaged")),
        ],
        slots=2,
    )
    assert set(ours.logs) == {"one"}
    assert "the checkpoint cannot be used" in ours.errors["two"]
    # The last state is that before the last step: what remains is one step.
    train_together(build("llama"), [ours.run("three", RECIPE, task(1), 1, checkpoint=kept)], slots=1)
    assert ours.logs["three"].resumed_at == 5
    assert ours.logs["three"].losses == pytest.approx(ours.logs["one"].losses, rel=1e-5)


def test_an_error_of_a_caller_leaves_every_other_state_kept(tmp_path: Path) -> None:
    def broken(log: TrainingLog, save: Callable[[Path], None]) -> None:
        raise OSError("the disk is full")

    kept, ours = Checkpoint(tmp_path / "kept"), Outcomes(tmp_path)
    short = dataclasses.replace(RECIPE, total_steps=2)
    runs = [
        dataclasses.replace(ours.run("one", short, task(1), 1), finish=broken),
        ours.run("two", RECIPE, task(2), 2, checkpoint=kept),
    ]
    with pytest.raises(OSError, match="disk is full"):
        train_together(build("llama"), runs, slots=2)
    train_together(build("llama"), [ours.run("two", RECIPE, task(2), 2, checkpoint=kept)], slots=2)
    assert ours.logs["two"].resumed_at == 2
    log = alone(build("llama"), RECIPE, task(2), 2, tmp_path / "alone")
    assert_same_course(ours, "two", dataclasses.replace(log, resumed_at=2), tmp_path / "alone")


def forgetful(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """A device without memory for more tokens than these in a pass; the list gets the passes that were too large."""
    from tuition.models.adapters.passes import GroupLoss

    losses, refused = GroupLoss.losses, list[int]()

    def limited(self: Any, **inputs: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and inputs["ids"].numel() > most:
            refused.append(inputs["ids"].numel())
            raise torch.OutOfMemoryError("CUDA out of memory")
        return losses(self, **inputs)

    monkeypatch.setattr(GroupLoss, "losses", limited)
    return refused


@pytest.mark.parametrize("most", [60, 30])
def test_passes_shrink_where_memory_runs_out_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch, most: int, tmp_path: Path
) -> None:
    refused = forgetful(monkeypatch, most)
    ours = Outcomes(tmp_path)
    told = train_together(
        build("llama"), [ours.run(str(seed), RECIPE, task(seed), seed) for seed in (1, 2, 3)], slots=3
    )
    assert refused
    assert told.halved == len(refused)
    for seed in (1, 2, 3):
        log = alone(build("llama"), RECIPE, task(seed), seed, tmp_path / "alone")
        assert_same_course(ours, str(seed), log, tmp_path / "alone")


def test_a_row_that_never_fits_ends_its_own_run_after_the_slots_were_halved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forgetful(monkeypatch, 60)
    ours = Outcomes(tmp_path)
    prompts = {"1": task(1), "2": task(2, prefix=80), "3": task(3)}
    told = train_together(build("llama"), [ours.run(n, RECIPE, rows, int(n)) for n, rows in prompts.items()], slots=4)
    assert told.slots == 4
    assert set(ours.errors) == {"2"}
    assert "does not fit into memory; lower max_length" in ours.errors["2"]
    for name in ("1", "3"):
        log = alone(build("llama"), RECIPE, prompts[name], int(name), tmp_path / "alone")
        assert_same_course(ours, name, log, tmp_path / "alone")


def test_a_bank_too_large_for_memory_gets_half_the_slots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tuition.training import many_adapters

    opened = many_adapters._opened

    def limited(model: nn.Module, tuner: Any, recipe: Recipe, slots: int) -> Any:
        if slots > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return opened(model, tuner, recipe, slots)

    monkeypatch.setattr(many_adapters, "_opened", limited)
    ours = Outcomes(tmp_path)
    told = train_together(build("llama"), [ours.run(str(s), RECIPE, task(s), s) for s in range(5)], slots=8)
    assert told.slots == 2
    assert told.halved == 2
    assert len(ours.logs) == 5


def test_one_task_with_rows_ten_times_as_long_is_run_apart(tmp_path: Path) -> None:
    ours = Outcomes(tmp_path)
    tasks = [task(1), task(2), task(3, prefix=5, longest=60), task(4)]
    recipe = dataclasses.replace(RECIPE, memory=64)
    told = train_together(build("llama"), [ours.run(str(s), recipe, rows, s) for s, rows in enumerate(tasks)], slots=4)
    assert told.passes > told.steps
    for seed, rows in enumerate(tasks):
        log = alone(build("llama"), recipe, rows, seed, tmp_path / "alone")
        assert_same_course(ours, str(seed), log, tmp_path / "alone")


class Replaying:
    """A device with graphs: what a step reads of Python's state is that of its capture; only its tensors are new."""

    def __init__(self) -> None:
        self.step: Any = None
        self.replayed = 0

    def warm_up(self, run: Callable[[], tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
        return run()

    def capture(
        self, run: Callable[[], tuple[torch.Tensor, ...]]
    ) -> tuple[Callable[[], None], tuple[torch.Tensor, ...]]:
        index = list(self.step._index)
        written = (torch.empty(len(index)),)

        def replay() -> None:
            now, self.step._index = self.step._index, index
            written[0].copy_(run()[0])
            self.step._index = now
            self.replayed += 1

        return replay, written


def test_steps_replayed_as_graphs_take_the_same_course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tuition.models.graphs import StepGraphs

    device = Replaying()

    def graphs(step: Any, place: torch.device) -> StepGraphs:
        device.step = step.__self__
        return StepGraphs(step, place, capture=device, warm_ups=1)

    monkeypatch.setattr("tuition.training.group_step.StepGraphs", graphs)
    monkeypatch.setattr("tuition.models.adapters.passes._ROUND_TO", {True: (32, 16)})
    ours = Outcomes(tmp_path)
    recipe = dataclasses.replace(RECIPE, epochs=4)
    tasks = [task(1), task(2, prefix=50), task(3), task(4, prefix=52), task(5, rows=3)]  # unlike slots run together
    recipe = dataclasses.replace(recipe, memory=180)
    told = train_together(build("llama"), [ours.run(str(s), recipe, rows, s) for s, rows in enumerate(tasks)], slots=4)
    assert device.replayed > 6
    assert told.graphs.startswith(f"graphs: {device.replayed} of {told.passes} steps replayed")
    for seed, rows in enumerate(tasks):
        log = alone(build("llama"), recipe, rows, seed, tmp_path / "alone")
        assert_same_course(ours, str(seed), log, tmp_path / "alone")


def test_batches_of_a_mixture_are_those_given(tmp_path: Path) -> None:
    order = [[0, 1], [2], [3, 4, 5], [6, 0], [1], [2, 3]]
    ours = Outcomes(tmp_path)
    runs = [ours.run("one", RECIPE, task(1), 1, batches=iter(order)), ours.run("two", RECIPE, task(2), 2)]
    train_together(build("llama"), runs, slots=2)
    log = alone(build("llama"), RECIPE, task(1), 1, tmp_path / "alone", batches=iter(order))
    assert_same_course(ours, "one", log, tmp_path / "alone")


def test_in_bfloat16_the_course_agrees_to_its_precision(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=5, learning_rate=1e-2)
    ours = Outcomes(tmp_path)
    model = build("llama").to(torch.bfloat16)
    train_together(model, [ours.run(str(seed), recipe, task(seed), seed) for seed in (1, 2)], slots=2)
    for seed in (1, 2):
        log = alone(model, recipe, task(seed), seed, tmp_path / "alone")
        assert ours.logs[str(seed)].losses == pytest.approx(log.losses, rel=0.1)
        assert ours.weights(str(seed)).keys() == load_file(tmp_path / "alone" / WEIGHTS).keys()


def test_the_next_batches_are_prepared_ahead_unless_the_group_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tuition.training.group_step import GroupStep

    reused, own = list[bool](), GroupStep._prepared

    def prepared(self: GroupStep, batches: Any) -> Any:
        ahead = self._ahead
        found = own(self, batches)
        reused.append(ahead is not None and found is ahead.passes)
        return found

    monkeypatch.setattr(GroupStep, "_prepared", prepared)
    ours = Outcomes(tmp_path)
    short = dataclasses.replace(RECIPE, total_steps=3)
    train_together(build("llama"), [ours.run("one", RECIPE, task(1), 1), ours.run("two", short, task(2), 2)], slots=2)
    # Six steps: the first has nothing before it, and after the third one run has left, as expected.
    assert reused == [False, True, True, True, True, True]


def test_passes_cost_the_least_that_any_division_costs() -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(30):
        sizes = torch.randint(1, 60, (6,), generator=generator).tolist()
        answers = torch.randint(1, 9, (6,), generator=generator).tolist()
        stops, cost = cheapest_passes(sizes, answers, most=120, most_answers=20, costs=15)
        found = []
        for cuts in itertools.product([True, False], repeat=5):
            ends = [at + 1 for at, cut in enumerate(cuts) if cut] + [6]
            spans = list(zip([0, *ends[:-1]], ends, strict=True))
            fits = all(
                b - a == 1 or ((b - a) * max(sizes[a:b]) <= 120 and (b - a) * max(answers[a:b]) <= 20) for a, b in spans
            )
            if fits:
                found.append(sum(15 + (b - a) * max(sizes[a:b]) for a, b in spans))
        assert cost == min(found)
        assert stops[-1] == 6
        starts = [0, *stops[:-1]]
        assert cost == sum(15 + (b - a) * max(sizes[a:b]) for a, b in zip(starts, stops, strict=True))


def test_parts_hold_every_row_once_and_fit() -> None:
    rows = [*task(1, rows=9), *task(2, rows=4, prefix=4)]
    parts = first_fit(rows, lambda part: sum(len(row.body) for row in part) <= 7)
    assert sorted(map(id, itertools.chain(*parts))) == sorted(map(id, rows))
    assert all(sum(len(row.body) for row in part) <= 7 for part in parts)
    assert [len(part) for part in first_fit(rows, lambda part: False)] == [1] * len(rows)
