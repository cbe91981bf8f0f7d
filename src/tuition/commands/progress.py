"""Telling how a run goes: a bar with an estimate on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tuition.studies.engines import Failure
from tuition.studies.run import Progress as Done
from tuition.studies.steps import Step, TrainStep


class RunProgress:
    """Shows a run's steps, what is left of them, and an estimate of the time that will take.

    The estimate divides the work left by the pace so far; until there is a pace, it says nothing.
    """

    def __init__(self, console: Console) -> None:
        """Use `console` for the bar or the lines."""
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._row: TaskID | None = None
        self._total_steps = self._steps = 0
        self._total = self._before = self._work = 0.0
        self._started = time.perf_counter()
        self._at_step_start = self._step_cost = 0.0

    def __enter__(self) -> RunProgress:
        """Begin to draw."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def expect(self, done: Done) -> None:
        """Learn how much there is to do, and how much of it was done before."""
        self._total, self._before, self._work = done.total_work, done.work, done.work
        self._total_steps, self._steps = done.total_steps, done.steps
        self._started = time.perf_counter()
        if done.steps:
            self.say(f"{done.steps} of {done.total_steps} steps were finished before and are kept")
        if done.steps < done.total_steps:
            self._row = self._bar.add_task("", total=done.total_steps, completed=done.steps, left="")

    def say(self, text: str) -> None:
        """Tell what is going on outside the steps."""
        self._console.print(escape(text), style="dim")

    def begin(self, step: Step) -> None:
        """Name the step at work."""
        self._at_step_start, self._step_cost = self._work, step.cost
        if self._row is not None:
            self._bar.update(self._row, description=escape(_title(step)))

    def advance(self, work: float) -> None:
        """Move the estimate on within a step."""
        self._work = min(self._work + work, self._at_step_start + self._step_cost)
        if self._row is not None:
            self._bar.update(self._row, left=self._left())

    def end(self, step: Step, seconds: float, told: str) -> None:
        """Count a finished step; off a terminal, print a line for it."""
        self._work = self._at_step_start + self._step_cost
        self._steps += 1
        if self._row is not None:
            self._bar.update(self._row, completed=self._steps, left=self._left())
        if not self._console.is_terminal:
            self._console.print(
                escape(
                    f"[{self._steps}/{self._total_steps}] {_title(step)}: {told} ({seconds:.0f} s){self._left(', ')}"
                )
            )

    def fail(self, failure: Failure) -> None:
        """Tell of a failed step at once; the run goes on."""
        self._console.print(escape(f"failed: {_title(failure.step)}: {failure.reason}"), style="red")

    def _left(self, lead: str = "") -> str:
        seconds, made = time.perf_counter() - self._started, self._work - self._before
        if seconds < 5 or made <= 0 or self._work >= self._total:
            return ""
        left = (self._total - self._work) * seconds / made
        return f"{lead}about {_duration(left)} left"


def _title(step: Step) -> str:
    verb = "train" if isinstance(step, TrainStep) else "judge"
    name = step.title if len(step.title) <= 34 else f"{step.title[:33]}…"
    return f"{verb} {name} · {step.arm} · {step.labels} labels"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds / 5) * 5)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
