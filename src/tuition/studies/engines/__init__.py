"""Engines run the steps of a plan; only they decide the order, the device, and what is retried.

A new engine is a module with a class, and one `ENGINES.add` below; `tuition run --engine` chooses it by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tuition.base.registry import Registry
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import Step
from tuition.studies.storage.store import Store


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that could not be finished, and why."""

    step: Step
    reason: str


class Watcher(Protocol):
    """Receives the progress of a run; the command line shows a progress bar, a log prints lines."""

    def say(self, text: str) -> None:
        """Something that takes a while has started outside the steps."""

    def begin(self, step: Step) -> None:
        """A step has started; others may still run."""

    def advance(self, step: Step, work: float) -> None:
        """Some more work (in the units of `step_cost`) of a step is done."""

    def end(self, step: Step, seconds: float, summary: str) -> None:
        """A step is finished; `summary` describes its result in a few words."""

    def fail(self, failure: Failure) -> None:
        """A step could not be finished."""


class Engine(Protocol):
    """Runs the pending steps of a plan."""

    def run(self, plan: Plan, store: Store, watcher: Watcher, pending: Sequence[Step]) -> list[Failure]:
        """Run the pending steps, store each when it is finished, and return those that failed."""


ENGINES: Registry[type[Engine]] = Registry("engine", plugins="tuition.engines")
ENGINES.add("local", "tuition.studies.engines.local:LocalEngine")
ENGINES.add("remote", "tuition.studies.engines.remote:RemoteEngine")
