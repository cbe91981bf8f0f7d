"""Training that keeps ahead of its device: batches are prepared before, losses read after, nothing waits in between."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from tuition.models.out_of_memory import free_memory, is_out_of_memory
from tuition.models.tokens import TokenizedPrompt
from tuition.training.device_optimiser import AheadOptimiser
from tuition.training.memory import does_not_fit
from tuition.training.passes import Pass, Passes

_T = TypeVar("_T")

UNREAD = 8
"""Steps whose losses may be unread: a training that diverges is noticed so many steps later, and unchanged by them."""
_AHEAD = 2
"""Batches that are prepared before they are needed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An optimiser's batch; where it was prepared ahead, its passes, divided for a budget of `tokens`."""

    rows: Sequence[TokenizedPrompt]
    passes: Sequence[Pass] = ()
    tokens: int = 0

    def __len__(self) -> int:
        return len(self.rows)


class StepsAhead:
    """Launches optimiser steps and keeps what they gave, unread, on the device."""

    def __init__(self, passes: Passes, optimiser: AheadOptimiser, tokens: int) -> None:
        """`tokens` is the budget of a pass; `halved` counts how often it was too much."""
        self.passes, self.tokens, self.halved = passes, tokens, 0
        self._optimiser = optimiser
        self._unread: list[tuple[torch.Tensor, torch.Tensor]] = []

    def prepared(self, batches: Iterable[list[TokenizedPrompt]]) -> Generator[Prepared]:
        """Yield batches, each prepared in another thread while those before it run."""

        def prepare(batch: list[TokenizedPrompt]) -> Prepared:
            tokens = self.tokens
            return Prepared(batch, self.passes.prepare(batch, tokens), tokens)

        return ahead(map(prepare, batches), _AHEAD)

    def step(self, batch: Prepared, learning_rate: float) -> None:
        """Launch a step.

        Raises:
            UserError: not even one row fits into memory.
        """
        loss = self._backward(batch)
        self._unread.append((loss, self._optimiser.step_ahead(loss, learning_rate)))

    @property
    def unread(self) -> int:
        """How many steps were launched since losses were read."""
        return len(self._unread)

    def read(self) -> list[tuple[float, float]]:
        """Wait for the device; return the loss and the gradients' norm of each step since this was last called."""
        if not self._unread:
            return []
        losses, norms = zip(*self._unread, strict=True)
        self._unread = []
        device = losses[0].device
        numbers = torch.stack([torch.stack(losses), torch.stack([norm.to(device) for norm in norms])])
        return list(zip(*numbers.tolist(), strict=True))

    def _backward(self, batch: Prepared) -> torch.Tensor:
        targets = sum(len(row.target) for row in batch.rows)
        passes = batch.passes if batch.tokens == self.tokens else self.passes.prepare(batch.rows, self.tokens)
        while True:
            loss = self._tried(passes, targets)
            if loss is not None:
                return loss
            largest = max(one.tokens for one in passes)
            if all(len(one.rows) == 1 for one in passes):
                raise does_not_fit(largest)
            self._optimiser.clear()
            self.passes.forget()
            free_memory()
            self.tokens = max(1, min(self.tokens, largest) // 2)
            self.halved += 1
            passes = self.passes.prepare(batch.rows, self.tokens)

    def _tried(self, passes: Sequence[Pass], targets: int) -> torch.Tensor | None:
        """Return the loss of these passes; None where memory did not suffice for them."""
        try:
            losses = [self.passes.run(one, targets) for one in passes]
            return torch.stack(losses).sum()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, whose traceback would keep the tensors of the failed pass alive.
        return None

    def close(self) -> None:
        """Let go of graphs and gradients."""
        self.passes.close()
        self._optimiser.close()

    def launches(self) -> str:
        """Return how steps were launched, for the run's record."""
        return f"{self.passes.launches()}; optimiser: {self._optimiser.launches()}"


def first_not_finite(numbers: Sequence[tuple[float, float]]) -> tuple[int, str] | None:
    """Return the first step whose loss or norm is not finite, and what is wrong with it; None where all are."""
    for at, (loss, norm) in enumerate(numbers):
        if not math.isfinite(loss):
            return at, f"the loss is {loss}"
        if not math.isfinite(norm):
            return at, f"the gradients' norm is {norm}"
    return None


_END = object()


def ahead(items: Iterator[_T], count: int) -> Generator[_T]:
    """Yield items that another thread takes from `items`, at most `count` ahead; its errors are raised here.

    Whoever stops before the end closes the generator, which ends the thread.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=count)
    stopped = threading.Event()
    failed: list[BaseException] = []

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            failed.append(error)
        put(_END)

    worker = threading.Thread(target=work, name="batches", daemon=True)
    worker.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failed:
            raise failed[0]
    finally:
        stopped.set()
        worker.join()
