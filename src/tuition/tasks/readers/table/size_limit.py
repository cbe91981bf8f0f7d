"""How much a table's file may hold when it is decoded: a few bytes of Parquet or Arrow can stand for gigabytes."""

from __future__ import annotations

import os

from tuition.base.errors import UserError, clip

VARIABLE = "TUITION_TABLE_MB"
_MEGABYTE = 1 << 20
# Texts compress five- to tenfold, a column of one value far more. Beyond both of these a file is refused.
_LEAST_LIMIT, _RATIO = 256 * _MEGABYTE, 100
# What Python needs for a row and for each of its values, whatever they hold.
ROW, VALUE = 256, 64


class TableLimitError(Exception):
    """A file holds more than its limit when decoded; `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        """Keep the limit."""
        self.limit = limit
        super().__init__(f"more than {limit:,} bytes when decoded")


class TableLimit:
    """The bytes that may still be decoded from one file."""

    def __init__(self, file_size: int) -> None:
        """Allow a hundred times the file's size, at least 256 MB, or what `TUITION_TABLE_MB` allows if that is more.

        Raises:
            UserError: the variable is no whole number.
        """
        self.limit = max(_LEAST_LIMIT, _RATIO * file_size, _allowed())
        self._left = self.limit

    def spend(self, size: int) -> None:
        """Count decoded bytes.

        Raises:
            TableLimitError: they are more than are left.
        """
        self._left -= size
        if self._left < 0:
            raise TableLimitError(self.limit)

    def require(self, size: int) -> None:
        """Refuse a file whose own description says that it holds more than the limit.

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
