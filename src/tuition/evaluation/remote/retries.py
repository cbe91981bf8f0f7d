"""Failures of a request: which are temporary, and how long to wait before the next attempt."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tuition.base.errors import UserError, clip

_TEMPORARY = frozenset({408, 409, 425, 429})
_NOT_IMPLEMENTED = frozenset({501, 505})
# Codes that OpenAI and others send with a 429 when the account has no money left; waiting does not help.
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_TITLE = re.compile(r"<title[^>]*>(.{1,200}?)</title", re.IGNORECASE | re.DOTALL)
_MAX_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Retrying:
    """How a failed request is retried: at most `attempts` attempts in all.

    The n-th wait is random between half and all of `first_wait` × 2^(n-1), at most `longest_wait` (seconds), so that
    requests which failed together are not retried together. A server's Retry-After is used instead, unless it is longer
    than `longest_asked`.
    """

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 600.0

    def __post_init__(self) -> None:
        """Check that there is a first attempt."""
        if self.attempts < 1:
            raise UserError(f"{self.attempts} attempts send no request; give 1 or more")
        if min(self.first_wait, self.longest_wait, self.longest_asked) < 0:
            raise UserError("a wait cannot be negative; give 0 s or more")

    def wait(self, failures: int, asked: float | None = None) -> float:
        """Return the seconds to wait after that many failures (at least one)."""
        if asked is not None:
            return asked
        longest = min(self.first_wait * 2.0 ** min(failures - 1, 60), self.longest_wait)
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer.

    `temporary`: a retry may succeed. `own`: only this request is at fault, so others may succeed. `refused`: the key
    was not accepted. `rate_limited`: too many requests were sent. `unreached`: the server was not reached. `billed`:
    the request may have been billed. `retry_after` is in seconds; `cause` is the error behind the failure, if any.
    """

    reason: str
    temporary: bool = True
    own: bool = False
    refused: bool = False
    rate_limited: bool = False
    unreached: bool = False
    billed: bool = False
    retry_after: float | None = None
    cause: Exception | None = None


def refusal(status: int, headers: Mapping[str, str], text: str, payload: Any = None) -> Failure:
    """Return the failure that an error response means.

    Args:
        status: the HTTP status, or the one in an error in the body.
        headers: the response's headers, for Retry-After.
        text: the body.
        payload: the body parsed as JSON, if it is JSON.
    """
    message, code = _error_message(payload)
    message = message or _page_summary(text)
    reason = f"HTTP {status}" + (f" ({clip(message, _MAX_MESSAGE)})" if message else "")
    if status in (401, 403):
        return Failure(f"the server refuses the key: {reason}", temporary=False, refused=True)
    if status == 402 or code in _NO_MONEY:
        return Failure(f"the account has no money left: {reason}", temporary=False)
    if status == 404:
        return Failure(f"{reason}; check the model's name, and that the address ends in /v1", temporary=False)
    if 300 <= status < 400:
        return Failure(f"{reason}: the server redirects elsewhere; give the address it redirects to", temporary=False)
    temporary = status in _TEMPORARY or (status >= 500 and status not in _NOT_IMPLEMENTED)
    own = status in (400, 413, 422)
    return Failure(reason, temporary=temporary, own=own, rate_limited=status == 429, retry_after=retry_after(headers))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a server asks to wait, from `retry-after-ms` or `Retry-After` (seconds or a date).

    Returns None for a value that is neither a finite number nor a date, and for a time in the past.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        date = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = date - (time.time() if now is None else now)
    return seconds if seconds >= 0 else None


def _error_message(payload: Any) -> tuple[str, str]:
    """Return the message and the code of an error body, in the formats of OpenAI, vLLM, FastAPI and others."""
    if not isinstance(payload, dict):
        return "", ""
    inner = payload.get("error", payload)
    if isinstance(inner, str):
        return inner, ""
    if not isinstance(inner, dict):
        return "", ""
    message = next((inner[key] for key in ("message", "detail", "error") if inner.get(key)), "")
    return str(message), str(inner.get("code") or inner.get("type") or "")


def _page_summary(text: str) -> str:
    title = _TITLE.search(text[:10_000])
    if title:
        return f"a page titled {title[1].strip()!r}"
    return "an HTML page" if text.lstrip()[:1] == "<" else text.strip()
