"""What adapters of `peft` have in common: attached by a configuration, stacked by stage, saved in peft's format."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from peft import PeftConfig, PeftModel, get_peft_model
from torch import nn

from tuition.base.errors import UserError
from tuition.base.seeds import derive_seed


class Adapter(ABC):
    """An adapter on frozen weights. A model can have several of one kind; only the newest is trained."""

    stacks: ClassVar[bool] = True
    changes_base: ClassVar[bool] = False
    fits_four_bits: ClassVar[bool] = True
    recipe: ClassVar[str] = "small-data"
    title: ClassVar[str] = "the adapter"

    @abstractmethod
    def config(self, model: nn.Module) -> PeftConfig:
        """Return peft's configuration of this adapter for `model`."""

    def attach(self, model: nn.Module, seed: int) -> nn.Module:
        """Return `model` with a new adapter initialised from `seed`; all other weights are frozen.

        Raises:
            UserError: the model has no layers for it.
        """
        older = _names(model)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(derive_seed("adapter", seed))
            try:
                # The adapter takes the base's precision; the trainer keeps its fp32 masters.
                if isinstance(model, PeftModel):
                    model.add_adapter(_next(older), self.config(model), autocast_adapter_dtype=False)
                    return _in_precision(_activate(model, learning=True))
                tuned: nn.Module = get_peft_model(
                    model, self.config(model), adapter_name=_next(older), autocast_adapter_dtype=False
                )
            except ValueError as error:
                raise UserError(f"{self.title} cannot be attached: {error}") from error
        return _in_precision(tuned)

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write the newest adapter as peft's own folder."""
        saving: Any = tuned
        newest = _names(tuned)[-1]
        saving.save_pretrained(str(folder), selected_adapters=[newest])
        # peft saves an adapter whose name is not `default` in a folder of its own.
        for file in (folder / newest).iterdir():
            file.replace(folder / file.name)
        (folder / newest).rmdir()

    def load(self, model: nn.Module, folder: Path, *, learning: bool = False) -> nn.Module:
        """Return `model` with the adapter from `folder` added to those that it has."""
        name = _next(_names(model))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(model, PeftModel):
                model.load_adapter(str(folder), name, is_trainable=learning, autocast_adapter_dtype=False)
                tuned: nn.Module = _activate(model, learning=learning)
            else:
                tuned = PeftModel.from_pretrained(
                    model, str(folder), adapter_name=name, is_trainable=learning, autocast_adapter_dtype=False
                )
        tuned = _in_precision(tuned)
        return tuned if learning else tuned.eval()

    def merge(self, tuned: nn.Module) -> nn.Module:
        """Return the base with all its adapters merged into its weights, computed in fp32 and then rounded."""
        merging: Any = tuned
        dtype = next(tuned.parameters()).dtype
        _retype(tuned, torch.float32)
        base: nn.Module = merging.merge_and_unload(adapter_names=_names(tuned))
        _retype(base, dtype)
        return free(base)

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Remove all adapters; the base's own weights were never changed."""
        taking: Any = tuned
        base: nn.Module = taking.unload()
        return free(base)


def _names(model: nn.Module) -> list[str]:
    return list(model.peft_config) if isinstance(model, PeftModel) else []


def _next(older: list[str]) -> str:
    return f"stage-{len(older)}"


def _activate(model: PeftModel, *, learning: bool) -> nn.Module:
    """Activate all adapters of a model, and make only the newest trainable."""
    names = _names(model)
    stacked: Any = model.base_model
    stacked.set_adapter(names)
    newest = f".{names[-1]}"
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(learning and (name.endswith(newest) or f"{newest}." in name))
    module: nn.Module = model
    return module


def _retype(model: nn.Module, dtype: torch.dtype) -> None:
    """Convert only parameters to `dtype`: buffers, such as those of rotary positions, keep their precision."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)


def _in_precision(tuned: nn.Module) -> nn.Module:
    """Convert adapters on four-bit weights to the precision in which these compute; peft creates them as float32."""
    if packed(tuned):
        dtype = next(parameter.dtype for parameter in tuned.parameters() if parameter.is_floating_point())
        for parameter in tuned.parameters():
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(dtype)
    return tuned


def packed(model: nn.Module) -> bool:
    """Whether a model has weights stored as packed integers (four bits), which cannot be trained."""
    return any(not parameter.is_floating_point() for parameter in model.parameters())


def free(base: nn.Module) -> nn.Module:
    """Make every weight of a model trainable that can be."""
    for parameter in base.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    return base
