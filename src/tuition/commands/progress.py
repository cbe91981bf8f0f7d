"""Progress of a run: a bar with an estimate on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from tuition.studies.engines import Failure
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.steps import Step
from tuition.studies.run import Progress as Done

_LINE_EVERY = 60.0
"""The seconds between progress lines within one step, if the output is not a terminal."""
_FIRST_ESTIMATE = 5.0
"""The seconds before the first estimate of the time left; the pace is not reliable before."""


class RunProgress:
    """Shows the current step, its progress and that of the run, and an estimate of the time left.

    The bar shows work, not steps, so it moves within a step too. The estimate divides the remaining work by the pace so
    far; at first, while there is no pace, there is no estimate.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.perf_counter) -> None:
        """Use `console` for the bar or the lines, and `clock` to measure seconds."""
        self._console, self._clock = console, clock
        self._bar = Progress(
            # In a narrow terminal, the name is shortened.
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=14),
            TextColumn("{task.fields[steps]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )
        self._row: TaskID | None = None
        self._total_steps = self._steps = self._begun = 0
        self._total = self._before = self._done = 0.0
        self._started = self._last_line = clock()
        self._running: dict[str, Step] = {}
        self._within: dict[str, float] = {}

    def __enter__(self) -> RunProgress:
        """Start the display."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display and restore the terminal."""
        self._bar.stop()

    def expect(self, done: Done) -> None:
        """Set the total work, and how much of it was finished before."""
        self._total, self._before, self._done = done.total_work, done.work, done.work
        self._total_steps, self._steps, self._begun = done.total_steps, done.steps, done.steps
        self._started = self._clock()
        if done.steps:
            self.say(f"{done.steps} of {done.total_steps} steps were finished before and are kept")
        if done.steps < done.total_steps:
            self._row = self._bar.add_task("", steps="", left="")
            self._draw()

    def say(self, text: str) -> None:
        """Print a message that belongs to no step."""
        self._console.print(escape(text), style="dim")

    def begin(self, step: Step) -> None:
        """Add a step that has started; several may run at once."""
        if not self._running:
            self._last_line = self._clock()
        self._begun += step.key not in self._running  # one that failed in a group begins again alone
        self._running[step.key], self._within[step.key] = step, 0.0
        self._draw()

    def advance(self, step: Step, work: float) -> None:
        """Add work done within a running step."""
        self._within[step.key] = min(self._within[step.key] + work, step_cost(step))
        self._draw()
        if not self._console.is_terminal and self._clock() - self._last_line >= _LINE_EVERY:
            self._last_line = self._clock()
            which = "this step" if len(self._running) == 1 else f"these {len(self._running)} steps"
            self._line(f"{self._titles()}: {self._percent()} of {which}{self._left(', ')}")

    def end(self, step: Step, seconds: float, summary: str) -> None:
        """Count a finished step; print a line for it if the output is not a terminal."""
        self._forget(step)
        self._done += step_cost(step)
        self._steps += 1
        self._draw()
        if not self._console.is_terminal:
            self._line(f"{_title(step)}: {summary} ({seconds:.0f} s){self._left(', ')}")

    def fail(self, failure: Failure) -> None:
        """Report a failed step at once; the run continues without it."""
        self._forget(failure.step)
        self._total -= step_cost(failure.step)
        self._draw()
        self._console.print(escape(f"failed: {_title(failure.step)}: {failure.reason}"), style="red")

    @property
    def _work(self) -> float:
        return self._done + sum(self._within.values())

    def _forget(self, step: Step) -> None:
        self._running.pop(step.key, None)
        self._within.pop(step.key, None)

    def _line(self, text: str) -> None:
        self._console.print(escape(f"[{self._steps}/{self._total_steps}] {text}"))

    def _draw(self) -> None:
        if self._row is None:
            return
        own: dict[str, Any] = (
            {"description": escape(self._titles()), "steps": self._position()} if self._running else {}
        )
        total = max(self._total, self._work, 1e-9)
        self._bar.update(self._row, total=total, completed=self._work, left=self._left(), **own)

    def _position(self) -> str:
        first = self._begun - len(self._running) + 1
        which = f"step {self._begun}" if first >= self._begun else f"steps {first}-{self._begun}"
        return f"{which}/{self._total_steps}, {self._percent()}"

    def _percent(self) -> str:
        cost = sum(map(step_cost, self._running.values()))
        return f"{100 * sum(self._within.values()) / cost:.0f}%" if cost else "0%"

    def _titles(self) -> str:
        """Return the running steps: one by its title, several by their number and kind."""
        first, *others = self._running.values()
        return _title(first) if not others else f"{first.kind} {len(self._running)} models at once"

    def _left(self, lead: str = "") -> str:
        seconds, done = self._clock() - self._started, self._work - self._before
        if seconds < _FIRST_ESTIMATE or done <= 0 or self._work >= self._total:
            return ""
        left = (self._total - self._work) * seconds / done
        return f"{lead}about {_duration(left)} left"


def _title(step: Step) -> str:
    name = step.title if len(step.title) <= 34 else f"{step.title[:33]}…"
    return f"{step.kind} {name} · {step.arm} · {step.labels} labels"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds / 5) * 5)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
