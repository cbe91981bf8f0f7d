"""`tuition run`: a study's file or a preset, with what the command line says otherwise."""

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
    """A study's file or a preset's name, and what the command line says otherwise, as it was typed."""

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
        """Return what is said otherwise, read.

        Raises:
            UserError: labels or seeds cannot be read.
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
    """Return the study that is meant, with what the command line says otherwise.

    Raises:
        UserError: there is no such study or preset, it leaves its collection open, or what is said otherwise is wrong.
        ProblemsError: unknown keys or wrong values.
    """
    found = find_study(choice.study)
    return read_study(found.file, lambda data: _closed(overridden(data, choice.overrides()), choice.study), found.place)


def _closed(data: object, name: str) -> object:
    """Refuse a study that leaves its collection open."""
    tasks = data.get("tasks") if isinstance(data, dict) else None
    if isinstance(tasks, dict) and tasks.get("collection") is None:
        raise UserError(
            f"{name}: this study leaves open which tasks it is about; say --tasks PATH (what `tuition check` accepts), "
            "or --tasks starter for those in the package"
        )
    return data
