"""The limit on a table file's decoded size: a few bytes of Parquet or Arrow can decode to gigabytes."""

from __future__ import annotations

import os

from tuition.base.errors import UserError, clip

VARIABLE = "TUITION_TABLE_MB"
_MEGABYTE = 1 << 20
# Texts compress five- to tenfold, a column with one value far more. A file beyond both limits is refused.
_LEAST_LIMIT, _RATIO = 256 * _MEGABYTE, 100
# The bytes that Python needs for a row and for each of its values, whatever their content.
ROW, VALUE = 256, 64


class TableLimitError(Exception):
    """A file decodes to more than its limit; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        """Store the limit."""
        self.limit = limit
        super().__init__(f"more than {limit:,} bytes when decoded")


class TableLimit:
    """The bytes that may still be decoded from one file."""

    def __init__(self, file_size: int) -> None:
        """Allow a hundred times the file's size, but at least 256 MB and at least what `TUITION_TABLE_MB` allows.

        Raises:
            UserError: the variable is not a whole number.
        """
        self.limit = max(_LEAST_LIMIT, _RATIO * file_size, _allowed())
        self._left = self.limit

    def spend(self, size: int) -> None:
        """Subtract decoded bytes from those that are left.

        Raises:
            TableLimitError: they are more than are left.
        """
        self._left -= size
        if self._left < 0:
            raise TableLimitError(self.limit)

    def require(self, size: int) -> None:
        """Refuse a file that declares more decoded bytes than the limit.

        Raises:
            TableLimitError: it does.
        """
        if size > self.limit:
            raise TableLimitError(self.limit)


def _allowed() -> int:
    text = os.environ.get(VARIABLE, "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UserError(f"{VARIABLE} is {clip(text, 40)!r}; give a whole number of megabytes, such as {VARIABLE}=2000")
    return int(text) * _MEGABYTE
