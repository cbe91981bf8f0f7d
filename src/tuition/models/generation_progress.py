"""Progress of a batch of answers, reported while its tokens are generated: one batch may take minutes."""

from __future__ import annotations

from collections.abc import Callable

Advance = Callable[[float], None]
"""Called with the number of rows finished since the last call; it may be a fraction."""


class Batch:
    """The rows of one batch; each generated token counts as a fraction of them, and all fractions sum to the rows."""

    def __init__(self, rows: int, tokens: int, advance: Advance) -> None:
        """Report to `advance` on `rows` rows of at most `tokens` tokens."""
        self._rows, self._tokens, self._advance = rows, max(tokens, 1), advance
        self._made, self._reported = 0, 0.0

    def token(self) -> None:
        """Count one more token of every row."""
        self._made = min(self._made + 1, self._tokens - 1)  # the last fraction is reported by `end`
        self._report(self._rows * self._made / self._tokens)

    def end(self) -> None:
        """Report the whole batch as finished, after any number of tokens."""
        self._report(float(self._rows))

    def _report(self, rows: float) -> None:
        if rows > self._reported:
            self._advance(rows - self._reported)
            self._reported = rows
