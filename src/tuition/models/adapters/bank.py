"""A bank: K adapters of one kind and shape on one frozen base, each in a slot of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from tuition.base.errors import UserError
from tuition.models.adapters.layers import Rows, StackedLoRA, StackedScale
from tuition.models.adapters.suitability import why_not
from tuition.models.adapters.template import WEIGHTS, Layer, first_weights, read_template
from tuition.models.tuners import Tuner
from tuition.models.tuners.lora import LoRA

_DRAWERS = 8
"""Threads that draw first weights."""


class AdapterBank:
    """K adapters on one model, whose layers are wrapped in place until `close`.

    `weights` (K × width) holds everything: a slot's row is its adapter's weights one after another, in the order and
    the shapes of the single path. `stacked` are views of it, one a weight (K × its shape); they are what learns.
    """

    def __init__(self, model: nn.Module, tuner: Tuner, slots: int) -> None:
        """Wrap the layers of `model`, a plain model or one with adapters below, all frozen meanwhile.

        Raises:
            UserError: adapters of this kind cannot be stacked on this model; it says why.
        """
        if reason := why_not(model, tuner):
            raise UserError(f"adapters cannot be stacked on this model: {reason}")
        self.model, self.tuner, self.slots = model, tuner, slots
        self.template = read_template(model, tuner)
        device = next(model.parameters()).device
        self.weights = torch.zeros(slots, self.template.width, dtype=self.template.dtype, device=device)
        self.stacked = [
            nn.Parameter(self.weights[:, weight.start : weight.stop].view(slots, *weight.shape), requires_grad=False)
            for weight in self.template.weights
        ]
        self._rows = Rows(slots)
        self._learned = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
        for parameter, _ in self._learned:
            parameter.requires_grad_(False)
        self._wrapped: list[tuple[nn.Module, str, nn.Module, nn.Module]] = []
        for layer in self.template.layers:
            path, _, name = layer.path.rpartition(".")
            parent = model.get_submodule(path)
            base = getattr(parent, name)
            self._wrapped.append((parent, name, base, self._wrap(base, layer)))
        self._put_on()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def device(self) -> torch.device:
        """The device of the model and of all slots."""
        return self.weights.device

    @property
    def groups(self) -> int:
        """How many groups the rows are divided into at present; 0 where none are set."""
        return self._rows.groups

    @property
    def soft(self) -> bool:
        """Whether the adapters are soft prompts, which the caller puts before the rows."""
        return not self.template.layers

    def start(self, slot: int, seed: int) -> None:
        """Put a fresh adapter into a slot: the weights that the tuner's `attach` draws from `seed`."""
        self.start_many({slot: seed})

    def start_many(self, seeds: Mapping[int, int]) -> None:
        """Put fresh adapters into slots, by slot and seed; drawn in several threads, which takes as long as a step."""

        def drawn(seed: int) -> list[torch.Tensor]:
            return first_weights(self.model, self.tuner, self.template, seed)

        if not self.template.fast:
            self._take_off()
            try:
                for slot, seed in seeds.items():
                    self._fill(slot, drawn(seed))
            finally:
                self._put_on()
            return
        slots = list(seeds)
        with ThreadPoolExecutor(max(1, min(_DRAWERS, len(slots)))) as drawers:
            # Few at a time, since each is as large as the adapter in fp32.
            for at in range(0, len(slots), _DRAWERS):
                some = slots[at : at + _DRAWERS]
                for slot, weights in zip(some, drawers.map(drawn, [seeds[slot] for slot in some]), strict=True):
                    self._fill(slot, weights)

    def load(self, slot: int, folder: Path) -> None:
        """Put a saved adapter into a slot.

        Raises:
            UserError: the folder holds none, or one of another kind, shape or set of layers.
        """
        self.template.check_folder(folder)
        try:
            kept = load_file(folder / WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{folder}: the adapter's weights cannot be read ({error})") from error
        wanted = {weight.name: weight.shape for weight in self.template.weights}
        if {name: value.shape for name, value in kept.items()} != wanted:
            names = sorted(kept.keys() ^ wanted.keys()) or sorted(n for n in wanted if kept[n].shape != wanted[n])
            raise UserError(f"{folder}: the adapter does not fit this bank: {names[0]} differs ({len(names)} in all)")
        self._fill(slot, [kept[weight.name] for weight in self.template.weights])

    def save(self, slot: int, folder: Path) -> None:
        """Write the adapter of a slot as the tuner's `save` writes one: peft's own folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.template.files.items():
            (folder / name).write_bytes(content)
        own = self.weights[slot].cpu()
        state = {
            weight.name: own[weight.start : weight.stop].view(weight.shape).contiguous()
            for weight in self.template.weights
        }
        save_file(state, folder / WEIGHTS, metadata=dict(self.template.metadata))

    def weights_of(self, slot: int, stacked: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Return the weights of one slot as views, or those parts of another tensor (K × width) such as moments."""
        row = (self.weights if stacked is None else stacked)[slot]
        return [row[weight.start : weight.stop].view(weight.shape) for weight in self.template.weights]

    @contextmanager
    def rows(self, index: Sequence[int], held: torch.Tensor | None = None) -> Iterator[None]:
        """Let the model run meanwhile with the batch divided into `len(index)` groups, group i by slot `index[i]`.

        `held` is the index on the device, where a caller keeps it in one place, as a captured graph needs it.
        """
        self._rows.set(index, self.device, held)
        try:
            yield
        finally:
            self._rows.clear()

    @contextmanager
    def bypassed(self) -> Iterator[None]:
        """Let the model run meanwhile without any adapter of the bank."""
        before, self._rows.bypass = self._rows.bypass, True
        try:
            yield
        finally:
            self._rows.bypass = before

    def vectors(self) -> torch.Tensor:
        """Return the soft prompts (G × V × hidden) of the current rows.

        Raises:
            RuntimeError: no rows are set.
        """
        return self._rows.of(self.stacked[0])

    def close(self) -> None:
        """Give the model its own layers back, and let learn what learned before."""
        self._take_off()
        for parameter, learns in self._learned:
            parameter.requires_grad_(learns)
        self._wrapped, self._learned = [], []

    def _wrap(self, base: nn.Module, layer: Layer) -> nn.Module:
        own = [self.stacked[number] for number in layer.weights]
        if isinstance(self.tuner, LoRA):
            return StackedLoRA(base, self._rows, own[0], own[1], layer.scale)
        return StackedScale(base, self._rows, own[0], inputs=layer.inputs)

    def _put_on(self) -> None:
        for parent, name, base, wrapped in self._wrapped:
            wrapped.train(base.training)
            setattr(parent, name, wrapped)

    def _take_off(self) -> None:
        for parent, name, base, _ in self._wrapped:
            setattr(parent, name, base)

    @torch.no_grad()
    def _fill(self, slot: int, weights: Sequence[torch.Tensor]) -> None:
        for own, given in zip(self.weights_of(slot), weights, strict=True):
            own.copy_(given)
