"""CUDA graphs by shape: a step that is run many times is recorded once a shape and then launched as a whole.

A training or decoding step of a small model is thousands of kernels that take less time to run than to launch. A graph
launches them together. Where a device has no graphs, or a step cannot be captured, the step runs as it is, and the
reason is kept for the run's record.

    graphs = StepGraphs(step, device)
    (loss,) = graphs(ids=ids, positions=positions)
    graphs.summary()  # "graphs: 36 of 40 steps replayed, shapes captured: 2"
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch

_log = logging.getLogger(__name__)

Tensors: TypeAlias = tuple[torch.Tensor, ...]
Run: TypeAlias = Callable[[], Tensors]

GRAPHS_VARIABLE = "TUITION_CUDA_GRAPHS"
"""The environment variable that turns graphs off, by `0` or `off`."""


class Capture(Protocol):
    """How a device records a step."""

    def warm_up(self, run: Run) -> Tensors:
        """Run a step where it will be captured, so that libraries allocate and choose what they need before."""

    def capture(self, run: Run) -> tuple[Callable[[], None], Tensors]:
        """Record a step without running it; return what runs it, and the tensors that it will write.

        Raises:
            RuntimeError: the step cannot be recorded. The device can be used as before.
        """


class CudaCapture:
    """CUDA graphs that share one pool of memory, captured on one side stream."""

    def __init__(self, device: torch.device) -> None:
        """Nothing is allocated before the first capture."""
        self._device = device
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, run: Run) -> Tensors:
        """Run a step on the side stream, between what was and what will be launched on the current one."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            written = run()
        current.wait_stream(self._stream)
        return written

    def capture(self, run: Run) -> tuple[Callable[[], None], Tensors]:
        """Record a step.

        Other threads may allocate pinned memory meanwhile, hence `thread_local`.
        """
        at = torch.cuda.current_device() if self._device.index is None else self._device.index
        generator = torch.cuda.default_generators[at]
        random = generator.get_state()
        graph = torch.cuda.CUDAGraph()
        try:
            # torch.cuda.graph does not leave its stream when the end of a capture fails; the outer context does.
            with (
                torch.cuda.stream(self._stream),
                torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"),
            ):
                written = run()
        except RuntimeError:
            # A failed capture leaves the generator waiting for its end, and all later random numbers would fail.
            with contextlib.suppress(RuntimeError):
                fresh = torch.Generator(device=generator.device)
                fresh.set_state(random)
                generator.graphsafe_set_state(fresh)
            raise
        return graph.replay, written


def capture_for(device: torch.device) -> tuple[Capture | None, str]:
    """Return how steps are captured on `device`, or None and the reason why they are not."""
    if os.environ.get(GRAPHS_VARIABLE, "").strip().lower() in ("0", "off", "false", "no"):
        return None, f"{GRAPHS_VARIABLE} turns graphs off"
    if device.type != "cuda":
        return None, f"a device of type {device.type} has no CUDA graphs"
    if torch.version.hip is not None:
        return None, "graphs are not used on ROCm, where they have not been tested"
    if torch.cuda.get_device_capability(device) < (7, 0):
        return None, f"{torch.cuda.get_device_name(device)} is older than compute capability 7.0"
    return CudaCapture(device), ""


@dataclass(slots=True)
class _Shape:
    """What is kept of one shape: buffers that inputs are copied into, and its graph once there is one."""

    buffers: dict[str, torch.Tensor]
    warm: int = 0
    replay: Callable[[], None] | None = None
    written: Tensors = field(default=())


