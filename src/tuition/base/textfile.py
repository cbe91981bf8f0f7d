"""Small text files that a user wrote: read whole, up to a size limit."""

from __future__ import annotations

from pathlib import Path

from tuition.base.errors import UserError

_LIMIT = 16_000_000
"""In bytes; a study or an encoding has a few thousand."""


def read_short_text(path: Path, what: str) -> str:
    """Return the text of a file in UTF-8.

    Args:
        path: the file.
        what: what it should be, for messages: `"a study's YAML file"`.

    Raises:
        UserError: there is no such file, it is not a regular file, it is too large, or it is not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: is not a file; give {what}")
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: cannot be read ({reason}); give {what}") from error
    if len(data) > _LIMIT:
        raise UserError(f"{path}: has more than {_LIMIT // 1_000_000} MB; give {what}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}:{line}: byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8"
        ) from error
