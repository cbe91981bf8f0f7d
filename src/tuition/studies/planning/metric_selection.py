"""How a study evaluates each task: metrics, ranked options and probes; and what had to be omitted."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.base.errors import UserError
from tuition.evaluation.defaults import default_metrics
from tuition.prompts.encode import answers, variant
from tuition.prompts.probes import PROBES
from tuition.prompts.types import Encoding
from tuition.studies.planning.rows import TaskRows
from tuition.studies.planning.steps import OptionScoring, OptionsFrom
from tuition.studies.spec.evaluation_options import ALL
from tuition.studies.spec.study import Evaluate
from tuition.tasks import Task

_NAMED = 4
Found = tuple[tuple[str, ...], OptionsFrom]


class MetricSelection:
    """Chooses the metrics, ranked options and probes of each task, and records what is omitted, for the notes."""

    def __init__(self, options: Evaluate) -> None:
        """Nothing is read until a task is looked up."""
        self._options = options
        self._metrics: dict[str, tuple[str, ...]] = {}
        self._found: dict[str, Found] = {}
        self._omitted: dict[str, dict[str, str]] = {}
        self._possible: set[str] = set()
        self._refused: dict[str, str] = {}

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the requested probes."""
        return tuple(PROBES) if self._options.probes == (ALL,) else self._options.probes

    def metrics(self, rows: TaskRows) -> tuple[str, ...]:
        """Return a task's metrics: those that the study lists, else the defaults for the task."""
        if self._options.metrics is not None:
            return self._options.metrics
        name = rows.task.name
        if name not in self._metrics:
            self._metrics[name] = default_metrics(rows.task, rows.all_rows)
        return self._metrics[name]

    def option_scoring(self, rows: TaskRows, encoding: Encoding, seed: int) -> OptionScoring | None:
        """Return the options of each test row to rank; None where there are none or no ranking is requested."""
        if not self._options.rank:
            return None
        if any("{rationale}" in one.target for one in (encoding.one_of or (encoding,))):
            why = f"not ranked by the encoding {encoding.name!r}, which puts a rationale before the answer"
            self._omit(why, rows.task.name)
            return None
        listed = [_distinct(answers(rows.task, row, encoding, seed=seed)[1]) for row in rows.rows.test]
        if all(len(own) > 1 for own in listed):
            by_template = any(variant(rows.task, row, encoding, seed).template for row in rows.rows.test)
            return OptionScoring(tuple(listed), self._options.rank, "template" if by_template else "task")
        if any(listed):
            self._omit("not ranked, since not every test row has options to choose from", rows.task.name)
            return None
        if rows.task.name not in self._found:
            self._found[rows.task.name] = rows.found_options()
        options, origin = self._found[rows.task.name]
        if len(options) < 2:
            self._omit("not ranked, since they have no closed set of options", rows.task.name)
            return None
        return OptionScoring((options,) * len(listed), self._options.rank, origin)

    def probed(self, name: str, rows: TaskRows, others: Sequence[Task], seed: int) -> Task | None:
        """Return a task as a probe changes it; None where the probe is not possible."""
        try:
            return PROBES[name](rows.task, others, seed)
        except UserError as error:
            self._refused.setdefault(name, str(error))
            self._omit(f"not evaluated with the probe {name!r}", rows.task.name, str(error))
            return None

    def possible(self, name: str) -> None:
        """Record that a probe was possible for some task."""
        self._possible.add(name)

    def changes_nothing(self, name: str, task: str, encoding: str) -> None:
        """Record a probe that does not change the prompts of a task."""
        does = f"changes nothing in the prompts of {task}: the encoding {encoding!r} does not use what it changes"
        self._refused.setdefault(name, f"the probe {name!r} {does}; use another encoding, or remove the probe")
        why = f"not evaluated with the probe {name!r} in the encoding {encoding!r}, which does not use what it changes"
        self._omit(why, task)

    def require_probes(self) -> None:
        """Refuse probes that are named and not possible for any task.

        Raises:
            UserError: there is one; with the reason for the first task.
        """
        for name in self._options.probes:
            if name not in self._possible and name in self._refused:
                raise UserError(self._refused[name])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was omitted for which tasks, a sentence each."""
        notes = []
        for reason, tasks in self._omitted.items():
            names = list(tasks)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            count = "1 task is" if len(names) == 1 else f"{len(names)} tasks are"
            why = next((why for why in tasks.values() if why), "")
            notes.append(f"{count} {reason}: {', '.join(names[:_NAMED])}{more}{f' ({why})' if why else ''}")
        return tuple(notes)

    def _omit(self, reason: str, task: str, why: str = "") -> None:
        self._omitted.setdefault(reason, {}).setdefault(task, why)


def _distinct(options: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(option for option in options if option.strip()))
