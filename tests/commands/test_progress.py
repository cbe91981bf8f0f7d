"""Progress moves within long steps, on a terminal and off it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tuition.commands.progress import RunProgress
from tuition.studies.engines import Failure
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.plan import make_plan
from tuition.studies.planning.steps import EvaluateStep, Step
from tuition.studies.run import Progress
from tuition.studies.spec.study import StudySpec


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steps(tiny_study: Callable[..., StudySpec]) -> list[Step]:
    """The steps of the tiny study."""
    return list(make_plan(tiny_study(), model_identity="m", precision="float32").work)


def watched(steps: list[Step], *, terminal: bool) -> tuple[RunProgress, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    progress = RunProgress(Console(file=out, force_terminal=terminal, width=160), clock)
    progress.expect(Progress(0, 0.0, len(steps), sum(step_cost(step) for step in steps)))
    return progress, clock, out


def drawn(progress: RunProgress) -> str:
    """What the bar shows now on a terminal of usual width."""
    out = io.StringIO()
    Console(file=out, width=80).print(progress._bar.get_renderable())
    return out.getvalue()


def test_the_bar_moves_and_says_what_is_left_within_one_step(steps: list[Step]) -> None:
    progress, clock, _ = watched(steps, terminal=True)
    judged = next(step for step in steps if isinstance(step, EvaluateStep))
    progress.begin(judged)
    assert f"step 1/{len(steps)}, 0%" in drawn(progress)
    before = progress._bar.tasks[0].completed
    clock.now = 30
    progress.advance(judged, step_cost(judged) / 4)
    shown = drawn(progress)
    assert f"step 1/{len(steps)}, 25%" in shown
    assert re.search(r"about \d+ (s|min) left", shown)
    assert len(shown.splitlines()) == 1
    assert progress._bar.tasks[0].completed > before


def test_the_bar_is_full_when_all_steps_are_finished(steps: list[Step]) -> None:
    progress, _, _ = watched(steps, terminal=True)
    for step in steps:
        progress.begin(step)
        progress.advance(step, step_cost(step) * 2)  # a step may be more work than was thought
        progress.end(step, 1.0, "")
    assert progress._bar.tasks[0].finished


def test_off_a_terminal_a_long_step_prints_a_line_a_minute(steps: list[Step]) -> None:
    progress, clock, out = watched(steps, terminal=False)
    progress.begin(steps[0])
    for _ in range(8):
        clock.now += 20
        progress.advance(steps[0], step_cost(steps[0]) / 10)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert len(lines) == 2
    assert lines[0].startswith(f"[0/{len(steps)}] evaluate ")
    assert "30% of this step, about" in lines[0]
    assert "60% of this step" in lines[1]
    progress.end(steps[0], 160.0, "rouge_l 1.0")
    assert f"[1/{len(steps)}]" in out.getvalue()


def test_a_short_step_prints_one_line_off_a_terminal(steps: list[Step]) -> None:
    progress, clock, out = watched(steps, terminal=False)
    progress.begin(steps[0])
    for _ in range(50):
        clock.now += 1
        progress.advance(steps[0], step_cost(steps[0]) / 50)
    progress.end(steps[0], 50.0, "rouge_l 1.0")
    assert len(out.getvalue().splitlines()) == 1


def test_a_failed_step_leaves_the_work_that_is_left(steps: list[Step]) -> None:
    progress, _, out = watched(steps, terminal=True)
    progress.begin(steps[0])
    progress.advance(steps[0], step_cost(steps[0]) / 2)
    progress.fail(Failure(steps[0], "it broke"))
    for step in steps[1:]:
        progress.begin(step)
        progress.end(step, 1.0, "")
    assert progress._bar.tasks[0].finished
    assert "it broke" in out.getvalue()


def test_several_steps_at_once_are_counted_together_and_end_one_by_one(steps: list[Step]) -> None:
    progress, clock, out = watched(steps, terminal=True)
    first, second, *others = steps
    progress.begin(first)
    progress.begin(second)
    clock.now = 30
    progress.advance(first, step_cost(first))
    assert f"steps 1-2/{len(steps)}, {100 * step_cost(first) / (step_cost(first) + step_cost(second)):.0f}%" in drawn(
        progress
    )
    assert "evaluate 2 models" in drawn(progress)
    progress.end(first, 30.0, "")
    assert f"step 2/{len(steps)}, 0%" in drawn(progress)
    progress.fail(Failure(second, "it broke"))
    assert "it broke" in out.getvalue()
    for step in others:
        progress.begin(step)
        progress.end(step, 1.0, "")
    assert progress._bar.tasks[0].finished


def test_a_run_reports_to_it_more_often_than_steps_end(tiny_study: Callable[..., StudySpec], tmp_path: Path) -> None:
    from tests.studies.conftest import Listener
    from tuition.studies.run import plan_study, run_plan
    from tuition.studies.storage.store import open_store

    calls: list[float] = []

    class Counting(Listener):
        def advance(self, step: Step, work: float) -> None:
            calls.append(work)

    listener = Counting()
    with open_store(tmp_path) as store:
        plan = plan_study(tiny_study(labels=[0], judge={"test": 6, "validation": 2, "new_tokens": 12}), listener)
        run_plan(plan, store, listener)
    assert len(listener.ended) == 2
    assert len(calls) > 2 * 4  # all 6 rows of a step are answered in one batch
    assert sum(calls) == pytest.approx(sum(step_cost(step) for step in plan.work))
