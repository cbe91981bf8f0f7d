"""Many runs of training at once: adapters of one kind on one frozen base, each with its own course.

What a run is given and leaves is what `train` is given and leaves: its own order of batches, schedule, number of steps,
clipping, losses and checkpoint, which either way of training can resume. A run that ends, is refused or diverges leaves
its slot to the next one, and the others continue as they would have. In fp32 each run's losses and weights are those
of training alone up to rounding (tested to 1e-5). The same group gives the same bits on a CPU; with other neighbours
sequences are padded to other lengths, and sums may be rounded otherwise. On bfloat16 see `tuition.models.adapters`.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.base.interrupts import deferred_interrupts
from tuition.models.adapters.bank import AdapterBank
from tuition.models.out_of_memory import is_out_of_memory
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import Tuner, make_tuner
from tuition.training.adapter_runs import AdapterRun, Running, Save, Waiting, group_key, why_alone
from tuition.training.batch_order import epoch_batches
from tuition.training.group_step import GroupStep, RowTooLargeError, Taken
from tuition.training.trainer import (
    TrainingLog,
    check_targets,
    checkpointed,
    diverged,
)

__all__ = ["AdapterRun", "GroupLog", "Save", "group_key", "train_together", "why_alone"]

_STATE_BYTES, _STATE_SHARE = 16, 0.5
"""What an adapter's weight takes in gradients, master and moments, and the share of free memory that all may take."""


@dataclass(frozen=True, slots=True)
class GroupLog:
    """What training together did: adapters at most at once, passes through the model, how often memory was halved."""

    slots: int
    steps: int
    passes: int
    halved: int
    graphs: str


def train_together(model: nn.Module, runs: Iterable[AdapterRun], *, slots: int) -> GroupLog:
    """Train the adapters of many runs on one frozen base, `slots` at a time; `model` is given back as it was.

    Args:
        model: the base, plain or with finished adapters on it.
        runs: of one `group_key`. They are taken one by one, whenever a slot is free.
        slots: the most adapters at once; fewer where memory does not suffice.

    Raises:
        UserError: the runs cannot be trained together on this model (`why_alone` knows most reasons beforehand), or
            their recipes differ in what they must share. A run that itself cannot go on is reported to its `fail`.
        KeyboardInterrupt: a signal to stop came; the state of every run was saved first.
    """
    waiting = Waiting(runs)
    first = waiting.peek()
    if first is None:
        return GroupLog(slots, 0, 0, 0, "")
    if reason := why_alone(model, first.recipe):
        raise UserError(f"these runs cannot be trained together: {reason}")
    group = _Group(model, waiting, group_key(first.recipe))
    with ExitStack() as opened:
        # The stacked weights are views, for which torch's layout advice does not hold.
        opened.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")
        opened.enter_context(_in_training_mode(model))
        opened.enter_context(checkpointed(model, first.recipe))
        interrupts = opened.enter_context(deferred_interrupts())
        opened.callback(group.close)
        group.open(first.recipe, slots)
        try:
            while group.take_up():
                group.step()
                interrupts.raise_if_requested()
        except (Exception, KeyboardInterrupt):
            group.save()
            raise
    return group.log()


@dataclass(slots=True)
class _SlotState:
    """One slot's part of the optimiser, as a checkpoint saves it."""

    step: GroupStep
    slot: int

    def state(self) -> dict[str, torch.Tensor]:
        return self.step.optimiser.state(self.slot)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self.step.optimiser.restore(self.slot, state)


