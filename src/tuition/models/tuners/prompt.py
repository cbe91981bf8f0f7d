"""Prompt tuning (Lester et al. 2021; FLAN's Figure 10) through `peft`: learnt vectors before every sequence."""

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
    """`vectors` learnt vectors, begun at embeddings of tokens drawn from the vocabulary; all of the model is frozen.

    The vectors are part of the prefix, so sharing it is as exact as for any causal model.
    """

    vectors: int = 20
    title: ClassVar[str] = "prompt tuning"
    stacks: ClassVar[bool] = False

    def config(self, model: nn.Module) -> PeftConfig:
        """Return the soft prompt's configuration."""
        return PromptTuningConfig(
            num_virtual_tokens=self.vectors,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
            task_type="SEQ_2_SEQ_LM" if is_encoder_decoder(model) else "CAUSAL_LM",
            num_transformer_submodules=1,
        )

    def attach(self, model: nn.Module, seed: int) -> nn.Module:
        """Return `model` with a soft prompt drawn from `seed`.

        Raises:
            UserError: the model has an adapter already; a soft prompt stands alone.
        """
        _refuse_stack(model)
        return Adapter.attach(self, model, seed)

    def load(self, model: nn.Module, folder: Path, *, learning: bool = False) -> nn.Module:
        """Return `model` with the soft prompt from `folder`."""
        _refuse_stack(model)
        tuned = Adapter.load(self, model, folder)
        if learning:  # peft loads soft prompts for answering only
            for name, parameter in tuned.named_parameters():
                parameter.requires_grad_("prompt_encoder" in name)
        return tuned

    def merge(self, tuned: nn.Module) -> nn.Module:
        """Refuse: a soft prompt is part of no weight.

        Raises:
            UserError: always.
        """
        raise UserError(
            "a soft prompt cannot be merged into a model's weights; let the next stage go on with it "
            "(`start: continue`), or tune the earlier stage by LoRA, IA³ or fully"
        )

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Take the soft prompt off."""
        prompted: Any = tuned
        return free(prompted.get_base_model())


def _refuse_stack(model: nn.Module) -> None:
    if isinstance(model, PeftModel):
        raise UserError("a soft prompt stands on a plain model; merge the adapter of the earlier stage first")
