"""Several processes at one study: the first plans, writes and prints; the others do their part of each step it names.

`accelerate launch` and `torchrun` start the same command in every process. The first runs it as if it were alone; the
others are told the study, and then one step after another, so that all of them agree on what is to be done.
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
    """Run a command's work in the first process, and the steps that it names in all; return the exit code.

    In a process that no launcher started, this only calls `work`.

    Raises:
        UserError: the work's own; the launcher asks for what is not done here; or another process is gone.
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
    """Tell the other processes what is to be done, and wait until they are ready.

    Raises:
        UserError: one of them cannot read the tasks or the folder of results, or reads others.
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
    """Tell the other processes which step is next; heuristics are the first one's alone."""
    if group.size > 1 and step.uses_model:
        group.broadcast({"step": step.key})


def in_step(group: Group, step: Step, run: Callable[[], _T]) -> _T:
    """Run this process's part of a step and end it together; what fails in one process fails in all.

    Raises:
        PeerFailedError: another process failed.
        ProcessLostError: another process is gone.
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
    """Do what the first process says until it ends; return this process's exit code."""
    from tuition.training.distributed import ProcessLostError

    steps: dict[str, Step] = {}
    worker: Worker | None = None
    while True:
        try:
            told = group.broadcast({})
            if "end" in told:
                return 0  # the first process's exit code speaks for all
            if "study" in told:
                worker, steps = _prepared(group, told)
            elif worker is not None:
                _take_part(group, worker, steps[told["step"]])
        except ProcessLostError as error:
            _log.error("process %d: %s", group.rank, error)  # the first one may not know why
            return 1
        except KeyboardInterrupt:
            return 1  # all were stopped together; the first process says so
        except Exception:  # noqa: S112
            continue  # told to all already; the first process goes on with the next step, or ends


def _take_part(group: Group, worker: Worker, step: Step) -> None:
    in_step(group, step, lambda: worker.run(step, lambda work: None))


class _Places(Store):
    """The places in a store's folder, for processes that read what the first one keeps; its database stays closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def _prepared(group: Group, told: dict[str, Any]) -> tuple[Worker, dict[str, Step]]:
    from tuition.studies.engines.worker import Worker  # it loads torch

    try:
        folder = Path(told["folder"])
        if not folder.is_dir():
            raise UserError(f"{folder}: is not there on this machine; all machines must share the results' folder")
        spec = parse_study(orjson.loads(told["study"]), folder / "study.json")
        plan = make_plan(spec, model_identity=told["model"], precision=told["precision"])
        steps = {step.key: step for step in with_stored(plan, told["stored"], _Places(folder)).work}
        if missing := [key for key in told["pending"] if key not in steps]:
            raise UserError(f"{len(missing)} steps are not those of process 0; do all machines hold the same tasks?")
    except Exception as error:
        group.fail(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
        raise
    group.finish()
    return Worker(spec.model, plan.precision, _Places(folder), lambda text: None, group), steps
