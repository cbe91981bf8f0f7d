"""Tuners: which weights of a model are trained, one file each, found by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tuition.base.errors import UserError
from tuition.base.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


class Tuner(Protocol):
    """Prepares a model for training, saves the trained weights, and removes itself again.

    `stacks` is whether one model can have several of its kind, each stage's added to those before it; `changes_base` is
    whether the base's own weights are trained, so that the caller must keep a copy of them and an export has them all.
    `fits_four_bits` is whether it trains upon weights in four bits. `recipe` names the recipe that
    `tuition learn --tuner` uses by default.
    """

    stacks: ClassVar[bool]
    changes_base: ClassVar[bool]
    fits_four_bits: ClassVar[bool]
    recipe: ClassVar[str]

    def attach(self, model: nn.Module, seed: int) -> nn.Module:
        """Return a module that trains only this tuner's parameters, initialised from `seed`, on top of `model`'s."""

    def save(self, tuned: nn.Module, folder: Path) -> None:
        """Write the newest trained weights into `folder` as safetensors and JSON."""

    def load(self, model: nn.Module, folder: Path, *, learning: bool = False) -> nn.Module:
        """Return `model` with what `save` wrote, for inference, or with `learning` to train it further."""

    def merge(self, tuned: nn.Module) -> nn.Module:
        """Return a plain model with the trained weights merged into its own.

        Raises:
            UserError: this tuner's weights cannot be merged.
        """

    def detach(self, tuned: nn.Module) -> nn.Module:
        """Return the model without this tuner's parameters; weights that were trained in place are not restored."""


TUNERS: Registry[type[Tuner]] = Registry("tuner", plugins="tuition.tuners")
TUNERS.add("lora", "tuition.models.tuners.lora:LoRA")
TUNERS.add("full", "tuition.models.tuners.full:Full")
TUNERS.add("ia3", "tuition.models.tuners.ia3:IA3")
TUNERS.add("prompt", "tuition.models.tuners.prompt:PromptTuning")


def make_tuner(name: str, options: Mapping[str, Any] | None = None) -> Tuner:
    """Return a tuner with its options.

    Raises:
        UserError: there is no tuner of that name, or it has no such option, or the value is not valid.
    """
    kind = TUNERS[name]
    given = dict(options or {})
    known: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(given.keys() - known.keys()):
        raise UserError(f"the tuner {name!r} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    for option, value in given.items():
        wanted = type(known[option])
        if not isinstance(value, wanted) or isinstance(value, bool) is not (wanted is bool):
            raise UserError(f"the tuner {name!r}: {option} is {value!r}; it must be {wanted.__name__}")
        if wanted is int and value < 1:
            raise UserError(f"the tuner {name!r}: {option} is {value}; it must be 1 or more")
    return kind(**given)


def check_tuner(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Check a tuner's name and options; a built-in tuner without options is valid, and is not imported for the check.

    Raises:
        UserError: as `make_tuner`.
    """
    if options or not TUNERS.is_built_in(name):
        make_tuner(name, options)
