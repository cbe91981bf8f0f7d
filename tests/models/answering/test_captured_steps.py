"""Decoding steps captured and replayed, on a tape of torch's operations that stands for a CUDA graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.models.answering.test_answer_many import TOGETHER, answers, requests
from tests.models.answering.test_answering_with_adapters import SLOTS, asked, trained
from tests.models.architectures import build
from tuition.models.adapters import AdapterBank
from tuition.models.answering import lane_model
from tuition.models.answering.answer_many import answer_many
from tuition.models.graphs import Run, StepGraphs, Tensors
from tuition.models.tuners import make_tuner


class Tape(TorchDispatchMode):
    """Records operations with the very tensors they read and write; what they change is put back after recording."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a captured step reads nothing back")
        for argument, value in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write and id(value) not in self.before:
                self.before[id(value)] = (value, value.clone())
        out = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, out))
        return out

    def put_back(self) -> None:
        for value, before in self.before.values():
            value.copy_(before)

    def replay(self) -> None:
        for func, args, kwargs, out in self.operations:
            memory = {
                value.untyped_storage().data_ptr() for value in tree_leaves(args) if isinstance(value, torch.Tensor)
            }
            new = func(*args, **kwargs)
            for into, value in zip(tree_leaves(out), tree_leaves(new), strict=True):
                if isinstance(into, torch.Tensor) and into.untyped_storage().data_ptr() not in memory:
                    into.copy_(value)


class TapeCapture:
    """Captures on tapes."""

    def __init__(self) -> None:
        self.replays = 0

    def warm_up(self, run: Run) -> Tensors:
        return run()

    def capture(self, run: Run) -> tuple[Callable[[], None], Tensors]:
        tape = Tape()
        with tape:
            written = run()
        tape.put_back()

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return replay, written


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> TapeCapture:
    one = TapeCapture()
    monkeypatch.setattr(lane_model, "StepGraphs", functools.partial(StepGraphs, capture=one, warm_ups=1))
    return one


@pytest.mark.parametrize("architecture", TOGETHER)
def test_replayed_steps_give_the_same_answers(architecture: str, capture: TapeCapture) -> None:
    model = build(architecture).eval()
    with pytest.MonkeyPatch.context() as plain:
        plain.setattr(lane_model, "StepGraphs", StepGraphs)
        wanted = answers(answer_many(model, requests(model), rows=6))
    assert not capture.replays
    assert answers(answer_many(model, requests(model), rows=6)) == wanted
    assert capture.replays > 5


def test_replayed_steps_follow_adapters_that_change_lanes(capture: TapeCapture, tmp_path: Path) -> None:
    base = build("llama").eval()
    for slot in range(SLOTS):
        trained("lora", tmp_path / str(slot), "llama", slot)
    with AdapterBank(base, make_tuner("lora"), SLOTS) as bank:
        for slot in range(SLOTS):
            bank.load(slot, tmp_path / str(slot))
        with pytest.MonkeyPatch.context() as plain:
            plain.setattr(lane_model, "StepGraphs", StepGraphs)
            wanted = answers(answer_many(base, asked([2, 0, 1]), bank=bank, rows=5))
        assert answers(answer_many(base, asked([2, 0, 1]), bank=bank, rows=5)) == wanted
    assert capture.replays > 5
