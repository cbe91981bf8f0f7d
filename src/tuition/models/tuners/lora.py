"""LoRA (Hu et al. 2022) through `peft`: low-rank updates beside frozen weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from tuition.base.errors import UserError
from tuition.base.seeds import derive_seed


@dataclass(frozen=True, slots=True)
class LoRA:
    """Low-rank updates of every linear layer but the output's.

    `rank` is r and `alpha` the scale's numerator of the paper's section 4.1; there is no dropout, so that sharing a
    prefix stays exact. `modules` names the layers that learn, or `all-linear`.
    """

    rank: int = 16
    alpha: int = 32
    modules: str = "all-linear"

    def attach(self, base: nn.Module, seed: int) -> nn.Module:
        """Return `base` with fresh low-rank updates drawn from `seed`; its own weights are frozen.

        Raises:
            UserError: the model has no layers of that name.
        """
        modules: Any = self.modules if self.modules == "all-linear" else self.modules.split(",")
        config = LoraConfig(
            r=self.rank, lora_alpha=self.alpha, lora_dropout=0.0, target_modules=modules, task_type="CAUSAL_LM"
        )
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(derive_seed("adapter", seed))
            try:
                # The updates take the base's precision; the trainer keeps their fp32 masters.
                tuned: nn.Module = get_peft_model(base, config, autocast_adapter_dtype=False)
            except ValueError as error:
                raise UserError(f"LoRA cannot be attached: {error}") from error
        return tuned

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write the updates as peft's own adapter folder."""
        tuned.save_pretrained(str(folder))  # type: ignore[operator]

    def load(self, base: nn.Module, folder: Path) -> nn.Module:
        """Return `base` with the updates from `folder`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuned: nn.Module = PeftModel.from_pretrained(base, str(folder), autocast_adapter_dtype=False)
        return tuned.eval()

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Take the updates off; the base's own weights were never touched."""
        base: nn.Module = tuned.unload()  # type: ignore[operator]
        for parameter in base.parameters():
            parameter.requires_grad_(True)
        return base
