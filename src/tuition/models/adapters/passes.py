"""One pass of a bank: the prompts of several adapters go through the model together, and each gets its own loss.

Where that is exact, each adapter's prefixes and rows are packed into one sequence with a block mask, and the adapters
are the batch (G × L). Elsewhere every row is run whole, padded at the right, the same number for each adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tuition.base.errors import UserError
from tuition.models.adapters.bank import AdapterBank
from tuition.models.batches import IGNORED, collate_pairs, group_by_prefix
from tuition.models.packed_prefix import packed_tokens
from tuition.models.prefix import counts_padding
from tuition.models.seq2seq import is_encoder_decoder
from tuition.models.tokens import TokenizedPrompt

Part = tuple[int, Sequence[TokenizedPrompt]]
"""A slot, and prompts that go through the model with its adapter."""
_PADDING = -(1 << 30)
"""The owner of padding, which sees itself alone: attention over nothing has no softmax."""
_NOTHING = TokenizedPrompt((), (0,), ())
_ROUND_TO = {True: (1, 1), False: (64, 16)}
"""Multiples that lengths and numbers of answers are rounded up to, on a CPU and elsewhere, so that a device meets few
shapes."""


class GroupLoss:
    """The summed loss of each adapter's prompts, of several adapters of a bank in one pass."""

    def __init__(self, bank: AdapterBank, *, share_prefix: bool) -> None:
        """Find out on two short adapters which way is exact for this model; `packs` is whether rows are packed.

        Raises:
            UserError: the model mixes the rows of several adapters.
        """
        self.bank = bank
        self.pairs = is_encoder_decoder(bank.model)
        self._to, self._pins = _ROUND_TO[bank.device.type == "cpu"], bank.device.type == "cuda"
        self.packs = share_prefix and not self.pairs and not counts_padding(bank.model)
        if self.pairs and bank.soft:
            raise UserError("soft prompts of an encoder-decoder are trained one after another")
        self._choose()

    def size(self, prompts: Sequence[TokenizedPrompt]) -> int:
        """Return the tokens that prompts of one adapter take in a pass."""
        if not self.packs:
            return len(prompts) * max(map(_length, prompts))
        return packed_tokens(prompts)

    def __call__(self, parts: Sequence[Part]) -> torch.Tensor:
        """Return each part's sum of cross-entropies (nats, G, fp32) over its target tokens.

        Raises:
            ValueError: a part has no prompt, or a body is empty.
        """
        inputs = self.inputs([prompts for _, prompts in parts])
        with self.bank.rows([slot for slot, _ in parts]):
            return self.losses(**{name: value.to(self.bank.device) for name, value in inputs.items()})

    def inputs(self, groups: Sequence[Sequence[TokenizedPrompt]]) -> dict[str, torch.Tensor]:
        """Return the tensors of a pass, on the host, from the prompts of each of its adapters.

        Raises:
            ValueError: a part has no prompt, or a body is empty.
        """
        if not all(groups) or not all(prompt.body for group in groups for prompt in group):
            raise ValueError("every part of a pass needs prompts, and every prompt a body")
        vectors = self.bank.stacked[0].shape[1] if self.bank.soft else 0
        if self.pairs:
            made = _pair_inputs(groups)
        elif self.packs:
            made = _packed_inputs(groups, vectors, self._to)
        else:
            made = _padded_inputs(groups, vectors, self._to)
        return {name: value.pin_memory() for name, value in made.items()} if self._pins else made

    def losses(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Return the losses (G) of a pass, from what `inputs` returned, by the adapters of the bank's current rows.

        It reads nothing back from the device, so that it can be captured as a graph.
        """
        model = self.bank.model
        if self.pairs:
            running: Any = model
            given = {"input_ids": inputs["sources"], "attention_mask": inputs["mask"], "labels": inputs["labels"]}
            found = _cross_entropies(running(**given).logits, inputs["labels"])
        else:
            given = (_packed_given if self.packs else _padded_given)(self.bank, inputs)
            found = _losses_at(model, given, inputs["asking"], inputs["wanted"])
        return found.view(self.bank.groups, -1).sum(dim=1)

    @torch.no_grad()
    def _choose(self) -> None:
        slots = list(range(min(2, self.bank.slots)))
        kept = self.bank.weights[: len(slots)].clone()
        generator = torch.Generator().manual_seed(0)
        training = self.bank.model.training
        self.bank.model.eval()
        try:
            for slot in slots:
                self.bank.start(slot, seed=slot)
                noise = torch.randn(kept.shape[1:], generator=generator)
                self.bank.weights[slot] += 0.02 * noise.to(kept)
            self._compare(slots)
        finally:
            self.bank.weights[: len(slots)] = kept
            self.bank.model.train(training)

    def _compare(self, slots: Sequence[int]) -> None:
        """Compare ways of running two short ragged rows of each adapter with each row run alone, in fp32 to 1e-3."""
        table: Any = self.bank.model.get_input_embeddings()  # type: ignore[operator]
        ids = tuple((7 * i + 3) % int(table.weight.shape[0]) for i in range(24))
        groups = [
            [TokenizedPrompt(ids[s : 5 + s], ids[6:9], ids[9:11]), TokenizedPrompt(ids[s : 5 + s], ids[5:6], ids[7:9])]
            for s in slots
        ]
        parts = list(zip(slots, groups, strict=True))
        packs, self.packs = self.packs, False
        alone = torch.stack([torch.stack([self([(slot, [row])])[0] for row in rows]).sum() for slot, rows in parts])
        loose = max(1e-3, 4 * torch.finfo(next(self.bank.model.parameters()).dtype).eps)
        for self.packs in (True, False) if packs else (False,):
            try:
                together = self(parts)
            except torch.OutOfMemoryError:
                raise
            except (AttributeError, TypeError, ValueError, RuntimeError, IndexError):
                continue
            if bool(((together - alone).abs() <= loose * alone.abs().clamp(min=1.0)).all()):
                return
        raise UserError("adapters cannot be stacked on this model: it mixes the rows of several adapters")


@dataclass(slots=True)
class _Sequence:
    """One adapter's prompts as one sequence: tokens, what each may see, and where answers are read."""

    ids: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # the prefix or row that a token belongs to
    sees: list[int] = field(default_factory=list)  # the prefix that it sees as well
    soft: list[int] = field(default_factory=list)  # the soft vector in this place, or -1
    asking: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)

    def add(self, tokens: Sequence[int], start: int, owner: int, sees: int, *, soft: bool = False) -> None:
        self.ids += tokens
        self.places += range(start, start + len(tokens))
        self.owners += [owner] * len(tokens)
        self.sees += [sees] * len(tokens)
        self.soft += range(len(tokens)) if soft else [-1] * len(tokens)


