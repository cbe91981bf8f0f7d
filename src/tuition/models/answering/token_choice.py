"""The next token of rows of several requests, each chosen as its own request's decoding says, and when a row ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from tuition.models.answering.lane_plan import Row
from tuition.models.answering.requests import AnswerRequest
from tuition.models.sampling import Stops, TokenSampler


class TokenChoice:
    """Chooses tokens and ends answers, as the existing path of each request alone does."""

    def __init__(self, requests: Mapping[int, AnswerRequest]) -> None:
        """`requests` by number.

        Raises:
            ValueError: a request has texts to stop at and no `decode`.
        """
        self._requests = requests
        self._stops = {at: Stops(one.decoding, one.decode) for at, one in requests.items()}
        self._samplers = {
            at: TokenSampler(one.decoding, range(len(one.prompts)), one.new_tokens)
            for at, one in requests.items()
            if one.decoding.samples
        }

    def __call__(self, logits: torch.Tensor, rows: Sequence[Row | None]) -> torch.Tensor:
        """Return the next token (S) of each row by its logits (S × V); where there is no row, any."""
        chosen = logits.argmax(dim=-1)
        for request in {row.request for row in rows if row is not None} & self._samplers.keys():
            own = [(at, row) for at, row in enumerate(rows) if row is not None and row.request == request]
            where = torch.tensor([at for at, _ in own], device=logits.device)
            position = torch.tensor([row.position for _, row in own])
            step = torch.tensor([len(row.answer) for _, row in own])
            chosen[where] = self._samplers[request](logits[where], position, step)
        return chosen

    def ended(self, row: Row, token: int) -> bool:
        """Add a token to a row's answer; return whether the answer ends here."""
        request = self._requests[row.request]
        if token in request.end:
            return True
        row.answer.append(token)
        if len(row.answer) == row.new_tokens:
            return True
        stops = self._stops[row.request]
        return bool(stops) and stops(row.answer)
