"""Checkpoints: the state of training between two steps; resuming from one gives the same result as never stopping."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tuition.base.errors import UserError
from tuition.base.files import atomic_path, recover
from tuition.training.sharding import whole

_STATE, _FACTS = "state.safetensors", "progress.json"
_RANDOM = "random"


class Resumable(Protocol):
    """An optimiser whose whole state can be read and restored."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that the next step depends on, as named tensors."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Restore what `state` returned."""


@dataclass(slots=True)
class Checkpoint:
    """Where training saves its state, and how often: every `seconds`, and when it is interrupted.

    The folder always contains one complete state or none. Of several processes, one `writes` and all read.
    """

    folder: Path
    seconds: float = 120.0
    writes: bool = True
    _last_saved: float = 0.0

    def begin(self, optimiser: Resumable) -> list[float]:
        """Restore the saved state, if there is one; return the losses of the finished steps.

        Raises:
            UserError: the state cannot be read.
        """
        self._last_saved = time.monotonic()
        if self.writes:
            recover(self.folder)
        if not self.folder.is_dir():
            return []
        try:
            facts = orjson.loads((self.folder / _FACTS).read_bytes())
            state = load_file(self.folder / _STATE)
            torch.set_rng_state(state.pop(_RANDOM))
            optimiser.restore(state)
            losses: list[float] = [float.fromhex(loss) for loss in facts["losses"]]
        except (OSError, SafetensorError, orjson.JSONDecodeError, KeyError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{self.folder}: the checkpoint cannot be used ({error}); remove the folder to train from the start"
            ) from error
        return losses

    def due(self) -> bool:
        """Whether it is time to save the state again."""
        return time.monotonic() - self._last_saved >= self.seconds

    def save(self, optimiser: Resumable, losses: Sequence[float]) -> None:
        """Save the state after `len(losses)` steps, completely or not at all."""
        state: dict[str, torch.Tensor] = {}
        for name, value in optimiser.state().items():
            full = whole(value)
            if self.writes:
                state[name] = full.contiguous().cpu()
        if not self.writes:
            return
        state[_RANDOM] = torch.get_rng_state()
        with atomic_path(self.folder) as made:
            made.mkdir()
            try:
                save_file(state, made / _STATE)
            except SafetensorError as error:
                raise OSError(str(error)) from error
            (made / _FACTS).write_bytes(orjson.dumps({"losses": [loss.hex() for loss in losses]}))
        self._last_saved = time.monotonic()

    def remove(self) -> None:
        """Delete the saved state, since training has finished."""
        shutil.rmtree(self.folder, ignore_errors=True)
