"""Using an exported model, prompted as it was in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError, clip
from tuition.base.names import full_name
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.load import LoadedModel, load_model
from tuition.models.tuners import make_tuner
from tuition.prompts.fit import ledger
from tuition.prompts.types import NO_EXAMPLES
from tuition.studies.export.card import Exported, read_exported
from tuition.studies.prompted_model import PromptedModel
from tuition.tasks import Instance, Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers to instances in their order, and what their prompts gave up to fit (empty where nothing)."""

    answers: tuple[str, ...]
    notice: str


class ExportedModel:
    """An exported model, ready to answer."""

    def __init__(self, folder: Path, *, precision: str = "", say: Callable[[str], None] = lambda text: None) -> None:
        """Load the model in `folder`, or its base with the adapter in it, in the precision that it was exported with.

        Raises:
            UserError: it is no exported model, or cannot be loaded.
        """
        self.folder = folder
        self.exported: Exported = read_exported(folder)
        precision = precision or self.exported.precision
        self._loaded: LoadedModel = load_model(self.exported.base or str(folder), precision=precision, say=say)
        self._module: nn.Module = self._loaded.model
        if self.exported.tuner:
            tuner = make_tuner(self.exported.tuner, self.exported.tuner_options)
            with library_errors(f"{folder}: its adapter cannot be loaded", "export the model again"):
                self._module = tuner.load(self._loaded.model, folder)

    def task(self, name: str | None) -> Task:
        """Return the task of that name that it was trained on, or the only one.

        Raises:
            UserError: it was trained on no task of that name, or on several and none is named.
        """
        tasks = list(self.exported.tasks)
        if name is not None:
            full = full_name(name, [task.name for task in tasks], "task", str(self.folder))
            tasks = [task for task in tasks if task.name == full]
        if len(tasks) == 1:
            return tasks[0]
        known = ", ".join(task.name for task in self.exported.tasks[:10])
        raise UserError(
            f"{self.folder}: it was trained on {len(self.exported.tasks)} tasks ({known}); "
            f"{'name one with --task' if name is None else f'{clip(name)!r} names {len(tasks)} of them'}"
        )

    def answer(
        self,
        task: Task,
        instances: Sequence[Instance],
        *,
        decoding: Decoding = GREEDY,
        advance: Callable[[float], None] = lambda done: None,
    ) -> Answered:
        """Answer a task's instances, prompted by the encoding that the model was trained with.

        A task that the model was not trained on is prompted in the same encoding, to test generalisation to it.
        """
        exported = self.exported
        model = PromptedModel(self._loaded, exported.encoding, max_length=exported.max_length)
        policy = model.answer_policy(exported.new_tokens)
        shown = exported.shown.get(task.name, NO_EXAMPLES)
        fitted = [model.fit(task, row, policy, shown=shown) for row in instances]
        answers = model.answer(
            self._module,
            model.tokenize(fitted),
            new_tokens=exported.new_tokens,
            decoding=decoding,
            advance=advance,
        )
        return Answered(tuple(model.read(answers)), str(ledger(fitted)))