class _Group:
    """The runs that have slots at present, and how they take a step together."""

    def __init__(self, model: nn.Module, waiting: Waiting, key: Hashable) -> None:
        self._model, self._waiting, self._key = model, waiting, key
        self._running: dict[int, Running] = {}
        self._step: GroupStep | None = None
        self._most = self._steps = self._passes = self._halved = 0
        self._recipe: Recipe | None = None
        self._graphs = ""
        self._between_steps = True

    @property
    def current(self) -> GroupStep:
        assert self._step is not None  # noqa: S101 - opened before anything else
        return self._step

    def open(self, recipe: Recipe, slots: int) -> None:
        """Make a bank of so many slots, or of as many as memory allows."""
        tuner: Tuner = make_tuner(recipe.tuner, recipe.tuner_options)
        self._recipe = recipe
        while True:
            try:
                self._step = _opened(self._model, tuner, recipe, slots)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or slots == 1:
                    raise
            if self._step is not None:
                self._most = max(self._most, slots)
                return
            self._halved += 1
            slots //= 2
            _free_memory()

    def close(self) -> None:
        if self._step is not None:
            self._passes += self._step.passes
            self._halved += self._step.halved
            self._graphs = self._step.graphs.summary()
            self._step.bank.close()
        self._step = None

    def log(self) -> GroupLog:
        return GroupLog(self._most, self._steps, self._passes, self._halved, self._graphs)

    def take_up(self) -> bool:
        """Give free slots to waiting runs; return whether there is anything to train."""
        while free := [slot for slot in range(self.current.bank.slots) if slot not in self._running]:
            taken = {slot: run for slot in free if (run := self._waiting.take()) is not None}
            if not taken:
                break
            fresh = {s: run.seed for s, run in taken.items() if isinstance(run, AdapterRun) and run.start is None}
            self.current.bank.start_many(fresh)
            for slot, run in taken.items():
                self._begin(slot, run)
        return bool(self._running)

    def _begin(self, slot: int, taken: AdapterRun | Running) -> None:
        """Put a run into a slot: a fresh one, one that continues from its checkpoint, or one that lost its slot."""
        if isinstance(taken, Running):
            self.current.bank.weights[slot].zero_()
            self.current.optimiser.begin(slot, taken.run.recipe)
            self.current.optimiser.restore(slot, taken.aside)
            taken.aside = {}
            self._running[slot] = taken
            return
        try:
            self._running[slot] = self._begun(slot, taken)
        except UserError as error:
            taken.fail(error)
            return
        self._finish_if_ended(slot)

    def _begun(self, slot: int, run: AdapterRun) -> Running:
        """Return a run with its saved state, if it has one, in a slot that has its first weights unless it loads them.

        Raises:
            UserError: there is nothing to train on, or its adapter or checkpoint cannot be used.
        """
        if group_key(run.recipe) != self._key:
            raise UserError(f"the recipe {run.recipe.name} cannot be trained in one group with the others")
        if not run.prompts:
            raise UserError("there is no instance to train on; give a budget of at least 1, or evaluate untrained")
        check_targets(run.prompts)
        step = self.current
        if run.start is not None:
            step.bank.load(slot, run.start)
        step.optimiser.begin(slot, run.recipe)
        order = run.batches
        if order is None:
            order = epoch_batches(len(run.prompts), run.recipe.batch_size, run.seed)
        begun = Running(run, run.recipe.steps(len(run.prompts)), order)
        if run.checkpoint is not None:
            begun.losses = run.checkpoint.begin(_SlotState(step, slot))
            begun.resumed_at = len(begun.losses)
        for _ in range(begun.resumed_at):
            run.advance(len(next(order)))
        return begun

    def step(self) -> None:
        """Take one step of every run that has a slot."""
        started = time.perf_counter()
        batches = {slot: running.next_batch() for slot, running in self._running.items()}
        rates = {slot: running.rate for slot, running in self._running.items()}
        tokens = 0
        self._between_steps = False
        try:
            taken = self.current.take(batches, rates, self._following)
        except RowTooLargeError as error:
            tokens = error.tokens
        spent = (time.perf_counter() - started) / len(batches)
        for running in self._running.values():
            running.seconds += spent
        if tokens:
            self._between_steps = True
            self._make_room(tokens)
        else:
            self._settle(taken)
            self._steps += 1

    def _following(self) -> dict[int, list[TokenizedPrompt]]:
        """Return the batches of the step after this one, if no run fails and no other begins."""
        left = {slot: running for slot, running in self._running.items() if len(running.losses) + 1 < running.steps}
        return {slot: running.batch_after() for slot, running in left.items()}

    def _settle(self, taken: Taken) -> None:
        """Record a step's losses; end the runs that are finished or have diverged."""
        used = {slot: self._running[slot].took(loss) for slot, loss in taken.losses.items()}
        self._between_steps = True  # from here on callers' functions are called, which may raise
        for slot, fault in taken.faults.items():
            running = self._running[slot]
            self._save(slot)
            self._drop(slot)
            run = running.run
            run.fail(diverged(fault, len(running.losses) + 1, running.steps, run.recipe, run.checkpoint))
        for slot, instances in used.items():
            running = self._running[slot]
            checkpoint = running.run.checkpoint
            if checkpoint is not None and not running.ended and checkpoint.due():
                self._save(slot)
            running.run.advance(instances)
            self._finish_if_ended(slot)

    def _finish_if_ended(self, slot: int) -> None:
        running = self._running[slot]
        if not running.ended:
            return
        run, bank = running.run, self.current.bank
        log = TrainingLog(
            steps=len(running.losses),
            losses=tuple(running.losses),
            instances=len(run.prompts),
            target_tokens=sum(len(prompt.target) for prompt in run.prompts),
            trained_parameters=sum(weight.shape.numel() for weight in bank.template.weights),
            shared_prefix=self.current.loss.packs,
            seconds=running.seconds,
            resumed_at=running.resumed_at,
            halved=self.current.halved,
            together=bank.slots,
        )
        run.finish(log, lambda folder: bank.save(slot, folder))
        self._drop(slot)

    def _drop(self, slot: int) -> None:
        del self._running[slot]
        self.current.optimiser.end(slot)

    def save(self) -> None:
        """Save the state of every run, unless something failed in the middle of a step."""
        for slot in self._running if self._between_steps else ():
            self._save(slot)

    def _save(self, slot: int) -> None:
        running = self._running[slot]
        if running.run.checkpoint is not None:
            running.run.checkpoint.save(_SlotState(self.current, slot), running.losses)

    def _make_room(self, tokens: int) -> None:
        """Halve the slots where one row alone did not fit into memory; with one slot left, end its run."""
        assert self._recipe is not None  # noqa: S101 - the bank was opened with it
        slots = self.current.bank.slots
        if slots == 1:
            [(slot, running)] = self._running.items()
            self._save(slot)
            self._drop(slot)
            running.run.fail(
                UserError(
                    f"a single row of {tokens} tokens does not fit into memory; lower max_length, set "
                    "gradient_checkpointing, or tune less of the model (LoRA, IA³)"
                )
            )
            return
        for slot, running in sorted(self._running.items(), reverse=True):
            state = self.current.optimiser.state(slot)
            running.aside = {name: value.detach().clone() for name, value in state.items()}
            self._waiting.put_back(running)
        self._running = {}
        self.close()
        self._halved += 1
        _free_memory()
        self.open(self._recipe, slots // 2)


def _opened(model: nn.Module, tuner: Tuner, recipe: Recipe, slots: int) -> GroupStep:
    bank = AdapterBank(model, tuner, slots)
    try:
        if bank.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(bank.device)
            if bank.weights.numel() * _STATE_BYTES > _STATE_SHARE * free and slots > 1:
                raise torch.OutOfMemoryError(f"the state of {slots} adapters leaves too little memory for activations")
        return GroupStep(bank, recipe)
    except BaseException:
        bank.close()
        raise


@contextmanager
def _in_training_mode(model: nn.Module) -> Iterator[None]:
    """Run a model in its training mode meanwhile."""
    before = model.training
    model.train()
    try:
        yield
    finally:
        model.train(before)


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
