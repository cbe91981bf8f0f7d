"""LoRA (Hu et al. 2022) through `peft`: low-rank updates added to frozen weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from peft import LoraConfig, PeftConfig
from torch import nn

from tuition.models.seq2seq import is_encoder_decoder
from tuition.models.tuners.adapter import Adapter


@dataclass(frozen=True, slots=True)
class LoRA(Adapter):
    """Low-rank updates of every linear layer but the output's.

    `rank` is r and `alpha` the scale's numerator in the paper's section 4.1; there is no dropout, so that prefix
    sharing is exact. `modules` names the layers that are adapted, separated by commas, or `all-linear`.
    """

    rank: int = 16
    alpha: int = 32
    modules: str = "all-linear"
    title: ClassVar[str] = "LoRA"

    def config(self, model: nn.Module) -> PeftConfig:
        """Return the low-rank updates' configuration."""
        modules: Any = self.modules if self.modules == "all-linear" else self.modules.split(",")
        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=0.0,
            target_modules=modules,
            task_type="SEQ_2_SEQ_LM" if is_encoder_decoder(model) else "CAUSAL_LM",
        )
