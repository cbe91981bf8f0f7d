"""What the encodings of a study ask for and its tasks do not have, said before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tuition.prompts.missing_fields import lacking
from tuition.prompts.types import Encoding
from tuition.studies.planning.steps import Step, TrainStep
from tuition.studies.results import PROBE_MARK
from tuition.tasks import Task


def missing_field_notes(steps: Iterable[Step]) -> list[str]:
    """Return a sentence for each encoding that asks for what some of its tasks lack, with the number of these tasks."""
    tasks: dict[Encoding, dict[str, Task]] = {}
    for step in steps:
        if isinstance(step, TrainStep) or not step.heuristic:
            tasks.setdefault(step.encoding, {}).update((task.name, task) for task in _tasks(step))
    notes = []
    for encoding, own in tasks.items():
        counts: dict[str, int] = {}
        for task in own.values():
            for lacks in lacking(task, encoding):
                counts[lacks] = counts.get(lacks, 0) + 1
        if counts:
            notes.append(_note(encoding.name, counts, len(own)))
    return notes


def _tasks(step: Step) -> Iterator[Task]:
    if isinstance(step, TrainStep):
        yield from (task_batch.task for task_batch in step.task_batches)
    elif PROBE_MARK not in step.arm:  # a probe takes from a task what the encoding asks for, on purpose
        yield step.task


def _note(name: str, counts: dict[str, int], tasks: int) -> str:
    (first, number), *others = counts.items()
    are = f"{number} of {tasks} tasks have" if tasks > 1 else "the task has"
    told = [f"{are} {first}", *(f"{n} have {lacks}" if tasks > 1 else lacks for lacks, n in others)]
    return f"the encoding “{name}” asks for what tasks lack, and its prompts leave it out: {', '.join(told)}"
