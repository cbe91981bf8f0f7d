"""A model run over lanes: prefixes into lanes, bodies into slots, then a token of every slot at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import nn

from tuition.models.adapters.layers import neighbours
from tuition.models.answering.lane_attention import Pass, running
from tuition.models.answering.lane_cache import LaneCache
from tuition.models.answering.passes import BodyPass, LanePrefixes, PrefixPass, TokenPass, runs
from tuition.models.graphs import StepGraphs

_TOKENS_A_PASS = {"cuda": 16384, "cpu": 4096}
"""Tokens, padding included, of one pass over prefixes or bodies: enough to fill a device, few enough for its memory."""
_SEEN_A_TOKEN = 8
"""Prefixes are copied to the rows of a pass, layer by layer: so many times the tokens of a pass at most."""
_ALIKE = 0.8
_FEW_TOKENS = {"cuda": 8192, "cpu": 512}
"""Beyond so many tokens of a pass, rows shorter than `_ALIKE` of the longest go into the next: padding costs as much as
tokens do, but a pass over few of them costs a GPU as much as one over many."""


_BUCKET = 128
"""Columns in use are counted in so many where steps are captured as graphs."""
_Step = tuple[list[int], int, int]
Owners = Sequence[int | None]
"""The slot of the adapter that runs each row; None is the model as it is."""


class PassError(RuntimeError):
    """A run of the model failed; its cause is why."""


class RowAdapters(Protocol):
    """Adapters of one base of which each row of a pass has its own, as `models.adapters.AdapterBank` has them."""

    @property
    def soft(self) -> bool:
        """Whether the adapters are soft prompts."""

    def rows(self, index: Sequence[int], held: torch.Tensor | None = None) -> AbstractContextManager[None]:
        """Let the model run meanwhile with its rows in `len(index)` equal runs, run i by adapter `index[i]`.

        `held` is the index on the device, in a place of its own.
        """

    def vectors(self) -> torch.Tensor:
        """Return the soft prompts (G × V × hidden) of the current runs of rows."""


def soft_length(adapters: RowAdapters | None) -> int:
    """Return how many vectors a soft prompt puts before every prefix; 0 for other adapters."""
    if adapters is None or not adapters.soft:
        return 0
    with adapters.rows([0]):
        return int(adapters.vectors().shape[1])


class LaneModel:
    """A causal model with a cache of lanes. All methods run without gradients, in `lane_attention`."""

    def __init__(self, model: nn.Module, cache: LaneCache, adapters: RowAdapters | None = None) -> None:
        """`adapters` are those that `model` contains; without them it answers as it is."""
        self._model, self.cache, self._adapters = model, cache, adapters
        self._tokens = torch.zeros(cache.lanes * cache.slots, 1, dtype=torch.long, device=cache.device)
        self.soft = soft_length(adapters)
        self._step: _Step = ([], 0, 0)
        self._graphs = StepGraphs(self._run_token, cache.device)

    def run_prefixes(self, lanes: Sequence[int], prefixes: Sequence[Sequence[int]], owners: Owners) -> None:
        """Run each lane's prefix by its owner, the adapter's slot, and store it in the lane."""
        cache = self.cache
        for chosen in passes([len(prefix) for prefix in prefixes], cache.device):
            own = [prefixes[at] for at in chosen]
            ids = torch.zeros(len(own), max(map(len, own)), dtype=torch.long)
            for row, prefix in enumerate(own):
                ids[row, : len(prefix)] = torch.tensor(prefix, dtype=torch.long)
            where = torch.tensor([lanes[at] for at in chosen], device=cache.device)
            cache.clear_prefixes(where)
            with self._rows(self._index([owners[at] for at in chosen])):
                vectors = self._vectors(len(own))
                lengths = [self.soft + len(prefix) for prefix in own]
                cache.prefix_lengths[where] = torch.tensor(lengths, device=cache.device)
                if max(lengths):
                    self._run_prefixes(PrefixPass(cache, where), ids.to(cache.device), vectors)

    def _run_prefixes(self, one: PrefixPass, ids: torch.Tensor, vectors: torch.Tensor | None) -> None:
        given = {"input_ids": ids}
        if vectors is not None:
            base: Any = self._model
            embedded = base.get_input_embeddings()(ids)
            given = {"inputs_embeds": torch.cat([vectors.to(embedded.dtype), embedded], dim=1)}
        length = ids.shape[1] + self.soft
        positions = torch.arange(length, device=ids.device).expand(len(ids), -1)
        with running(one):
            self._logits(positions, logits_to_keep=1, **given)

    def _vectors(self, rows: int) -> torch.Tensor | None:
        """Return the soft prompt of each of the rows that now run (N × V × hidden); None without soft prompts."""
        if self._adapters is None or not self._adapters.soft:
            return None
        vectors = self._adapters.vectors()
        return vectors.repeat_interleave(rows // len(vectors), dim=0)

    def _index(self, owners: Owners) -> list[int]:
        """Return which adapter computes each of equal runs of rows; empty without adapters."""
        if self._adapters is None:
            return []
        # A free lane has no owner; what it computes is not read.
        some = next((owner for owner in owners if owner is not None), 0)
        return runs([some if owner is None else owner for owner in owners])

    def _rows(self, index: list[int], held: torch.Tensor | None = None) -> AbstractContextManager[None]:
        """Let each run of rows be computed by its own adapter."""
        return nullcontext() if self._adapters is None else self._adapters.rows(index, held)

    def run_bodies(
        self, slots: Sequence[int], bodies: Sequence[Sequence[int]], owners: Owners
    ) -> tuple[torch.Tensor, list[int]]:
        """Run bodies behind the prefixes of their slots' lanes, padded at the left, and store them in the slots.

        Returns:
            The logits (N × V) of what follows each body, and the column where each row's answer begins.
        """
        cache = self.cache
        where = torch.tensor(slots, dtype=torch.long, device=cache.device)
        width = max(map(len, bodies))
        starts = torch.tensor([width - len(body) for body in bodies], device=cache.device)
        ids = torch.zeros(len(bodies), width, dtype=torch.long)
        for row, body in enumerate(bodies):
            ids[row, width - len(body) :] = torch.tensor(body, dtype=torch.long)
        cache.begin(where, starts, width)
        lanes = [slot // cache.slots for slot in slots]
        before = cache.prefix_lengths[where // cache.slots]
        positions = (torch.arange(width, device=cache.device) - starts[:, None]).clamp(min=0) + before[:, None]
        rows = BodyPass(cache, LanePrefixes(cache, lanes), _causal(starts, width), positions, where)
        return self._run(rows, ids, positions, owners, keep=1)[:, -1], [width] * len(slots)

    def run_rows(
        self,
        lanes: Sequence[int],
        ids: torch.Tensor,
        positions: torch.Tensor,
        seen: torch.Tensor,
        owners: Owners,
        keep: int,
    ) -> torch.Tensor:
        """Return the logits (N × keep × V) of the last columns of rows behind the prefixes of these lanes.

        Nothing is stored. `positions` (N × Q) count from the end of the prefix; `seen` is N × Q × Q.
        """
        cache = self.cache
        where = torch.tensor(lanes, device=cache.device)
        positions = positions.to(cache.device) + cache.prefix_lengths[where][:, None]
        rows = BodyPass(cache, LanePrefixes(cache, list(lanes)), seen.to(cache.device), positions, None)
        return self._run(rows, ids, positions, owners, keep=keep)

    def begin(self, slots: Sequence[int], tokens: torch.Tensor) -> None:
        """Set the first token of the answers in these slots, which the next step runs."""
        self._tokens[torch.tensor(slots, device=self.cache.device), 0] = tokens

    def step(self, owners: Owners, *, prefix: int, width: int) -> torch.Tensor:
        """Run the last token of every slot; return the logits (S × V) of what follows each.

        Args:
            owners: the adapter's slot of every lane.
            prefix: the longest prefix in any lane.
            width: the columns in use in any slot, the one that this step writes included.
        """
        if not self._graphs.reason:  # few shapes, since each is captured as a graph of its own
            prefix, width = self.cache.prefix, min(-(-width // _BUCKET) * _BUCKET, self.cache.width)
        index = self._index(owners)
        self._step = (index, prefix, width)
        key = (prefix, width, neighbours(index) if index else None)
        (logits,) = self._graphs(key, tokens=self._tokens, index=torch.tensor(index, dtype=torch.long))
        return logits

    def _run_token(self, tokens: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor]:
        """Run a step; all that it reads and writes keeps its place, so that the step can be captured."""
        cache, (owners, prefix, width) = self.cache, self._step
        one = TokenPass.over(cache, prefix, width)
        with running(one), self._rows(owners, index):
            logits = self._logits(one.positions, input_ids=tokens)
        cache.columns.add_(cache.growing)
        return (logits[:, -1],)

    def follow(self, tokens: torch.Tensor) -> None:
        """Set the token of every slot that the next step runs."""
        self._tokens[:, 0] = tokens

    def move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Move rows from slots into free slots."""
        if sources:
            self.cache.move_rows(sources, targets)
            start, end = (torch.tensor(slots, device=self.cache.device) for slots in (sources, targets))
            self._tokens[end] = self._tokens[start]

    def summary(self) -> str:
        """Return in a line how steps were run."""
        return self._graphs.summary()

    def replace(self, cache: LaneCache, slots: Sequence[int]) -> None:
        """Continue with another cache, in whose slots are the rows of these slots."""
        self.cache = cache
        self._graphs.forget()
        self._tokens = self._tokens[torch.tensor(slots, device=cache.device)]

    def _run(self, one: Pass, ids: torch.Tensor, positions: torch.Tensor, owners: Owners, keep: int) -> torch.Tensor:
        device, width = self.cache.device, ids.shape[1]
        # Columns, not a number: a slice is not contiguous, and torch would then copy the output matrix once a row.
        columns = torch.arange(width - keep, width, device=device)
        with running(one), self._rows(self._index(owners)):
            return self._logits(positions.to(device), input_ids=ids.to(device), logits_to_keep=columns)

    def _logits(self, positions: torch.Tensor, **given: Any) -> torch.Tensor:
        try:
            out: Any = self._model(position_ids=positions, use_cache=False, **given)
        except Exception as error:
            raise PassError(str(error)) from error
        logits: torch.Tensor = out.logits
        return logits


