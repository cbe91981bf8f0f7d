"""Full tuning: every weight learns; the base's own weights are kept aside to be given back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model
from torch import nn

_WEIGHTS = "weights.safetensors"


@dataclass(slots=True)
class Full:
    """All parameters learn. Memory for one copy of the weights is the price of giving the base back unchanged."""

    _aside: dict[str, torch.Tensor] = field(default_factory=dict)

    def attach(self, base: nn.Module, seed: int) -> nn.Module:
        """Return `base` itself with every parameter trainable; nothing is drawn, so `seed` decides nothing."""
        del seed
        self._aside = {name: value.detach().clone() for name, value in base.state_dict().items()}
        for parameter in base.parameters():
            parameter.requires_grad_(True)
        return base

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write all weights."""
        folder.mkdir(parents=True, exist_ok=True)
        save_model(tuned, str(folder / _WEIGHTS))

    def load(self, base: nn.Module, folder: Path) -> nn.Module:
        """Return `base` with the weights from `folder`."""
        self._aside = {name: value.detach().clone() for name, value in base.state_dict().items()}
        load_model(base, str(folder / _WEIGHTS))
        return base.eval()

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Put the base's own weights back."""
        tuned.load_state_dict(self._aside)
        self._aside = {}
        return tuned
