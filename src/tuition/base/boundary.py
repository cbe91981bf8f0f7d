"""The boundary to libraries that read a user's files: whatever they raise there becomes one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tuition.base.errors import UserError, clip

_SHOWN = 200


@contextmanager
def library_errors(what: str, remedy: str = "") -> Iterator[None]:
    """Turn any exception of a library into a UserError: a broken file can make it raise of every kind.

    Args:
        what: what could not be done, with the file: `"m/config.json: cannot be read"`.
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
    """Return an exception's own words on one line, or its kind where it says nothing."""
    said = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, KeyError):
        return f"the key {clip(said, 60)} is missing"
    return clip(said, _SHOWN) or type(error).__name__
