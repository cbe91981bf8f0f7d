"""A base model shared by many training stages in one process, and restored to its loaded weights between them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.models.recipes import Start
from tuition.models.tuners import Tuner
from tuition.models.tuners.adapter import free, packed
from tuition.models.tuners.full import Full


@dataclass(frozen=True, slots=True)
class Link:
    """One finished stage of a chain: its tuner, the folder of its trained weights, and how it builds on the last."""

    tuner: Tuner
    folder: Path
    start: Start = "auto"


_BARE: Tuner = Full()


def effective(links: Sequence[Link]) -> list[Link]:
    """Return the links whose weights are needed: one that continued another contains that one's training."""
    chain: list[Link] = []
    for link in links:
        continues = link.start == "continue" and chain
        chain.append(Link(link.tuner, link.folder, chain.pop().start) if continues else link)
    return chain


class ModelPool:
    """Prepares a base model for one stage after another, and restores it in between."""

    def __init__(self, base: nn.Module) -> None:
        """`base` belongs to this object from now on."""
        self.base = base
        self._loaded_digest = weights_digest(base)
        # The tensors themselves: an adapter wraps layers, which changes the weights' names in the model.
        self._base_weights: dict[str, torch.Tensor] = base.state_dict(keep_vars=True)
        self._backup: dict[str, torch.Tensor] | None = None
        self._current = base
        self._attached: Tuner = _BARE

    def answering(self, links: Sequence[Link]) -> nn.Module:
        """Return the model that a chain of stages trained, ready for inference; `reset` restores the base."""
        model: nn.Module = self.base
        chain = effective(links)
        for position, link in enumerate(chain):
            model = self._prepare_base(model, link.tuner, chain[:position], link.start)
            model = self._set_current(link.tuner, link.tuner.load(model, link.folder))
        return model.eval()

    def learning(self, links: Sequence[Link], tuner: Tuner, *, seed: int, start: Start = "auto") -> nn.Module:
        """Return the model of a chain with one more stage, ready for training; `reset` restores the base.

        Raises:
            UserError: the stage cannot build on the one before it in this way.
        """
        chain = effective(links)
        model, folder = self.below(chain, tuner, start)
        if folder is not None:
            return self._set_current(tuner, tuner.load(model, folder, learning=True))
        return self._set_current(tuner, tuner.attach(model, seed))

    def below(self, links: Sequence[Link], tuner: Tuner, start: Start = "auto") -> tuple[nn.Module, Path | None]:
        """Return the model under a further stage's adapter, and the saved adapter that the stage continues, if any.

        Many adapters are put on this model at once (`models.adapters`); `reset` restores the base.

        Raises:
            UserError: the stage cannot build on the one before it in this way.
        """
        chain = effective(links)
        if start != "continue":
            return self._prepare_base(self.answering(chain), tuner, chain, start), None
        if not chain or chain[-1].tuner != tuner:
            raise UserError(
                "`start: continue` trains the weights of the stage before it further, so there must be one, with the "
                "same tuner and options; use `merge` or `stack`"
            )
        return self._prepare_base(self.answering(chain[:-1]), tuner, chain[:-1], chain[-1].start), chain[-1].folder

    def reset(self) -> None:
        """Remove adapters and restore the base's own weights; check that they are those that were loaded.

        Raises:
            RuntimeError: they are not, so no further step may use the model.
        """
        if self._current is not self.base:
            self._attached.detach(self._current)  # detaching any stage's adapter removes all adapters of the model
        self._current, self._attached = self.base, _BARE
        if self._backup is not None:
            self.base.load_state_dict(self._backup)
        self.base.zero_grad(set_to_none=True)
        free(self.base).eval()
        if weights_digest(self.base) != self._loaded_digest:
            raise RuntimeError("the base model's weights have changed since it was loaded; load it again")

    def _prepare_base(self, model: nn.Module, tuner: Tuner, before: Sequence[Link], start: Start) -> nn.Module:
        """Return what a tuner is attached to: the model as it is, or with its adapters merged into its weights."""
        if tuner.changes_base:
            self._back_up()
        if not before:
            return model
        last = before[-1].tuner
        stackable = tuner.stacks and type(last) is type(tuner)
        if start == "stack" and not stackable:
            raise UserError("`start: stack` adds an adapter to another of its kind (LoRA or IA³); use `merge`")
        if (stackable and start != "merge") or last.changes_base:
            return model
        self._back_up()
        return self._set_current(_BARE, last.merge(model))

    def _set_current(self, tuner: Tuner, model: nn.Module) -> nn.Module:
        self._current, self._attached = model, tuner
        return model

    def _back_up(self) -> None:
        if packed(self.base):
            raise UserError(
                "four-bit weights cannot be changed: tune an adapter (lora, prompt) and let stages `stack`, "
                "or use precision bfloat16"
            )
        if self._backup is None:
            self._backup = {name: value.detach().clone() for name, value in self._base_weights.items()}


def weights_digest(model: nn.Module) -> str:
    """Return a hash of a model's weights, bit by bit, in the order of their names."""
    digest = hashlib.sha256()
    state: dict[str, Any] = model.state_dict()
    for name in sorted(state):
        value = state[name].detach().contiguous()
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(memoryview(value.cpu().flatten().view(torch.uint8).numpy()))
    return digest.hexdigest()