def _sequence(prompts: Sequence[TokenizedPrompt], vectors: int) -> _Sequence:
    """Pack the prompts of one adapter: each prefix once, behind its soft vectors, and then the rows behind it."""
    made = _Sequence()
    for count, group in enumerate(group_by_prefix(prompts)):
        head = -1 - count
        made.add([0] * vectors, 0, head, head, soft=True)
        prefix = prompts[group[0]].prefix
        made.add(prefix, vectors, head, head)
        for at in group:
            start, prompt = len(made.ids), prompts[at]
            made.add(prompt.body + prompt.target, vectors + len(prefix), at, head)
            made.asking += range(start + len(prompt.body) - 1, len(made.ids) - 1)
            made.wanted += prompt.target
    return made


def _packed_inputs(
    groups: Sequence[Sequence[TokenizedPrompt]], vectors: int, to: tuple[int, int]
) -> dict[str, torch.Tensor]:
    sequences = [_sequence(prompts, vectors) for prompts in groups]
    length, answers = to
    soft = {"soft": _rectangle([made.soft for made in sequences], -1, length)} if vectors else {}
    return {
        "ids": _rectangle([made.ids for made in sequences], 0, length),
        "places": _rectangle([made.places for made in sequences], 0, length),
        "owners": _rectangle([made.owners for made in sequences], _PADDING, length),
        "sees": _rectangle([made.sees for made in sequences], _PADDING, length),
        "asking": _rectangle([made.asking for made in sequences], 0, answers),
        "wanted": _rectangle([made.wanted for made in sequences], IGNORED, answers),
        **soft,
    }


