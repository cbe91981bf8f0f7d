"""The local engine: all steps in this process, in order, on one warm model."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial

from tuition.base.errors import UserError
from tuition.evaluation.remote import is_remote
from tuition.studies.engines import Failure, Watcher
from tuition.studies.engines.distributed_study import begin_plan, begin_step, in_step
from tuition.studies.engines.worker import Worker
from tuition.studies.planning.estimate import estimate
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import Step
from tuition.studies.storage.store import Store
from tuition.training.distributed import Group, ProcessLostError, current

_log = logging.getLogger(__name__)


class LocalEngine:
    """Runs steps one after another; one that fails takes down only those that need its result."""

    def run(self, plan: Plan, store: Store, watcher: Watcher, pending: Sequence[Step]) -> list[Failure]:
        """Run the pending steps, keep each when it is finished, and return those that failed.

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
            watcher.say(f"{group.size} processes learn and answer together{how}")
        if any(step.uses_model for step in pending):
            watcher.say(str(estimate(pending, worker.loaded, plan.precision)))
        failed: dict[str, Failure] = {}
        for step in pending:
            lacking = any(key in failed for key in step.needs)
            failure = Failure(step, "its training failed") if lacking else _attempt(worker, step, watcher, group)
            if failure is not None:
                failed[step.key] = failure
                watcher.fail(failure)
        return list(failed.values())


def _attempt(worker: Worker, step: Step, watcher: Watcher, group: Group) -> Failure | None:
    started = time.perf_counter()
    watcher.begin(step)
    begin_step(group, step)
    try:
        told = in_step(group, step, lambda: worker.run(step, partial(watcher.advance, step)))
    except ProcessLostError:
        raise  # no further step could be run either
    except UserError as error:
        return Failure(step, str(error))
    except Exception as error:
        # Whatever one step stumbles over, its neighbours go on; the trace is kept for whoever mends it.
        _log.exception("a step failed")
        return Failure(step, f"{type(error).__name__}: {error}")
    watcher.end(step, time.perf_counter() - started, told)
    return None
