"""Tuners: which weights of a model learn, one file each, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tuition.base.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


class Tuner(Protocol):
    """Prepares a base model for learning, stores what was learnt, and gives the base back as it was."""

    def attach(self, base: nn.Module, seed: int) -> nn.Module:
        """Return a module whose trainable parameters are this tuner's, drawn from `seed`."""

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write what was learnt into `folder` as safetensors and JSON."""

    def load(self, base: nn.Module, folder: Path) -> nn.Module:
        """Return `base` with what `save` wrote, ready to answer."""

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Return the base model as it was before `attach` or `load`."""


TUNERS: Registry[type[Tuner]] = Registry("tuner")
TUNERS.add("lora", "tuition.models.tuners.lora:LoRA")
TUNERS.add("full", "tuition.models.tuners.full:Full")
