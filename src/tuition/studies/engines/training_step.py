"""A training step before and after its training: the prompts it trains on, and what the store keeps of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError
from tuition.base.files import atomic_path
from tuition.prompts.fit import Fitted, ledger
from tuition.splits import epoch
from tuition.studies.engines.scoring import labelled
from tuition.studies.export.adapter_encoding import write_encoding
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.steps import TrainStep
from tuition.studies.prompted_model import PromptedModel
from tuition.studies.storage.store import StepOutcome, Store

if TYPE_CHECKING:
    from tuition.models.tokens import TokenizedPrompt
    from tuition.training import TrainingLog


class PreparedTraining:
    """A training step with its rows fitted and tokenized, and the order in which a mixture samples them."""

    def __init__(self, step: TrainStep, model: PromptedModel) -> None:
        """Fit and tokenize the rows of all tasks.

        Raises:
            UserError: no row fits.
        """
        policy = model.training_policy()
        self.step = step
        self.fitted: list[list[Fitted]] = [
            [model.fit(own.task, row, policy, shown=own.shown, output=out) for row, out in own.rows()]
            for own in step.task_batches
        ]
        self.prompts: list[TokenizedPrompt] = model.tokenize(row for own in self.fitted for row in own)
        if not self.prompts:
            raise UserError(f"all {step.rows} instances are longer than {policy.limit} tokens; raise max_length")
        self.rows = [sum(row.prompt is not None for row in own) for own in self.fitted]
        self.mixed = _Mixed(step, self.rows)

    @property
    def instance_cost(self) -> float:
        """The work of one instance in one optimiser step, in the units of `step_cost`."""
        recipe = self.step.recipe
        return step_cost(self.step) / (recipe.steps(self.step.rows) * min(recipe.batch_size, len(self.prompts)))

    def keep(self, store: Store, log: TrainingLog, save: Callable[[Path], None], seconds: float) -> str:
        """Store the trained weights, which `save` writes into a folder, and the step's record; return a summary."""
        step = self.step
        with atomic_path(store.adapter(step.key)) as folder:
            folder.mkdir()
            save(folder)
            write_encoding(folder, step.encoding)
        store.finish(
            step.key,
            StepOutcome(
                kind=step.kind,
                **labelled(step),
                seconds=seconds,
                details={
                    "log": asdict(log),
                    "fit": asdict(ledger(row for own in self.fitted for row in own)),
                    "recipe": asdict(step.recipe),
                    "after": [earlier.key for earlier in step.after],
                    "rows": {own.task.name: rows for own, rows in zip(step.task_batches, self.rows, strict=True)},
                    "mixture": self.mixed.realised,
                },
            ),
        )
        return f"loss {log.losses[0]:.2f} → {log.losses[-1]:.2f} in {log.steps} steps"


@dataclass(slots=True)
class _Mixed:
    """The order in which a mixture samples the rows of several tasks, of so many rows each, and its statistics."""

    step: TrainStep
    sizes: Sequence[int]
    realised: dict[str, Any] | None = None

    def batches(self) -> Iterator[list[int]] | None:
        """Return positions in the flat list of all tasks' rows, a list a step; None where every row counts alike."""
        if self.step.mixture is None:
            return None
        names = [task_batch.task.name for task_batch in self.step.task_batches]
        first = epoch(self.step.mixture, self.sizes, self.step.seed, names=names)
        self.realised = dataclasses.asdict(first.realised)
        return self._sampled(names)

    def _sampled(self, names: Sequence[str]) -> Iterator[list[int]]:
        step = self.step
        starts = [sum(self.sizes[:at]) for at in range(len(self.sizes))]
        number = 0
        while True:
            made = epoch(step.mixture, self.sizes, step.seed + number, names=names)  # type: ignore[arg-type]
            order = [starts[task] + row for task, row in made.order]
            size = step.recipe.batch_size
            yield from (order[at : at + size] for at in range(0, len(order), size))
            number += 1
