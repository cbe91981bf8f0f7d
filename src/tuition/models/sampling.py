"""Choosing an answer token by token as a `Decoding` describes: sampling, and stopping at stop texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria, StoppingCriteriaList

from tuition.base.seeds import derive_seed
from tuition.models.decoding import Decoding
from tuition.models.generation_progress import Batch

Decode = Callable[[Sequence[int]], str]


class Stops:
    """Checks whether an answer's tokens contain a stop text."""

    def __init__(self, decoding: Decoding, decode: Decode | None) -> None:
        """`decode` turns an answer's tokens into text; it is needed only where there are stop texts.

        Raises:
            ValueError: there are stop texts and no `decode`.
        """
        if decoding.stop and decode is None:
            raise ValueError("stop texts need `decode`, which turns an answer's tokens into text")
        self._stop, self._decode = decoding.stop, decode

    def __bool__(self) -> bool:
        """Whether there is any stop text."""
        return bool(self._stop)

    def __call__(self, answer: Sequence[int]) -> bool:
        """Whether this answer stops here."""
        if not self._stop or self._decode is None:
            return False
        text = self._decode(answer)
        return any(mark in text for mark in self._stop)

    def cut(self, answer: Sequence[int]) -> tuple[int, ...]:
        """Return an answer's tokens up to the one that completes a stop text."""
        if not self(answer):
            return tuple(answer)
        # As token-by-token decoding does, stop at the first such token, even if later tokens would change the text.
        return next(tuple(answer[:count]) for count in range(1, len(answer) + 1) if self(answer[:count]))


class TokenSampler:
    """Chooses the next token of each row of a batch, greedily or by sampling."""

    def __init__(self, decoding: Decoding, positions: Sequence[int], new_tokens: int) -> None:
        """`positions` are the rows' positions among all prompts: each has its own random stream."""
        self._decoding = decoding
        self._uniform: torch.Tensor | None = None
        if decoding.samples:
            streams = [torch.Generator().manual_seed(derive_seed("sampling", decoding.seed, at)) for at in positions]
            self._uniform = torch.stack([torch.rand(new_tokens, generator=g, dtype=torch.float64) for g in streams])

    def __call__(self, logits: torch.Tensor, rows: torch.Tensor, step: int | torch.Tensor) -> torch.Tensor:
        """Return the token (R) that follows in each of R rows with these logits (R × V) at this step, or at its own."""
        if self._uniform is None:
            return logits.argmax(dim=-1)
        uniform = self._uniform[rows.cpu(), step].to(logits.device)
        return draw(logits, uniform, temperature=self._decoding.temperature, top_p=self._decoding.top_p)


def draw(logits: torch.Tensor, uniform: torch.Tensor, *, temperature: float, top_p: float) -> torch.Tensor:
    """Sample a token (R) from each row's logits (R × V) by inverting its cumulative distribution at `uniform` (R).

    `uniform` is in [0, 1). Tokens are sorted by probability, and those beyond a cumulative `top_p` are dropped, but
    never the most likely one.
    """
    probabilities, order = (logits.double() / temperature).softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities.masked_fill((before >= top_p) & (before > 0), 0.0).cumsum(dim=-1)
    at = torch.searchsorted(kept, (uniform * kept[:, -1])[:, None], right=True)
    # Rounding may leave the last kept token slightly below the sum.
    last = (kept < kept[:, -1:]).sum(dim=-1, keepdim=True)
    return order.gather(1, torch.minimum(at, last))[:, 0]


def generate_options(
    decoding: Decoding,
    stops: Stops,
    *,
    end: frozenset[int],
    new_tokens: int,
    begins: int,
    positions: Sequence[int],
    made: Batch,
) -> dict[str, Any]:
    """Return the arguments of transformers' `generate` for a batch whose answers start at column `begins`."""
    options: dict[str, Any] = {
        "max_new_tokens": new_tokens,
        "num_beams": decoding.beams,
        "do_sample": False,
        "eos_token_id": sorted(end),
    }
    if decoding.beams > 1:
        options |= {"length_penalty": decoding.length_penalty, "early_stopping": False}
    criteria = [_Counting(made), *([_Stopping(stops, begins)] if stops else [])]
    options["stopping_criteria"] = StoppingCriteriaList(criteria)
    if decoding.samples:
        options["logits_processor"] = [_Sampled(TokenSampler(decoding, positions, new_tokens), begins)]
    return options


class _Stopping(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, stops: Stops, begins: int) -> None:
        self._stops, self._begins = stops, begins

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        stopped = [self._stops(row) for row in input_ids[:, self._begins :].tolist()]
        return torch.tensor(stopped, dtype=torch.bool, device=input_ids.device)


class _Counting(StoppingCriteria):  # type: ignore[misc]
    """Stops nothing; it reports the progress of `generate` at each token, also in beam search."""

    def __init__(self, made: Batch) -> None:
        self._made = made

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self._made.token()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class _Sampled(LogitsProcessor):  # type: ignore[misc]
    """Masks all scores of a row but the sampled token's, so that greedy search takes it."""

    def __init__(self, choice: TokenSampler, begins: int) -> None:
        self._choice, self._begins = choice, begins

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(len(scores), device=scores.device)
        chosen = self._choice(scores, rows, input_ids.shape[1] - self._begins)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)
