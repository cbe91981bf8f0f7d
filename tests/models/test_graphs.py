"""The logic of capturing by shape, with a stand-in for the device: no GPU is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tuition.models.graphs import GRAPHS_VARIABLE, Run, StepGraphs, Tensors, capture_for

CPU = torch.device("cpu")


class Recorder:
    """Captures like a device: runs nothing while recording, and on replay writes into the tensors of the recording."""

    def __init__(self, *, fails: str = "") -> None:
        self.fails, self.log = fails, []

    def warm_up(self, run: Run) -> Tensors:
        self.log.append("warm")
        return run()

    def capture(self, run: Run) -> tuple[Callable[[], None], Tensors]:
        self.log.append("capture")
        if self.fails:
            raise RuntimeError(f"{self.fails}\nmore lines that nobody needs")
        written: Tensors = (torch.empty(()),)

        def replay() -> None:
            self.log.append("replay")
            for into, value in zip(written, run(), strict=True):
                into.copy_(value)

        return replay, written


def counted(**options: Any) -> tuple[StepGraphs, list[torch.Tensor]]:
    """A step that adds its input to a sum and returns that sum."""
    total = torch.zeros(())

    def step(values: torch.Tensor) -> Tensors:
        total.add_(values.sum())
        return (total,)

    return StepGraphs(step, CPU, **options), [total]


def test_every_call_does_the_steps_work_exactly_once() -> None:
    recorder = Recorder()
    graphs, [total] = counted(capture=recorder, warm_ups=2)
    sums = [float(graphs(values=torch.full((3,), float(at)))[0]) for at in range(1, 6)]
    assert sums == [3, 9, 18, 30, 45]
    assert float(total) == 45
    assert recorder.log == ["warm", "warm", "capture", "replay", "replay", "replay"]
    assert graphs.summary() == "graphs: 3 of 5 steps replayed, shapes captured: 1"


def test_each_shape_dtype_and_key_is_captured_for_itself() -> None:
    recorder = Recorder()
    graphs, _ = counted(capture=recorder, warm_ups=1)
    for _ in range(2):
        graphs(values=torch.ones(2))
        graphs(values=torch.ones(3))
        graphs(values=torch.ones(3, dtype=torch.float64))
        graphs("other", values=torch.ones(3))
    assert graphs.captured == 4


def test_what_was_returned_is_not_overwritten_by_the_next_replay() -> None:
    graphs, _ = counted(capture=Recorder(), warm_ups=1)
    graphs(values=torch.ones(1))
    (first,) = graphs(values=torch.ones(1))
    graphs(values=torch.ones(1))
    assert float(first) == 2


def test_shapes_are_bounded_and_the_least_recently_used_is_dropped() -> None:
    recorder = Recorder()
    graphs, _ = counted(capture=recorder, warm_ups=1, most=2)
    for size in (1, 2, 1, 2):
        graphs(values=torch.ones(size))
    assert graphs.captured == 2
    graphs(values=torch.ones(1))  # now 2 is the older
    graphs(values=torch.ones(3))
    recorder.log.clear()
    graphs(values=torch.ones(1))
    assert recorder.log == ["replay"]
    graphs(values=torch.ones(2))
    assert recorder.log == ["replay", "warm"]


def test_a_capture_that_fails_leaves_the_step_as_it_is_and_the_reason_behind() -> None:
    recorder = Recorder(fails="operation not permitted when stream is capturing")
    graphs, [total] = counted(capture=recorder, warm_ups=1)
    for _ in range(4):
        graphs(values=torch.ones(2))
    assert float(total) == 8
    assert recorder.log == ["warm", "capture"]
    assert graphs.summary() == "no graphs: the capture failed: operation not permitted when stream is capturing"


def test_an_error_of_the_step_itself_is_raised() -> None:
    def step(values: torch.Tensor) -> Tensors:
        raise ValueError(f"cannot take {tuple(values.shape)}")

    with pytest.raises(ValueError, match="cannot take"):
        StepGraphs(step, CPU, capture=Recorder())(values=torch.ones(2))


def test_gradients_are_added_where_they_were_also_by_replays() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.zeros(3)
    at = weight.grad.data_ptr()

    def step(values: torch.Tensor) -> Tensors:
        loss = (weight * values).sum()
        loss.backward()
        return (loss.detach(),)

    graphs = StepGraphs(step, CPU, capture=Recorder(), warm_ups=1)
    for _ in range(4):
        graphs(values=torch.arange(3.0))
    assert weight.grad.tolist() == [0, 4, 8]
    assert weight.grad.data_ptr() == at


def test_buffers_made_in_inference_mode_serve_outside_it() -> None:
    graphs = StepGraphs(lambda values: (values.sum() * 2,), CPU, capture=Recorder(), warm_ups=1)
    with torch.inference_mode():
        graphs(values=torch.ones(1))
    with torch.no_grad():
        assert float(graphs(values=torch.ones(1))[0]) == 2


def test_a_cpu_has_no_graphs_and_says_so() -> None:
    graphs, [total] = counted()
    graphs(values=torch.ones(2))
    assert float(total) == 2
    assert graphs.summary() == "no graphs: a device of type cpu has no CUDA graphs"
    assert capture_for(torch.device("mps"))[1] == "a device of type mps has no CUDA graphs"


def test_graphs_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRAPHS_VARIABLE, "off")
    assert capture_for(torch.device("cuda")) == (None, "TUITION_CUDA_GRAPHS turns graphs off")


def test_graphs_that_are_forgotten_are_captured_again() -> None:
    graphs, _ = counted(capture=Recorder(), warm_ups=1)
    for _ in range(2):
        graphs(values=torch.ones(2))
    graphs.forget()
    for _ in range(2):
        graphs(values=torch.ones(2))
    assert graphs.captured == 2
