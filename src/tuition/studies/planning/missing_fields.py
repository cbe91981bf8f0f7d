"""Fields that a study's encodings use and its tasks do not have, reported before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable

from tuition.prompts.missing_fields import lacking
from tuition.prompts.types import Encoding
from tuition.studies.planning.steps import Step
from tuition.studies.results import PROBE_MARK
from tuition.tasks import Task


def missing_field_notes(steps: Iterable[Step]) -> list[str]:
    """Return a sentence for each encoding that uses fields which some of its tasks lack, with the number of tasks."""
    tasks: dict[Encoding, dict[str, Task]] = {}
    for step in steps:
        # A probe removes fields of a task on purpose.
        probe = step.kind == "evaluate" and PROBE_MARK in step.arm
        if step.uses_model and not probe:
            tasks.setdefault(step.encoding, {}).update((task.name, task) for task in step.tasks)
    notes = []
    for encoding, own in tasks.items():
        counts: dict[str, int] = {}
        for task in own.values():
            for lacks in lacking(task, encoding):
                counts[lacks] = counts.get(lacks, 0) + 1
        if counts:
            notes.append(_note(encoding.name, counts, len(own)))
    return notes


def _note(name: str, counts: dict[str, int], tasks: int) -> str:
    (first, number), *others = counts.items()
    are = f"{number} of {tasks} tasks have" if tasks > 1 else "the task has"
    lists = [f"{are} {first}", *(f"{n} have {lacks}" if tasks > 1 else lacks for lacks, n in others)]
    return f"the encoding “{name}” uses fields that tasks lack, and its prompts omit them: {', '.join(lists)}"
