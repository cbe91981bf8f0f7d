"""The parts of a response: read one by one, with what is wrong where a server sends something else."""

from __future__ import annotations

import math
from typing import Any

from tuition.base.errors import UserError, clip
from tuition.evaluation.remote.cost import Tokens


class ShapeError(Exception):
    """A response is not what the interface promises."""


class NotOfferedError(UserError):
    """A server answers, but does not tell what was asked for."""


def usage_of(payload: dict[str, Any]) -> Tokens | None:
    """Return the tokens that a response counts; None where the server does not tell both."""
    told = payload.get("usage")
    told = told if isinstance(told, dict) else {}
    prompt, answer = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    return None if prompt is None or answer is None else Tokens(prompt, answer)


def first_choice(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a response's first answer.

    Raises:
        ShapeError: there is none.
    """
    choices = payload.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ShapeError("no choices are in it")
    return choices[0]


def answer_text(choice: dict[str, Any]) -> str:
    """Return an answer's text, of a chat or of a completion; of a refusal its words. Half characters become U+FFFD.

    Raises:
        ShapeError: there is no text.
    """
    if "message" in choice:
        message = choice["message"]
        if not isinstance(message, dict):
            raise ShapeError("its message is no object")
        text = message.get("content")
        if isinstance(text, list):
            parts = [part.get("text") for part in text if isinstance(part, dict) and part.get("type") == "text"]
            text = "".join(part for part in parts if isinstance(part, str))
        if text is None:
            # A model that thinks until its limit says nothing, and one that refuses says so elsewhere.
            text = message.get("refusal") or ""
    else:
        text = choice.get("text")
    if not isinstance(text, str):
        raise ShapeError("its answer is no text")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def log_probability(value: object) -> float:
    """Return a log-probability.

    Raises:
        ShapeError: it is none. A rounding's worth above 0 is let through.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value > 0.01:
        raise ShapeError(f"{clip(repr(value), 40)} is no log-probability")
    return float(value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
