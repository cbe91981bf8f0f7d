"""A base model that serves many stages of learning in one process, and is as it was loaded before each of them."""

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
    """One finished stage of a chain: its tuner, the folder of what it learnt, and how it stands on those before."""

    tuner: Tuner
    folder: Path
    start: Start = "auto"


_BARE: Tuner = Full()


def effective(links: Sequence[Link]) -> list[Link]:
    """Return the links whose weights count: one that went on learning holds what the one before it had learnt."""
    chain: list[Link] = []
    for link in links:
        goes_on = link.start == "continue" and chain
        chain.append(Link(link.tuner, link.folder, chain.pop().start) if goes_on else link)
    return chain


class ModelPool:
    """Lends a base model out, stage by stage, and takes it back unchanged."""

    def __init__(self, base: nn.Module) -> None:
        """`base` belongs to this object from now on."""
        self.base = base
        self._proof = weights_digest(base)
        # The very tensors: an adapter puts its own layers around them, which changes their names in the model.
        self._own: dict[str, torch.Tensor] = base.state_dict(keep_vars=True)
        self._aside: dict[str, torch.Tensor] | None = None
        self._out = base
        self._worn: Tuner = _BARE

    def answering(self, links: Sequence[Link]) -> nn.Module:
        """Return the model that a chain of stages made, ready to answer; `reset` takes it back."""
        model: nn.Module = self.base
        chain = effective(links)
        for place, link in enumerate(chain):
            model = self._place(model, link.tuner, chain[:place], link.start)
            model = self._lend(link.tuner, link.tuner.load(model, link.folder))
        return model.eval()

    def learning(self, links: Sequence[Link], tuner: Tuner, *, seed: int, start: Start = "auto") -> nn.Module:
        """Return the model of a chain with one more stage upon it, ready to learn; `reset` takes it back.

        Raises:
            UserError: the stage cannot stand on the one before it so.
        """
        chain = effective(links)
        if start == "continue":
            return self._going_on(chain, tuner)
        model = self._place(self.answering(chain), tuner, chain, start)
        return self._lend(tuner, tuner.attach(model, seed))

    def reset(self) -> None:
        """Take the model back and put its own weights back; prove that they are those that were loaded.

        Raises:
            RuntimeError: they are not, which no step may go on from.
        """
        if self._out is not self.base:
            self._worn.detach(self._out)  # of whichever stage: an adapter takes off all that stand on one model
        self._out, self._worn = self.base, _BARE
        if self._aside is not None:
            self.base.load_state_dict(self._aside)
        self.base.zero_grad(set_to_none=True)
        free(self.base).eval()
        if weights_digest(self.base) != self._proof:
            raise RuntimeError("the base model is not as it was loaded; load it anew")

    def _going_on(self, links: Sequence[Link], tuner: Tuner) -> nn.Module:
        if not links or links[-1].tuner != tuner:
            raise UserError(
                "`start: continue` goes on with the weights of the stage before, so there must be one, with the same "
                "tuner and options; use `merge` or `stack`"
            )
        model = self._place(self.answering(links[:-1]), tuner, links[:-1], links[-1].start)
        return self._lend(tuner, tuner.load(model, links[-1].folder, learning=True))

    def _place(self, model: nn.Module, tuner: Tuner, before: Sequence[Link], start: Start) -> nn.Module:
        """Return what a tuner is put upon: the model as it is, or with the adapters so far merged into its weights."""
        if tuner.changes_base:
            self._keep_aside()
        if not before:
            return model
        last = before[-1].tuner
        stackable = tuner.stacks and type(last) is type(tuner)
        if start == "stack" and not stackable:
            raise UserError("`start: stack` puts an adapter upon another of its kind (LoRA or IA³); use `merge`")
        if (stackable and start != "merge") or last.changes_base:
            return model
        self._keep_aside()
        return self._lend(_BARE, last.merge(model))

    def _lend(self, tuner: Tuner, model: nn.Module) -> nn.Module:
        self._out, self._worn = model, tuner
        return model

    def _keep_aside(self) -> None:
        if packed(self.base):
            raise UserError(
                "weights in four bits cannot be changed: tune an adapter (lora, ia3, prompt) and let stages `stack`, "
                "or use precision bfloat16"
            )
        if self._aside is None:
            self._aside = {name: value.detach().clone() for name, value in self._own.items()}


def weights_digest(model: nn.Module) -> str:
    """Return a hash of a model's weights, bit by bit, in the order of their names."""
    digest = hashlib.sha256()
    state: dict[str, Any] = model.state_dict()
    for name in sorted(state):
        value = state[name].detach().contiguous()
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(memoryview(value.cpu().flatten().view(torch.uint8).numpy()))
    return digest.hexdigest()
