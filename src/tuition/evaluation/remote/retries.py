"""Failures of a request: which pass by themselves, and how long to wait before the next attempt."""

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

_PASSING = frozenset({408, 409, 425, 429})
_NEVER_BUILT = frozenset({501, 505})
# Codes that OpenAI and others send with a 429 when money has run out, which no waiting mends.
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_TITLE = re.compile(r"<title[^>]*>(.{1,200}?)</title", re.IGNORECASE | re.DOTALL)
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Retrying:
    """How a failed request is asked again: at most `attempts` times in all.

    The n-th wait is drawn between half and all of `first_wait` × 2^(n-1), at most `longest_wait` (seconds), so that
    requests which failed together do not come back together. A server's Retry-After is obeyed instead, unless it is
    longer than `longest_asked`.
    """

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 600.0

    def __post_init__(self) -> None:
        """Check that there is a first attempt."""
        if self.attempts < 1:
            raise UserError(f"{self.attempts} attempts ask nothing; give 1 or more")
        if min(self.first_wait, self.longest_wait, self.longest_asked) < 0:
            raise UserError("a wait cannot be negative; give 0 s or more")

    def wait(self, failures: int, asked: float | None = None) -> float:
        """Return the seconds to wait after so many failures, at least one."""
        if asked is not None:
            return asked
        longest = min(self.first_wait * 2.0 ** min(failures - 1, 60), self.longest_wait)
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer.

    `passing` tells whether it may succeed later, `own` whether it is this request's own fault, so that others may well
    succeed; `refused` whether the key was not accepted, `crowded` whether the server was asked too much, `unreached`
    whether it was not reached at all, and `billed` whether it may have been paid for. `retry_after` is in seconds;
    `cause` is the error that stands behind it, if any.
    """

    reason: str
    passing: bool = True
    own: bool = False
    refused: bool = False
    crowded: bool = False
    unreached: bool = False
    billed: bool = False
    retry_after: float | None = None
    cause: Exception | None = None


def refusal(status: int, headers: Mapping[str, str], text: str, payload: Any = None) -> Failure:
    """Return what a response means that holds no answer.

    Args:
        status: the HTTP status, or the one that an error in the body tells.
        headers: the response's, for Retry-After.
        text: the body.
        payload: the body as read from JSON, where it is that.
    """
    said, code = _said(payload)
    said = said or _of_page(text)
    reason = f"HTTP {status}" + (f" ({clip(said, _SHOWN)})" if said else "")
    if status in (401, 403):
        return Failure(f"the server refuses the key: {reason}", passing=False, refused=True)
    if status == 402 or code in _SPENT:
        return Failure(f"the account has run out: {reason}", passing=False)
    if status == 404:
        return Failure(f"{reason}; does the server know the model, and does the address end in /v1?", passing=False)
    if 300 <= status < 400:
        return Failure(f"{reason}: the server sends us elsewhere; give the address that it means", passing=False)
    passing = status in _PASSING or (status >= 500 and status not in _NEVER_BUILT)
    own = status in (400, 413, 422)
    return Failure(reason, passing=passing, own=own, crowded=status == 429, retry_after=retry_after(headers))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a server asks to wait, from `retry-after-ms` or `Retry-After` (seconds or a date).

    What is neither a finite number nor a date, and a time that is over, count as not said.
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


def _said(payload: Any) -> tuple[str, str]:
    """Return the message and the code of an error body, as OpenAI, vLLM, FastAPI and others write it."""
    if not isinstance(payload, dict):
        return "", ""
    inner = payload.get("error", payload)
    if isinstance(inner, str):
        return inner, ""
    if not isinstance(inner, dict):
        return "", ""
    told = next((inner[key] for key in ("message", "detail", "error") if inner.get(key)), "")
    return str(told), str(inner.get("code") or inner.get("type") or "")


def _of_page(text: str) -> str:
    title = _TITLE.search(text[:10_000])
    if title:
        return f"a page titled {title[1].strip()!r}"
    return "an HTML page" if text.lstrip()[:1] == "<" else text.strip()