def _causal(starts: torch.Tensor, width: int) -> torch.Tensor:
    """Return what tokens of rows that begin at these columns see (N × W × W); padding sees itself."""
    column = torch.arange(width, device=starts.device)
    earlier = (column[:, None] >= column)[None] & (column >= starts[:, None])[:, None]
    return earlier | torch.eye(width, dtype=torch.bool, device=starts.device)


def passes(lengths: Sequence[int], device: torch.device, before: int = 0) -> Iterator[list[int]]:
    """Yield positions in passes, the longest first: as many tokens as a pass may have, and little padding.

    Args:
        lengths: the tokens of each row.
        device: where they run.
        before: the longest prefix in front of them.
    """
    order = sorted(range(len(lengths)), key=lambda at: lengths[at], reverse=True)
    while order:
        longest = lengths[order[0]]
        alike = sum(lengths[at] >= _ALIKE * longest for at in order)
        few = _FEW_TOKENS.get(device.type, _FEW_TOKENS["cpu"]) // max(longest, 1)
        count = max(min(rows_a_pass(longest, before, device), max(alike, few)), 1)
        yield order[:count]
        order = order[count:]


def rows_a_pass(tokens: int, before: int, device: torch.device) -> int:
    """Return how many rows of so many tokens behind so many of a prefix one pass may have; at least one."""
    room = _TOKENS_A_PASS.get(device.type, _TOKENS_A_PASS["cpu"])
    return max(min(room // max(tokens, 1), _SEEN_A_TOKEN * room // max(tokens + before, 1)), 1)
