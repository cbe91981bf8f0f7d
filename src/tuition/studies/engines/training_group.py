"""Training steps at once on one base model: each has an adapter of its own, and ends on its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from tuition.base.errors import UserError
from tuition.models.tuners import make_tuner
from tuition.studies.engines.training_step import PreparedTraining
from tuition.studies.engines.worker import Worker
from tuition.studies.planning.steps import Step, TrainStep
from tuition.training import TrainingLog
from tuition.training.checkpoints import Checkpoint
from tuition.training.many_adapters import AdapterRun, Save, train_together, why_alone

_log = logging.getLogger(__name__)


class Report(Protocol):
    """Receives what becomes of each step of a group."""

    def begin(self, step: Step) -> None:
        """A step has begun."""

    def advance(self, step: Step, work: float) -> None:
        """So much work (in the units of `step_cost`) has been done for a step."""

    def end(self, step: Step, seconds: float, summary: str) -> None:
        """A step is finished and stored; `seconds` is its share of the group's time."""

    def fail(self, step: Step, error: Exception) -> None:
        """A step could not be finished."""


class NotTogetherError(Exception):
    """Steps that cannot run at once on this model; its message says why. None of them has begun."""


def train_group(worker: Worker, steps: Sequence[TrainStep], report: Report, most: int) -> None:
    """Train the steps of a group, at most `most` adapters at a time.

    Every step is reported as finished or failed, unless training is interrupted; then its state is kept.

    Raises:
        NotTogetherError: adapters cannot be trained together on this model.
        UserError: the model that the steps build on cannot be restored.
    """
    first = steps[0]
    tuner = make_tuner(first.recipe.tuner, first.recipe.tuner_options)
    with worker.base_restored():
        model, _ = worker.pool.below(worker.links(first.after), tuner, first.start)
        if reason := why_alone(model, first.recipe):
            raise NotTogetherError(reason)
        runs = (run for step in steps for run in _adapter_run(worker, step, report))
        log = train_together(model, runs, slots=min(most, len(steps)))
    worker.say(f"trained {len(steps)} models, up to {log.slots} at once, in {log.passes} passes")
    if log.graphs:
        worker.say_on_cuda(log.graphs)


def _adapter_run(worker: Worker, step: TrainStep, report: Report) -> Iterator[AdapterRun]:
    """Yield the run of a step, prepared when a place is free; none where it cannot be prepared."""
    began = time.perf_counter()
    report.begin(step)
    try:
        prepared = worker.prepare_training(step)
        links = worker.links(step.after)
        checkpoint = Checkpoint(worker.store.checkpoint(step.key))
        batches = prepared.mixed.batches()
    except Exception as error:
        report_failure(report, step, error)
        return
    preparing = time.perf_counter() - began
    share = prepared.instance_cost
    yield AdapterRun(
        prompts=prepared.prompts,
        recipe=step.recipe,
        seed=step.seed,
        finish=partial(_keep_trained, worker, prepared, checkpoint, report, preparing),
        fail=partial(report_failure, report, step),
        batches=batches,
        checkpoint=checkpoint,
        advance=lambda done: report.advance(step, done * share),
        start=links[-1].folder if step.start == "continue" else None,
    )


def _keep_trained(
    worker: Worker,
    prepared: PreparedTraining,
    checkpoint: Checkpoint,
    report: Report,
    preparing: float,
    log: TrainingLog,
    save: Save,
) -> None:
    seconds = preparing + log.seconds
    try:
        summary = prepared.keep(worker.store, log, save, seconds)
        checkpoint.remove()
    except Exception as error:
        report_failure(report, prepared.step, error)
        return
    report.end(prepared.step, seconds, summary)


def report_failure(report: Report, step: Step, error: Exception) -> None:
    """Report a failed step; what is no user's error is logged with its trace."""
    if not isinstance(error, UserError):
        _log.error("a step failed", exc_info=error)
    report.fail(step, error)
