"""The local engine: all steps in this process, on one base model that stays loaded, several adapters at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

from tuition.base.errors import UserError
from tuition.evaluation.remote import is_remote
from tuition.studies.engines import Failure, Watcher
from tuition.studies.engines.distributed_study import begin_plan, begin_step, in_step
from tuition.studies.engines.evaluation_group import evaluate_group
from tuition.studies.engines.grouping import step_groups
from tuition.studies.engines.training_group import NotTogetherError, train_group
from tuition.studies.engines.worker import Worker
from tuition.studies.planning.estimate import estimate
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import EvaluateStep, Step, TrainStep
from tuition.studies.storage.store import Store
from tuition.training.distributed import Group, ProcessLostError, current

_log = logging.getLogger(__name__)

_ADAPTERS_AT_ONCE = {"cuda": 16}
"""Adapters at once by the kind of device, where a study says `auto`; elsewhere one after another.

A prototype on an H200 and an H100 gained little beyond 16 (docs/concepts/many-adapters.md)."""


class LocalEngine:
    """Runs steps in the plan's order, several together where they can; a failed one ends only those that need it."""

    def run(self, plan: Plan, store: Store, watcher: Watcher, pending: Sequence[Step]) -> list[Failure]:
        """Run the pending steps, store each when it is finished, and return those that failed.

        Raises:
            UserError: the model is a remote one.
        """
        if is_remote(plan.spec.model):
            raise UserError(f"the engine 'local' runs models on this machine; {plan.spec.model} needs --engine remote")
        group = current()
        begin_plan(group, plan, store, pending)
        worker = Worker(plan.spec.model, plan.precision, store, watcher.say, group)
        if group.size > 1:
            how = " under FSDP" if group.sharding is not None else ""
            watcher.say(f"{group.size} processes train and answer together{how}")
        most = 1
        if any(step.uses_model for step in pending):
            watcher.say(str(estimate(pending, worker.loaded, plan.precision)))
            most = _at_once(plan, worker) if group.size == 1 else 1
        run = _Run(worker, watcher, group)
        for steps in step_groups(pending, run.failed, most):
            run.group(steps, most)
        return list(run.failed.values())


def _at_once(plan: Plan, worker: Worker) -> int:
    chosen = plan.spec.adapters_at_once
    if chosen != "auto":
        return chosen
    device = next(worker.loaded.model.parameters()).device
    return _ADAPTERS_AT_ONCE.get(device.type, 1)


class _Run:
    """What became of the steps so far; as a report, it receives what becomes of each step of a group."""

    def __init__(self, worker: Worker, watcher: Watcher, processes: Group) -> None:
        self._worker, self._watcher, self._processes = worker, watcher, processes
        self.failed: dict[str, Failure] = {}
        self._done: set[str] = set()
        self._apart: set[str] = set()

    def group(self, steps: Sequence[Step], most: int) -> None:
        """Run steps together if there are several, and each alone that is then neither finished nor failed."""
        if len(steps) > 1:
            self._together(steps, most)
        for step in self._left(steps):
            self._alone(step)

    def begin(self, step: Step) -> None:
        self._watcher.begin(step)

    def advance(self, step: Step, work: float) -> None:
        self._watcher.advance(step, work)

    def end(self, step: Step, seconds: float, summary: str) -> None:
        self._done.add(step.key)
        self._watcher.end(step, seconds, summary)

    def fail(self, step: Step, error: Exception) -> None:
        self._fail(Failure(step, str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"))

    def _fail(self, failure: Failure) -> None:
        self.failed[failure.step.key] = failure
        self._watcher.fail(failure)

    def _left(self, steps: Sequence[Step]) -> Iterator[Step]:
        return (step for step in steps if step.key not in self._done and step.key not in self.failed)

    def _together(self, steps: Sequence[Step], most: int) -> None:
        try:
            if steps[0].kind == "train":
                train_group(self._worker, cast("Sequence[TrainStep]", steps), self, most)
            else:
                evaluate_group(self._worker, cast("Sequence[EvaluateStep]", steps), self)
        except NotTogetherError as error:
            if str(error) not in self._apart:
                self._apart.add(str(error))
                self._watcher.say(f"adapters run one after another here: {error}")
        except Exception as error:
            if not isinstance(error, UserError):
                _log.exception("a group of steps failed")
            self._watcher.say(f"{len(steps)} steps at once failed ({error}); those left run one after another")

    def _alone(self, step: Step) -> None:
        if any(key in self.failed for key in step.needs):
            self._fail(Failure(step, "its training failed"))
            return
        started = time.perf_counter()
        self._watcher.begin(step)
        begin_step(self._processes, step)
        try:
            advance = partial(self._watcher.advance, step)
            summary = in_step(self._processes, step, lambda: self._worker.run(step, advance))
        except ProcessLostError:
            raise  # no further step could be run either
        except Exception as error:
            # Whatever one step fails of, the others continue; the trace is logged for whoever fixes it.
            if not isinstance(error, UserError):
                _log.exception("a step failed")
            self.fail(step, error)
        else:
            self.end(step, time.perf_counter() - started, summary)
