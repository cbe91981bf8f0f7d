"""IA³ (Liu et al. 2022, T-Few) through `peft`: trained scales of keys, values and feed-forward activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from peft import IA3Config, PeftConfig
from torch import nn

from tuition.base.errors import UserError
from tuition.models.seq2seq import is_encoder_decoder
from tuition.models.tuners.adapter import Adapter, packed


@dataclass(frozen=True, slots=True)
class IA3(Adapter):
    """One trained factor per channel of keys, values and the feed-forward layer; all start at 1, nothing is random.

    `modules` names the layers whose outputs are scaled and `feedforward` those whose inputs are, separated by commas;
    where they are empty, peft chooses for the architecture.
    """

    modules: str = ""
    feedforward: str = ""
    title: ClassVar[str] = "IA³"
    fits_four_bits: ClassVar[bool] = False
    recipe: ClassVar[str] = "small-data-ia3"

    def config(self, model: nn.Module) -> PeftConfig:
        """Return the scales' configuration.

        Raises:
            UserError: only one of `modules` and `feedforward` is given, or the model has four-bit weights: with these,
                peft's scales give keys and values in another precision than queries.
        """
        if packed(model):
            raise UserError("IA³ does not work with four-bit weights; use lora or prompt, or precision bfloat16")
        if bool(self.modules) != bool(self.feedforward):
            raise UserError("the tuner 'ia3': give `modules` and `feedforward` together, or neither")
        feedforward = self.feedforward.split(",")
        named: dict[str, Any] = {}
        if self.modules:
            named = {"target_modules": [*self.modules.split(","), *feedforward], "feedforward_modules": feedforward}
        return IA3Config(task_type="SEQ_2_SEQ_LM" if is_encoder_decoder(model) else "CAUSAL_LM", **named)
