"""A study small enough to train in a test, and a watcher that only listens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.studies.engines import Failure
from tuition.studies.planning.steps import Step
from tuition.studies.spec.study import StudySpec, parse_study


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended: list[Step] = []
        self.failed: list[Failure] = []
        self.work = 0.0

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, step: Step) -> None:
        pass

    def advance(self, step: Step, work: float) -> None:
        self.work += work

    def end(self, step: Step, seconds: float, summary: str) -> None:
        self.ended.append(step)

    def fail(self, failure: Failure) -> None:
        self.failed.append(failure)


def study_text(collection: Path, model: Path, **changes: object) -> dict[str, object]:
    """A study of one task, two arms, budgets 0 and 4, on the tiny model."""
    recipe = {"name": "small-data", "epochs": 1, "min_steps": 2, "batch_size": 4}
    return {
        "study": "tiny",
        "tasks": {"collection": str(collection)},
        "model": str(model),
        "precision": "float32",
        "arms": {
            "without": [{"encoding": "quick-learners-input-only", "recipe": recipe}],
            "with": [{"encoding": "quick-learners", "recipe": recipe}],
        },
        "labels": [0, 4],
        "judge": {"test": 6, "validation": 2, "new_tokens": 4},
        **changes,
    }


@pytest.fixture
def tiny_study(write_task: Callable[..., Path], tiny_model: Path) -> Callable[..., StudySpec]:
    """Return a function that makes the tiny study, with changes."""
    folder = write_task()

    def make(**changes: object) -> StudySpec:
        return parse_study(study_text(folder, tiny_model) | changes, Path("tiny.yaml"))

    return make
