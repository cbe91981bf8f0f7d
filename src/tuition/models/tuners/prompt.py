"""Prompt tuning (Lester et al. 2021; FLAN's Figure 10) through `peft`: trained vectors before every sequence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from peft import PeftConfig, PeftModel, PromptTuningConfig, PromptTuningInit
from torch import nn

from tuition.base.errors import UserError
from tuition.models.seq2seq import is_encoder_decoder
from tuition.models.tuners.adapter import Adapter, free


@dataclass(frozen=True, slots=True)
class PromptTuning(Adapter):
    """`vectors` trained vectors, initialised to the embeddings of random tokens; the model is frozen.

    The vectors are part of the prefix, so sharing it is as exact as for any causal model.
    """

    vectors: int = 20
    title: ClassVar[str] = "prompt tuning"
    stacks: ClassVar[bool] = False
    recipe: ClassVar[str] = "small-data-prompt"

    def config(self, model: nn.Module) -> PeftConfig:
        """Return the soft prompt's configuration."""
        return PromptTuningConfig(
            num_virtual_tokens=self.vectors,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
            task_type="SEQ_2_SEQ_LM" if is_encoder_decoder(model) else "CAUSAL_LM",
            num_transformer_submodules=1,
        )

    def attach(self, model: nn.Module, seed: int) -> nn.Module:
        """Return `model` with a soft prompt initialised from `seed`.

        Raises:
            UserError: the model already has an adapter; a soft prompt cannot be stacked.
        """
        _refuse_stack(model)
        return Adapter.attach(self, model, seed)

    def load(self, model: nn.Module, folder: Path, *, learning: bool = False) -> nn.Module:
        """Return `model` with the soft prompt from `folder`."""
        _refuse_stack(model)
        tuned = Adapter.load(self, model, folder)
        if learning:  # peft loads soft prompts for inference only
            for name, parameter in tuned.named_parameters():
                parameter.requires_grad_("prompt_encoder" in name)
        return tuned

    def merge(self, tuned: nn.Module) -> nn.Module:
        """Refuse: a soft prompt cannot be merged into weights.

        Raises:
            UserError: always.
        """
        raise UserError(
            "a soft prompt cannot be merged into a model's weights; let the next stage train it further "
            "(`start: continue`), or use LoRA, IA³ or full tuning for the earlier stage"
        )

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Remove the soft prompt."""
        prompted: Any = tuned
        return free(prompted.get_base_model())


def _refuse_stack(model: nn.Module) -> None:
    if isinstance(model, PeftModel):
        raise UserError("a soft prompt needs a model without adapters; merge the adapter of the earlier stage first")
