"""One optimiser step of several adapters: their batches in as few passes as memory and unlike lengths allow."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import torch

from tuition.models.adapters.bank import AdapterBank
from tuition.models.adapters.layers import neighbours
from tuition.models.adapters.passes import GroupLoss, Part
from tuition.models.attention import attention_for
from tuition.models.batches import group_by_prefix
from tuition.models.graphs import StepGraphs
from tuition.models.out_of_memory import is_out_of_memory
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.stacked_optimiser import StackedOptimiser

Batches = Mapping[int, Sequence[TokenizedPrompt]]
"""The prompts of one step, by slot."""
_Pass: TypeAlias = tuple[list[Part], dict[str, torch.Tensor]]
"""The parts of a pass, and its tensors on the host."""
_PASS_COSTS = {True: 64, False: 2048}
"""What a pass costs beside its tokens, in tokens, on a CPU and elsewhere; as `Objective` counts a run."""
_PACK = {True: 2048, False: 4096}
"""The most tokens of one packed sequence, on a CPU and elsewhere: its mask grows by the square."""
_LOGITS_BYTES, _COPIES = 4 << 30, 3
"""What the logits of a pass may take, with their softmax and gradients."""
_WORTH = 0.9
"""The share of its cost that a pass of slots out of order must save: their weights are copied, not viewed."""


class RowTooLargeError(Exception):
    """One row alone does not fit into memory beside the bank; no step was taken."""

    def __init__(self, tokens: int) -> None:
        """`tokens` is the length of the row."""
        super().__init__(f"a row of {tokens} tokens")
        self.tokens = tokens


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step gave: the mean loss a target token of each slot that took it, and why the others did not."""

    losses: dict[int, float]
    faults: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The passes of batches that were expected to be next."""

    tokens: int
    batches: Batches
    passes: list[_Pass]

    def serves(self, tokens: int, batches: Batches) -> bool:
        """Whether these very batches came, to be run in the same budget of tokens."""
        expected = self.batches
        same = expected.keys() == batches.keys() and all(expected[slot] is batch for slot, batch in batches.items())
        return same and tokens == self.tokens


class GroupStep:
    """Takes steps of the adapters of one bank, within a budget of tokens a pass that shrinks where memory runs out."""

    def __init__(self, bank: AdapterBank, recipe: Recipe) -> None:
        """`recipe` has what all runs of the group share.

        Raises:
            UserError: the bank's model mixes the rows of several adapters.
        """
        self.bank = bank
        self.loss = GroupLoss(bank, share_prefix=recipe.share_prefix)
        self.optimiser = StackedOptimiser(bank, recipe.optimiser)
        self.tokens = recipe.memory
        self.halved = self.passes = 0
        self.graphs = StepGraphs(self._through, bank.device)
        self._index: list[int] = []
        self._slots: list[int] = []
        self._ahead: _Ahead | None = None
        table: Any = bank.model.get_input_embeddings()  # type: ignore[operator]
        self._most_answers = max(1, _LOGITS_BYTES // (_COPIES * 4 * int(table.weight.shape[0])))
        self._cpu = bank.device.type == "cpu"

    def take(
        self, batches: Batches, rates: Mapping[int, float], ahead: Callable[[], Batches] = lambda: MappingProxyType({})
    ) -> Taken:
        """Take a step of each slot on its batch, at its rate; a slot whose loss or gradients are not finite takes none.

        Args:
            batches: the prompts by slot.
            rates: the learning rates by slot.
            ahead: returns the batches that will probably be next. They are prepared while a device is at work.

        Raises:
            RowTooLargeError: a row alone does not fit into memory.
        """
        targets = {slot: sum(len(prompt.target) for prompt in batch) for slot, batch in batches.items()}
        passes = self._prepared(batches)
        while True:
            found, failed = self._tried(passes, targets)
            if failed is None:
                break
            self.optimiser.clear()
            self.graphs.forget()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            most = sum(self.loss.size(prompts) for _, prompts in failed)
            if len(failed) == 1 and len(failed[0][1]) == 1:
                raise RowTooLargeError(most)
            self.tokens = max(1, min(self.tokens, most) // 2)
            self.halved += 1
            passes = self._with_inputs(batches)
        if following := ahead():
            self._ahead = _Ahead(self.tokens, following, self._with_inputs(following))
        losses, norms = self._read(found)
        faults = {}
        for slot in batches:
            if not math.isfinite(losses[slot]):
                faults[slot] = f"the loss is {losses[slot]}"
            elif not math.isfinite(norms[slot]):
                faults[slot] = f"the gradients' norm is {norms[slot]}"
        good = [slot for slot in batches if slot not in faults]
        self.optimiser.step({slot: rates[slot] for slot in good}, {slot: norms[slot] for slot in good})
        return Taken({slot: losses[slot] for slot in good}, faults)

    def plan(self, batches: Batches) -> list[list[Part]]:
        """Divide the batches into passes: each slot at most once a pass, and slots of like length together."""
        parts = {slot: self._parts(batch) for slot, batch in batches.items()}
        passes: list[list[Part]] = []
        for at in range(max(map(len, parts.values()))):
            passes += self._together([(slot, own[at]) for slot, own in sorted(parts.items()) if at < len(own)])
        return passes

    def _prepared(self, batches: Batches) -> list[_Pass]:
        """Return the passes of these batches, prepared before if they were expected."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.serves(self.tokens, batches):
            return ahead.passes
        return self._with_inputs(batches)

    def _with_inputs(self, batches: Batches) -> list[_Pass]:
        passes = self.plan(batches)
        return [(parts, self.loss.inputs([prompts for _, prompts in parts])) for parts in passes]

    def _parts(self, prompts: Sequence[TokenizedPrompt]) -> list[list[TokenizedPrompt]]:
        """Divide one slot's batch into parts that fit into a pass; a longer row is alone."""
        limit = min(self.tokens, _PACK[self._cpu]) if self.loss.packs else self.tokens

        def fits(part: Sequence[TokenizedPrompt]) -> bool:
            return self.loss.size(part) <= limit and _answers(part) <= self._most_answers

        return [list(prompts)] if fits(prompts) else first_fit(prompts, fits)

    def _together(self, parts: Sequence[Part]) -> list[list[Part]]:
        """Divide one part a slot into passes: neighbouring slots, unless slots of like length cost clearly less."""

        def cut(ordered: Sequence[Part]) -> tuple[list[list[Part]], int]:
            sizes = [self.loss.size(prompts) for _, prompts in ordered]
            answers = [_answers(prompts) for _, prompts in ordered]
            stops, cost = cheapest_passes(
                sizes, answers, most=self.tokens, most_answers=self._most_answers, costs=_PASS_COSTS[self._cpu]
            )
            starts = [0, *stops[:-1]]
            return [sorted(ordered[a:b], key=lambda part: part[0]) for a, b in zip(starts, stops, strict=True)], cost

        in_order, cost = cut(parts)
        if len(in_order) == 1:
            return in_order
        by_length, least = cut(sorted(parts, key=lambda part: self.loss.size(part[1]), reverse=True))
        return by_length if least < _WORTH * cost else in_order

    def _tried(
        self, passes: Sequence[_Pass], targets: Mapping[int, int]
    ) -> tuple[list[torch.Tensor], list[Part] | None]:
        """Return the losses of each pass, or the pass that memory did not suffice for."""
        found = []
        for parts, inputs in passes:
            try:
                found.append(self._run(parts, dict(inputs), targets))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                continue
            # Outside the handler, whose traceback would keep the tensors of the failed pass alive.
            return [], parts
        self._slots = [slot for parts, _ in passes for slot, _ in parts]
        return found, None

    def _run(self, parts: Sequence[Part], inputs: dict[str, torch.Tensor], targets: Mapping[int, int]) -> torch.Tensor:
        self._index = [slot for slot, _ in parts]
        inputs["slots"] = torch.tensor(self._index, dtype=torch.long)
        inputs["weights"] = torch.tensor([1 / targets[slot] for slot in self._index], dtype=torch.float32)
        rows, row = next(iter(inputs.values())).shape
        self.passes += 1
        with attention_for(self.bank.model, rows=rows, row=row, prefix=0):
            # Neighbouring slots are read where they are, so that a graph of theirs serves no others.
            (losses,) = self.graphs(neighbours(self._index), **inputs)
        return losses

    def _read(self, found: Sequence[torch.Tensor]) -> tuple[dict[int, float], list[float]]:
        """Return each slot's loss and gradient norm: the one time that a step waits for the device."""
        values = torch.cat([*found, self.optimiser.norms()]).tolist()
        losses: dict[int, float] = {}
        for slot, loss in zip(self._slots, values, strict=False):
            losses[slot] = losses.get(slot, 0.0) + loss
        return losses, values[len(self._slots) :]

    def _through(self, slots: torch.Tensor, weights: torch.Tensor, **inputs: torch.Tensor) -> tuple[torch.Tensor]:
        with self.bank.rows(self._index, slots):
            losses = self.loss.losses(**inputs) * weights
            torch.autograd.backward([losses.sum()])  # inside, since checkpointed layers are run again here
        return (losses.detach(),)