def _packed_given(bank: AdapterBank, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a model's inputs for packed sequences, with the block mask (G × 1 × L × L)."""
    owners, sees = inputs["owners"], inputs["sees"]
    order = torch.arange(owners.shape[1], device=owners.device)
    own = (owners[:, :, None] == owners[:, None]) | (sees[:, :, None] == owners[:, None])
    dtype = next(bank.model.parameters()).dtype
    mask = torch.zeros(own.shape, dtype=dtype, device=owners.device)
    mask = mask.masked_fill(~(own & (order[:, None] >= order)), torch.finfo(dtype).min)
    given = {"attention_mask": mask[:, None], "position_ids": inputs["places"]}
    if not bank.soft:
        return {"input_ids": inputs["ids"], **given}
    soft, embedded = inputs["soft"], _embedded(bank.model, inputs["ids"])
    vectors = _at(bank.vectors().to(embedded.dtype), soft.clamp(min=0))
    return {"inputs_embeds": torch.where(soft[:, :, None] >= 0, vectors, embedded), **given}


def _padded_inputs(
    groups: Sequence[Sequence[TokenizedPrompt]], vectors: int, to: tuple[int, int]
) -> dict[str, torch.Tensor]:
    filled = _filled(groups)
    whole = [prompt.prefix + prompt.body + prompt.target for prompt in filled]
    length, answers = to
    ends = [vectors + len(row) - 1 for row in whole]
    asking = [range(end - len(prompt.target), end) for end, prompt in zip(ends, filled, strict=True)]
    return {
        "ids": _rectangle(whole, 0, length),
        "mask": _rectangle([[1] * len(row) for row in whole], 0, length),
        "asking": _rectangle(asking, 0, answers),
        "wanted": _rectangle([prompt.target for prompt in filled], IGNORED, answers),
    }


def _padded_given(bank: AdapterBank, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a model's inputs for whole rows, with the soft vectors of each row's adapter before it."""
    ids, mask = inputs["ids"], inputs["mask"]
    if not bank.soft:
        return {"input_ids": ids, "attention_mask": mask}
    embedded = _embedded(bank.model, ids)
    vectors = bank.vectors().to(embedded.dtype).repeat_interleave(len(ids) // bank.groups, dim=0)
    return {
        "inputs_embeds": torch.cat([vectors, embedded], dim=1),
        "attention_mask": torch.cat([mask.new_ones(vectors.shape[:2]), mask], dim=1),
    }


def _pair_inputs(groups: Sequence[Sequence[TokenizedPrompt]]) -> dict[str, torch.Tensor]:
    batch = collate_pairs(_filled(groups))
    return {"sources": batch.sources, "mask": batch.mask, "labels": batch.labels}


def _filled(groups: Sequence[Sequence[TokenizedPrompt]]) -> list[TokenizedPrompt]:
    """Return the rows of all groups, as many of each: a row of one token without an answer fills up a shorter one."""
    rows = max(map(len, groups))
    return [prompt for group in groups for prompt in [*group, *[_NOTHING] * (rows - len(group))]]


def _losses_at(
    model: nn.Module, given: dict[str, torch.Tensor], asking: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """Return each row's sum of cross-entropies at the columns `asking` (B × N), of the tokens `wanted` (B × N)."""
    running: Any = model
    with _only_at(model, asking):
        logits: torch.Tensor = running(**given, use_cache=False).logits
    if logits.shape[1] != asking.shape[1]:  # a model whose output layer was not found gives all
        logits = _at(logits, asking)
    return _cross_entropies(logits, wanted)


def _cross_entropies(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    found = functional.cross_entropy(
        logits.flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return found.view(wanted.shape).sum(dim=1)


@contextmanager
def _only_at(model: nn.Module, asking: torch.Tensor) -> Iterator[None]:
    """Let the output layer see only the columns `asking` of each row: most logits of a row are of no use."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    if head is None:
        yield
        return
    handle = head.register_forward_pre_hook(lambda _, hidden: (_at(hidden[0], asking), *hidden[1:]))
    try:
        yield
    finally:
        handle.remove()


def _at(values: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return the columns (B × N) of values (B × L × features): B × N × features."""
    return values.gather(1, columns[:, :, None].expand(-1, -1, values.shape[-1]))


def _embedded(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    table: Any = model.get_input_embeddings()  # type: ignore[operator]
    embedded: torch.Tensor = table(ids)
    return embedded


def _rectangle(rows: Sequence[Sequence[int]], filling: int, multiple: int) -> torch.Tensor:
    """Return rows padded at the right to one length, rounded up to a multiple."""
    length = -(-max(1, *map(len, rows)) // multiple) * multiple
    return torch.tensor([[*row, *[filling] * (length - len(row))] for row in rows], dtype=torch.long)


def _length(prompt: TokenizedPrompt) -> int:
    return len(prompt.prefix) + len(prompt.body) + len(prompt.target)
