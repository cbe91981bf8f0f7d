"""Full fine-tuning: every weight is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from safetensors.torch import load_model, save_model
from torch import nn

_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Full:
    """All parameters are trained in place; the caller keeps a copy of the base's weights."""

    stacks: ClassVar[bool] = False
    changes_base: ClassVar[bool] = True
    fits_four_bits: ClassVar[bool] = False
    recipe: ClassVar[str] = "small-data-full"

    def attach(self, model: nn.Module, seed: int) -> nn.Module:
        """Return `model` itself with every parameter trainable; nothing is random, so `seed` has no effect."""
        del seed
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        return model

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write all weights."""
        folder.mkdir(parents=True, exist_ok=True)
        save_model(tuned, str(folder / _WEIGHTS))

    def load(self, model: nn.Module, folder: Path, *, learning: bool = False) -> nn.Module:
        """Return `model` with the weights from `folder` in place of its own."""
        load_model(model, str(folder / _WEIGHTS))
        return self.attach(model, 0) if learning else model.eval()

    def merge(self, tuned: nn.Module) -> nn.Module:
        """Return the model itself: its own weights are the trained ones."""
        return tuned

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Return the model itself; the caller restores its weights."""
        return tuned