class StepGraphs:
    """A step function, captured once for each shape of its inputs and replayed afterwards.

    The first `warm_ups` calls of a shape run the step itself: they do real work, so nothing is run twice. The call
    after them captures the step and replays it. With inputs of more than `most` shapes the least recently used graph is
    dropped. After a capture that fails no further one is tried; `reason` says why.
    """

    def __init__(
        self,
        step: Callable[..., Tensors],
        device: torch.device,
        *,
        capture: Capture | None = None,
        warm_ups: int = 2,
        most: int = 16,
    ) -> None:
        """Prepare to run `step` on `device`.

        Args:
            step: takes tensors by keyword, returns a tuple of new tensors. Called with the same shapes it must launch
                the same operations, read nothing back from the device, and keep its state (weights, gradients, caches)
                in tensors that stay where they are. Changes to Python objects are not repeated by a replay.
            device: where the inputs are needed.
            capture: how to record; what `capture_for` finds, by default.
            warm_ups: at least 1, calls of a shape before it is captured.
            most: shapes that are kept.
        """
        self._step, self._device, self._warm_ups, self._most = step, device, max(1, warm_ups), most
        self._capture, self.reason = (capture, "") if capture is not None else capture_for(device)
        self._shapes: OrderedDict[Hashable, _Shape] = OrderedDict()
        self.captured = self.replayed = self.calls = 0

    def __call__(self, key: Hashable = None, /, **inputs: torch.Tensor) -> Tensors:
        """Run the step on `inputs`, which may be on the host (pinned, so that the copy does not wait).

        Args:
            key: what else the step depends on than the shapes of its inputs.
            inputs: the step's tensors.

        Returns:
            What the step returns; of a replay, copies, which the next one does not overwrite.
        """
        self.calls += 1
        if self._capture is None:
            return self._step(**{name: value.to(self._device, non_blocking=True) for name, value in inputs.items()})
        shape = self._shape(key, inputs)
        for name, value in inputs.items():
            shape.buffers[name].copy_(value, non_blocking=True)
        if shape.replay is None and shape.warm < self._warm_ups:
            shape.warm += 1
            return self._capture.warm_up(lambda: self._step(**shape.buffers))
        if shape.replay is None and not self._captures(shape):
            return self._step(**shape.buffers)
        assert shape.replay is not None  # noqa: S101 - for the type checker
        shape.replay()
        self.replayed += 1
        return tuple(tensor.clone() for tensor in shape.written)

    def _shape(self, key: Hashable, inputs: dict[str, torch.Tensor]) -> _Shape:
        whole = (key, torch.is_grad_enabled(), *((name, value.shape, value.dtype) for name, value in inputs.items()))
        shape = self._shapes.pop(whole, None)
        if shape is None:
            if len(self._shapes) >= self._most:
                self._shapes.popitem(last=False)
            # Ordinary tensors, which can be written to outside inference mode too.
            with torch.inference_mode(mode=False):
                buffers = {
                    name: torch.empty(value.shape, dtype=value.dtype, device=self._device)
                    for name, value in inputs.items()
                }
            shape = _Shape(buffers)
        self._shapes[whole] = shape
        return shape

    def _captures(self, shape: _Shape) -> bool:
        """Record the step for a shape; where that fails, give up on graphs and say why."""
        assert self._capture is not None  # noqa: S101 - for the type checker
        try:
            shape.replay, shape.written = self._capture.capture(lambda: self._step(**shape.buffers))
        except RuntimeError as error:
            self.reason = f"the capture failed: {_first_line(error)}"
            _log.info("steps are run without CUDA graphs: %s", self.reason)
        if shape.replay is None:  # outside the handler, whose traceback would keep the failed step's tensors alive
            self._capture = None
            self._shapes = OrderedDict()
            return False
        self.captured += 1
        return True

    def forget(self) -> None:
        """Drop all graphs and their memory, as after memory ran out or when weights moved."""
        self._shapes = OrderedDict()

    def close(self) -> None:
        """Drop the graphs and the step, whose owner may own this: the memory of both is free at once."""
        self.forget()
        self._step = _closed

    def summary(self) -> str:
        """Return what was done in a line, for the run's record."""
        if self.reason and not self.replayed:
            return f"no graphs: {self.reason}"
        ended = f"; then none: {self.reason}" if self.reason else ""
        return f"graphs: {self.replayed} of {self.calls} steps replayed, shapes captured: {self.captured}{ended}"


def _closed(**inputs: torch.Tensor) -> Tensors:
    raise RuntimeError(f"these graphs are closed; nothing is run on {', '.join(inputs)}")


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
