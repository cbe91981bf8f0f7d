"""`tuition run`: a study file or a preset, with the changes of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import UserError
from tuition.commands.numbers import budgets, whole_numbers
from tuition.studies.presets import find_study
from tuition.studies.spec.overrides import Overrides, overridden
from tuition.studies.spec.study import STARTER, StudySpec, read_study


@dataclass(frozen=True, slots=True)
class RunChoice:
    """A study file or a preset's name, and the changes of the command line as given."""

    study: str
    tasks: str | None = None
    names: tuple[str, ...] = ()
    split: str | None = None
    model: str | None = None
    labels: str | None = None
    seen_labels: int | None = None
    seeds: str | None = None
    arms: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def overrides(self) -> Overrides:
        """Return the changes, parsed.

        Raises:
            UserError: labels or seeds cannot be parsed.
        """
        tasks = self.tasks
        return Overrides(
            collection=tasks if tasks in (None, STARTER) else str(Path(str(tasks)).expanduser().resolve()),
            names=self.names,
            split=self.split,
            model=self.model,
            labels=None if self.labels is None else budgets(self.labels),
            seen_labels=self.seen_labels,
            seeds=None if self.seeds is None else whole_numbers("--seeds", self.seeds),
            arms=self.arms,
            settings=self.settings,
        )


def chosen_study(choice: RunChoice) -> StudySpec:
    """Return the chosen study with the changes of the command line.

    Raises:
        UserError: there is no such study or preset, it sets no collection, or a change is invalid.
        ProblemsError: unknown keys or wrong values.
    """
    found = find_study(choice.study)
    changes = choice.overrides()
    return read_study(found.file, lambda data: _with_collection(overridden(data, changes), choice.study), found.place)


def _with_collection(data: object, name: str) -> object:
    """Refuse a study that sets no collection."""
    tasks = data.get("tasks") if isinstance(data, dict) else None
    if isinstance(tasks, dict) and tasks.get("collection") is None:
        raise UserError(
            f"{name}: this study sets no collection of tasks; give --tasks PATH (what `tuition check` accepts), or "
            "--tasks starter for the tasks in the package"
        )
    return data
