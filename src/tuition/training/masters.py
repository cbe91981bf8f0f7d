"""AdamW with fp32 masters: weights that compute in bfloat16 are updated in fp32, where small steps are not lost."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from tuition.models.recipes import Recipe


class MasterAdamW:
    """AdamW over fp32 copies of the trainable parameters; fp32 parameters serve as their own masters."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], recipe: Recipe) -> None:
        """Copy what needs copying; the copies live as long as the optimiser."""
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._masters = [
            parameter if parameter.dtype == torch.float32 else parameter.detach().float().requires_grad_(True)
            for parameter in self.parameters
        ]
        self._adamw = torch.optim.AdamW(
            self._masters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.999)
        )

    def step(self, learning_rate: float, max_gradient_norm: float) -> float:
        """Clip the gradients, take one step, clear them; return their norm before clipping."""
        for parameter, master in zip(self.parameters, self._masters, strict=True):
            if master is not parameter and parameter.grad is not None:
                master.grad = parameter.grad.float()
        norm = float(torch.nn.utils.clip_grad_norm_(self._masters, max_gradient_norm))
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        with torch.no_grad():
            for parameter, master in zip(self.parameters, self._masters, strict=True):
                if master is not parameter:
                    parameter.copy_(master)
                    master.grad = None
                parameter.grad = None
        return norm
