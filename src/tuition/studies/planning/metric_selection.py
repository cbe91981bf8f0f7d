"""What a study judges each task by: metrics, options that are ranked, probes; and what had to be left out."""

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
    """Decides by what each task is judged, and keeps count of what is left out, so that it can be told."""

    def __init__(self, options: Evaluate) -> None:
        """Nothing is read until a task is asked about."""
        self._options = options
        self._metrics: dict[str, tuple[str, ...]] = {}
        self._found: dict[str, Found] = {}
        self._kept_out: dict[str, dict[str, str]] = {}
        self._made: set[str] = set()
        self._refused: dict[str, str] = {}

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes that are asked for."""
        return tuple(PROBES) if self._options.probes == (ALL,) else self._options.probes

    def metrics(self, rows: TaskRows) -> tuple[str, ...]:
        """Return a task's metrics: those that the study lists, else the usual ones of such a task."""
        if self._options.metrics is not None:
            return self._options.metrics
        name = rows.task.name
        if name not in self._metrics:
            self._metrics[name] = default_metrics(rows.task, rows.all_rows)
        return self._metrics[name]

    def option_scoring(self, rows: TaskRows, encoding: Encoding, seed: int) -> OptionScoring | None:
        """Return which options of each test row are ranked, None where there are none or none is asked for."""
        if not self._options.rank:
            return None
        if any("{rationale}" in one.target for one in (encoding.one_of or (encoding,))):
            why = f"not ranked by the encoding {encoding.name!r}, which puts a rationale before the answer"
            self._leave_out(why, rows.task.name)
            return None
        told = [_distinct(answers(rows.task, row, encoding, seed=seed)[1]) for row in rows.rows.test]
        if all(len(own) > 1 for own in told):
            by_template = any(variant(rows.task, row, encoding, seed).template for row in rows.rows.test)
            return OptionScoring(tuple(told), self._options.rank, "template" if by_template else "task")
        if any(told):
            self._leave_out("not ranked, since not every test row has options to choose from", rows.task.name)
            return None
        if rows.task.name not in self._found:
            self._found[rows.task.name] = rows.found_options()
        options, origin = self._found[rows.task.name]
        if len(options) < 2:
            self._leave_out("not ranked, since they have no closed set of options", rows.task.name)
            return None
        return OptionScoring((options,) * len(told), self._options.rank, origin)

    def probed(self, name: str, rows: TaskRows, others: Sequence[Task], seed: int) -> Task | None:
        """Return a task as a probe tells it; None where it cannot be told so."""
        try:
            return PROBES[name](rows.task, others, seed)
        except UserError as error:
            self._refused.setdefault(name, str(error))
            self._leave_out(f"not told as the probe {name!r} has it", rows.task.name, str(error))
            return None

    def made(self, name: str) -> None:
        """Count a probe as made of some task."""
        self._made.add(name)

    def changes_nothing(self, name: str, task: str, encoding: str) -> None:
        """Note a probe that tells a task as it is told anyway."""
        does = f"changes nothing in the prompts of {task}: the encoding {encoding!r} does not tell what it changes"
        self._refused.setdefault(name, f"the probe {name!r} {does}; use another, or leave the probe out")
        why = f"not told as the probe {name!r} has it by the encoding {encoding!r}, which does not tell what it changes"
        self._leave_out(why, task)

    def require_probes(self) -> None:
        """Refuse probes that are named and could not be made of any task.

        Raises:
            UserError: there are such; with the reason of the first task.
        """
        for name in self._options.probes:
            if name not in self._made and name in self._refused:
                raise UserError(self._refused[name])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out on which tasks, a sentence each."""
        made = []
        for reason, tasks in self._kept_out.items():
            names = list(tasks)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            count = "1 task is" if len(names) == 1 else f"{len(names)} tasks are"
            why = next((why for why in tasks.values() if why), "")
            made.append(f"{count} {reason}: {', '.join(names[:_NAMED])}{more}{f' ({why})' if why else ''}")
        return tuple(made)

    def _leave_out(self, reason: str, task: str, why: str = "") -> None:
        self._kept_out.setdefault(reason, {}).setdefault(task, why)


def _distinct(options: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(option for option in options if option.strip()))
