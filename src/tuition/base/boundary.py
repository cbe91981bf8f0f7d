"""Calls of libraries that read a user's files: any exception they raise becomes one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tuition.base.errors import UserError, clip

_SHOWN = 200


@contextmanager
def library_errors(what: str, remedy: str = "") -> Iterator[None]:
    """Turn any exception of a library into a UserError, since a broken file can make it raise any kind.

    Args:
        what: what failed, with the file: `"m/config.json: cannot be read"`.
        remedy: what would be right.

    Raises:
        UserError: the block raised; a UserError passes through unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{what}: {reason_of(error)}{remedy and '; '}{remedy}") from error


def reason_of(error: BaseException) -> str:
    """Return an exception's message on one line, or its type's name if it has none."""
    message = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, KeyError):
        return f"the key {clip(message, 60)} is missing"
    return clip(message, _SHOWN) or type(error).__name__