def first_fit(
    prompts: Sequence[TokenizedPrompt], fits: Callable[[Sequence[TokenizedPrompt]], bool]
) -> list[list[TokenizedPrompt]]:
    """Put prompts, those of one prefix after another and the longest first, each into the first part it fits into."""
    parts: list[list[TokenizedPrompt]] = []
    for group in group_by_prefix(prompts):
        for at in sorted(group, key=lambda at: len(prompts[at].body) + len(prompts[at].target), reverse=True):
            for part in parts:
                if fits([*part, prompts[at]]):
                    part.append(prompts[at])
                    break
            else:
                parts.append([prompts[at]])
    return parts


def cheapest_passes(
    sizes: Sequence[int], answers: Sequence[int], *, most: int, most_answers: int, costs: int
) -> tuple[list[int], int]:
    """Return where to divide parts into passes of neighbours so that they cost the fewest tokens, and that cost.

    A pass of n parts costs `costs` and n times its longest part, since the others are padded to it; that product is at
    most `most`, and n times the most answers at most `most_answers`, unless it is one part alone. Found by dynamic
    programming.
    """
    best, before = [0] * (len(sizes) + 1), [0] * (len(sizes) + 1)
    for stop in range(1, len(sizes) + 1):
        found = None
        longest = widest = 0
        for start in range(stop - 1, -1, -1):
            longest, widest = max(longest, sizes[start]), max(widest, answers[start])
            count = stop - start
            if count > 1 and (count * longest > most or count * widest > most_answers):
                break
            cost = best[start] + costs + count * longest
            if found is None or cost <= found:
                found, before[stop] = cost, start
        best[stop] = found or 0
    stops, at = [], len(sizes)
    while at:
        stops.append(at)
        at = before[at]
    return stops[::-1], best[-1]


def _answers(prompts: Sequence[TokenizedPrompt]) -> int:
    return sum(len(prompt.target) for prompt in prompts)
