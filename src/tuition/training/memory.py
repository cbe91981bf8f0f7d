"""Memory: how many tokens go through a model at once; halved when memory runs out."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.out_of_memory import free_memory, is_out_of_memory
from tuition.models.packed_prefix import packed_tokens
from tuition.models.tokens import TokenizedPrompt
from tuition.training.batch_sharding import divide
from tuition.training.distributed import ALONE, Group, ProcessLostError
from tuition.training.optimiser import MasterOptimiser

_Runs = Sequence[Sequence[TokenizedPrompt]]


def does_not_fit(tokens: int) -> UserError:
    """Return the error of a row that memory does not suffice for, alone as it is."""
    return UserError(
        f"a single row of {tokens} tokens does not fit into memory; lower max_length, set "
        "gradient_checkpointing, or tune less of the model (LoRA, IA³)"
    )


class Accumulator:
    """Runs batches as micro-batches within a token budget, forward and backward; lowers it when memory runs out."""

    def __init__(self, objective: Objective, optimiser: MasterOptimiser, tokens: int, group: Group = ALONE) -> None:
        """`tokens` is the initial budget; `halved` counts how often it was halved.

        Each process of `group` runs its part of a batch; gradients and losses are summed over them.
        """
        self.objective = objective
        self.tokens = tokens
        self.halved = 0
        self._optimiser, self._group = optimiser, group

    def backward(self, batch: Sequence[TokenizedPrompt]) -> float:
        """Accumulate the gradients of a batch's mean loss over target tokens; return that loss (nats).

        The mean, and its gradients, are over all target tokens of the batch, whatever the micro-batches.

        Raises:
            UserError: a single row does not fit into memory.
        """
        targets = sum(len(prompt.target) for prompt in batch)
        while True:
            runs = self.objective.micro_batches(self._part(batch), self.tokens)
            loss, too_many = self._try(runs, targets, batch)
            single = too_many > 0 and all(len(run) == 1 for run in runs)
            results = self._group.meet("backward", loss, too_many, single)
            most = int(max(tokens for _, tokens, _ in results))
            if not most:
                self._group.sum_gradients(self._optimiser.parameters)
                return sum(part for part, _, _ in results)
            if rows := [int(tokens) for _, tokens, single_row in results if single_row]:
                raise does_not_fit(max(rows))
            self._optimiser.clear()
            free_memory()
            self.tokens = max(1, min(self.tokens, most) // 2)
            self.halved += 1

    def _part(self, batch: Sequence[TokenizedPrompt]) -> Sequence[TokenizedPrompt]:
        if self._group.size == 1:
            return batch
        return divide(batch, self._group.size, share_prefix=self.objective.shares)[self._group.rank]

    def _try(self, runs: _Runs, targets: int, batch: Sequence[TokenizedPrompt]) -> tuple[float, int]:
        """Return the loss of these runs and 0; or, where memory runs out, 0 and the tokens of the largest run."""
        if self._group.sharding is not None:
            return self._accumulate_sharded(runs, targets, batch), 0
        try:
            return self._accumulate(runs, targets), 0
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, whose traceback would keep the tensors of the failed run alive.
        return 0.0, max(tokens_of(run) for run in runs)

    def _accumulate(self, runs: _Runs, targets: int) -> float:
        total = 0.0
        for run in runs:
            loss = self.objective(run) / targets
            loss.backward()
            total += float(loss.detach())
        return total

    def _accumulate_sharded(self, runs: _Runs, targets: int, batch: Sequence[TokenizedPrompt]) -> float:
        """Run as many passes through sharded weights as every other process: all take part in each pass.

        Raises:
            ProcessLostError: a pass failed, while the others wait for this process.
        """
        idle = int(max(count for (count,) in self._group.meet("runs", len(runs)))) - len(runs)
        shortest = min(batch, key=lambda row: len(row.prefix) + len(row.body) + len(row.target))
        [nothing] = self.objective.micro_batches([shortest], self.tokens)
        try:
            total = self._accumulate(runs, targets)
            for _ in range(idle):
                (self.objective(nothing) * 0.0).backward()
        except Exception as error:
            advice = "lower the recipe's `memory`, or use more GPUs; " if is_out_of_memory(error) else ""
            raise ProcessLostError(
                f"a pass through sharded weights failed ({error}); {advice}the same command resumes from the checkpoint"
            ) from error
        return total


def tokens_of(run: Sequence[TokenizedPrompt]) -> int:
    """Return how many tokens a micro-batch is run as, with its padding where it is padded."""
    padded = len(run[0].prefix) + len(run) * max(len(row.body) + len(row.target) for row in run)
    return padded if len({row.prefix for row in run}) == 1 else packed_tokens(run)
