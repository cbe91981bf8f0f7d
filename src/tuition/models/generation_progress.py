"""How far a batch of answers has come, reported while its tokens are made: one batch may take minutes."""

from __future__ import annotations

from collections.abc import Callable

Advance = Callable[[float], None]
"""Is told how many rows were finished since it was told last; parts of a row count."""


class Batch:
    """The rows of one batch, of which each token made is a part; together the parts are all its rows."""

    def __init__(self, rows: int, tokens: int, advance: Advance) -> None:
        """Report to `advance` on rows of at most so many tokens."""
        self._rows, self._tokens, self._advance = rows, max(tokens, 1), advance
        self._made, self._reported = 0, 0.0

    def token(self) -> None:
        """One more token of every row is made."""
        self._made = min(self._made + 1, self._tokens - 1)  # the last part is left for the end
        self._report(self._rows * self._made / self._tokens)

    def end(self) -> None:
        """The batch is finished, at however many tokens."""
        self._report(float(self._rows))

    def _report(self, rows: float) -> None:
        if rows > self._reported:
            self._advance(rows - self._reported)
            self._reported = rows
