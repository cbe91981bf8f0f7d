"""Rate limits: how many requests run at once and start within a period, so that a server does not refuse them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tuition.base.errors import UserError

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """At most `concurrency` requests at once; at most `requests` and `tokens` start within any `seconds`.

    By default the period is a minute, and requests and tokens are not limited. Tokens are those of the prompt
    (estimated at four bytes each until the server reports them) and of the longest possible answer.
    """

    concurrency: int = 8
    requests: int | None = None
    tokens: int | None = None
    seconds: float = 60.0

    def __post_init__(self) -> None:
        """Check that the limits are positive."""
        for name in ("concurrency", "requests", "tokens", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UserError(f"a limit of {value} {name} allows no request; give a positive number")


@dataclass(slots=True)
class Admission:
    """An admitted request: its time and its number of tokens, which may be corrected once it is known."""

    at: float
    tokens: int


class Pacer:
    """Admits requests in order, no faster than the limits allow."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no request counted."""
        self._limits = limits
        self._clock = clock
        self._recent: deque[Admission] = deque()
        self._held_until = 0.0
        self._turn = asyncio.Lock()

    def hold(self, seconds: float) -> None:
        """Admit no request for some time, after a server reported its rate limit."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def wait(self, tokens: int) -> float:
        """Return the seconds until a request fits. A request that is larger than the limit fits when it is alone."""
        now = self._clock()
        while self._recent and self._recent[0].at + self._limits.seconds <= now:
            self._recent.popleft()
        waits = [
            self._held_until - now,
            self._until([1] * len(self._recent), 1, self._limits.requests, now),
            self._until([admission.tokens for admission in self._recent], tokens, self._limits.tokens, now),
        ]
        return max(0.0, *waits)

    def admit(self, tokens: int) -> Admission:
        """Count a request that starts now."""
        admission = Admission(self._clock(), tokens)
        if self._limits.requests is not None or self._limits.tokens is not None:
            self._recent.append(admission)
        return admission

    async def admitted(self, tokens: int, stopping: Callable[[], bool]) -> Admission | None:
        """Wait until a request fits, and count it; None if the run stops before."""
        async with self._turn:
            while not stopping():
                wait = self.wait(tokens)
                if wait == 0:
                    return self.admit(tokens)
                await asyncio.sleep(min(wait, _POLL_SECONDS))
        return None

    def _until(self, sizes: list[int], amount: int, limit: int | None, now: float) -> float:
        over = 0 if limit is None else sum(sizes) + amount - limit
        wait = 0.0
        for admission, size in zip(self._recent, sizes, strict=True):
            if over <= 0:
                break
            over -= size
            wait = admission.at + self._limits.seconds - now
        return wait


async def pause(seconds: float, stopping: Callable[[], bool]) -> None:
    """Sleep, but wake up when the run stops."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stopping():
        await asyncio.sleep(min(left, _POLL_SECONDS))
