"""Parse the parts of a response; errors say what is wrong where a server sends something unexpected."""

from __future__ import annotations

import math
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.evaluation.remote.cost import Tokens


class ShapeError(Exception):
    """A response does not follow the API's format."""


class NotOfferedError(UserError):
    """A server answers, but does not return what was requested."""


def usage_of(payload: dict[str, Any]) -> Tokens | None:
    """Return the tokens that a response reports; None if it does not report both counts."""
    usage = payload.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    prompt, answer = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    return None if prompt is None or answer is None else Tokens(prompt, answer)


def first_choice(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a response's first answer.

    Raises:
        ShapeError: there is none.
    """
    choices = payload.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ShapeError("it has no choices")
    return choices[0]


def answer_text(choice: dict[str, Any]) -> str:
    """Return an answer's text, of a chat, a completion or a refusal. Lone surrogates become U+FFFD.

    Raises:
        ShapeError: there is no text.
    """
    if "message" in choice:
        message = choice["message"]
        if not isinstance(message, dict):
            raise ShapeError("its message is not an object")
        text = message.get("content")
        if isinstance(text, list):
            parts = [part.get("text") for part in text if isinstance(part, dict) and part.get("type") == "text"]
            text = "".join(part for part in parts if isinstance(part, str))
        if text is None:
            # A reasoning model may reach its limit before it answers, and a refusal is in another field.
            text = message.get("refusal") or ""
    else:
        text = choice.get("text")
    if not isinstance(text, str):
        raise ShapeError("its answer is not text")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def log_probability(value: object) -> float:
    """Return a log-probability.

    Raises:
        ShapeError: the value is not a log-probability. Values slightly above 0, from rounding, are accepted.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value > 0.01:
        raise ShapeError(f"{clip(repr(value), 40)} is not a log-probability")
    return float(value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
