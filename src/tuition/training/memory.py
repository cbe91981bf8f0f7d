"""Memory: how many tokens go through a model together, halved where that was too many."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import torch

from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.tokens import TokenizedPrompt
from tuition.training.optimiser import MasterOptimiser

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of whatever device, did not suffice."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


class Accumulator:
    """Runs batches forward and backward within a budget of tokens that it learns to be smaller where it must."""

    def __init__(self, objective: Objective, optimiser: MasterOptimiser, tokens: int) -> None:
        """`tokens` is the budget to begin with; `halved` counts how often it was too much."""
        self.objective = objective
        self.tokens = tokens
        self.halved = 0
        self._optimiser = optimiser

    def backward(self, batch: Sequence[TokenizedPrompt]) -> float:
        """Accumulate the gradients of a batch's mean loss over target tokens; return that loss (nats).

        The mean is over all target tokens of the batch, however it is divided; so are the gradients.

        Raises:
            UserError: not even one row fits into memory.
        """
        while True:
            runs = self.objective.micro_batches(batch, self.tokens)
            try:
                return self._through(runs, sum(len(prompt.target) for prompt in batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                most = max(_tokens(run) for run in runs)
                if all(len(run) == 1 for run in runs):
                    raise UserError(
                        f"a single row of {most} tokens does not fit into memory; lower max_length, set "
                        "gradient_checkpointing, or tune less of the model (LoRA, IA³)"
                    ) from error
            # Outside the handler, whose traceback would keep the tensors of the failed run alive.
            self._optimiser.clear()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.tokens = max(1, min(self.tokens, most) // 2)
            self.halved += 1

    def _through(self, runs: Sequence[Sequence[TokenizedPrompt]], targets: int) -> float:
        total = 0.0
        for run in runs:
            loss = self.objective(run) / targets
            loss.backward()
            total += float(loss.detach())
        return total


def _tokens(run: Sequence[TokenizedPrompt]) -> int:
    return len(run[0].prefix) + len(run) * max(len(row.body) + len(row.target) for row in run)
