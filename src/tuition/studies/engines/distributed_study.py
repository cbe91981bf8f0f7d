"""Several processes running one study: the first plans, writes and prints; the others do their part of each step.

`accelerate launch` and `torchrun` start the same command in every process. The first runs it as if it were alone; it
sends the others the study, and then one step after another, so that all of them run the same steps.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from tuition.base.errors import UserError
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import Step
from tuition.studies.spec.study import parse_study
from tuition.studies.storage.finished_steps import with_stored
from tuition.studies.storage.store import Store

if TYPE_CHECKING:
    from tuition.studies.engines.worker import Worker
    from tuition.training.distributed import Group

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def run_distributed(work: Callable[[], int]) -> int:
    """Run a command's work in the first process, and its steps in all processes; return the exit code.

    In a process that no launcher started, this only calls `work`.

    Raises:
        UserError: `work` raises one; the launcher requests something unsupported; or another process has ended.
    """
    if not os.environ.get("MASTER_PORT"):
        return work()
    from tuition.training.distributed import ProcessLostError, join, leave

    group = join()
    if group.size == 1:
        return work()
    if not group.first:
        code = _follow(group)
    else:
        try:
            code = work()
        except ProcessLostError:
            raise
        except Exception:
            group.broadcast({"end": True})
            raise
        group.broadcast({"end": True})
    leave()
    return code


def begin_plan(group: Group, plan: Plan, store: Store, pending: Sequence[Step]) -> None:
    """Send the other processes the study and the pending steps, and wait until they are ready.

    Raises:
        UserError: one of them cannot read the tasks or the folder of results, or finds other tasks there.
    """
    if group.size == 1:
        return
    group.broadcast(
        {
            "study": plan.spec.model_dump_json(),
            "model": plan.model_identity,
            "precision": plan.precision,
            "folder": str(store.folder.resolve()),
            "stored": dict(plan.stored),
            "pending": [step.key for step in pending],
        }
    )
    group.finish()


def begin_step(group: Group, step: Step) -> None:
    """Send the other processes the next step's key; only the first process runs heuristics."""
    if group.size > 1 and step.uses_model:
        group.broadcast({"step": step.key})


def in_step(group: Group, step: Step, run: Callable[[], _T]) -> _T:
    """Run this process's part of a step and wait for the others; a failure in one process is a failure in all.

    Raises:
        PeerFailedError: another process failed.
        ProcessLostError: another process has ended.
    """
    from tuition.training.distributed import PeerFailedError, ProcessLostError

    if not step.uses_model:
        return run()
    try:
        done = run()
    except (PeerFailedError, ProcessLostError):
        raise
    except UserError as error:
        group.fail(str(error))
        raise
    except Exception as error:
        group.fail(f"{type(error).__name__}: {error}")
        raise
    group.finish()
    return done


def _follow(group: Group) -> int:
    """Run the steps that the first process sends until it ends; return this process's exit code."""
    from tuition.training.distributed import ProcessLostError

    steps: dict[str, Step] = {}
    worker: Worker | None = None
    while True:
        try:
            message = group.broadcast({})
            if "end" in message:
                return 0  # the first process has the exit code of the run
            if "study" in message:
                worker, steps = _prepare(group, message)
            elif worker is not None:
                _take_part(group, worker, steps[message["step"]])
        except ProcessLostError as error:
            _log.error("process %d: %s", group.rank, error)  # the first one may not know why
            return 1
        except KeyboardInterrupt:
            return 1  # all were stopped together; the first process reports it
        except Exception:  # noqa: S112
            continue  # all processes know already; the first continues with the next step, or ends


def _take_part(group: Group, worker: Worker, step: Step) -> None:
    in_step(group, step, lambda: worker.run(step, lambda work: None))


class _Paths(Store):
    """The paths in a store's folder, for processes that read what the first one stores; its database stays closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def _prepare(group: Group, message: dict[str, Any]) -> tuple[Worker, dict[str, Step]]:
    from tuition.studies.engines.worker import Worker  # it loads torch

    try:
        folder = Path(message["folder"])
        if not folder.is_dir():
            raise UserError(f"{folder}: does not exist on this machine; all machines must share the results' folder")
        spec = parse_study(orjson.loads(message["study"]), folder / "study.json")
        plan = make_plan(spec, model_identity=message["model"], precision=message["precision"])
        steps = {step.key: step for step in with_stored(plan, message["stored"], _Paths(folder)).work}
        if missing := [key for key in message["pending"] if key not in steps]:
            raise UserError(
                f"{len(missing)} steps differ from those of process 0; do all machines have the same tasks?"
            )
    except Exception as error:
        group.fail(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
        raise
    group.finish()
    return Worker(spec.model, plan.precision, _Paths(folder), lambda text: None, group), steps
