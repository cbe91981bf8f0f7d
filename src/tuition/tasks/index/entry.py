"""What the index knows of one task's file, and its form on disk: checked by hashes, so that damage is told from data.

An entry is 16 bytes of a hash, 8 bytes with the length of the header, the header as JSON, and four columns of numbers.
The hash is that of the header, which holds the hash of the columns: either can be read and trusted without the other.
"""

from __future__ import annotations

import hashlib
import os
import sys
import unicodedata
from array import array
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from tuition.base.version import __version__
from tuition.tasks.types import RowSplit

# The package's version stands for its rules of what is valid, Unicode's for what is the same content.
_VERSION = [1, __version__, unicodedata.unidata_version, sys.byteorder]
_DIGEST = 16
_PREFIX = _DIGEST + 8
_WORD = (1 << 63) - 1

Stamp = tuple[int, int, int, int]
"""A file's size, the times of its last change and of the last change of its record, and its number, as the system has
them. Who sets the second time back still moves the third."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what tells this state of a file from others."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _WORD)


@dataclass(frozen=True, slots=True)
class Columns:
    """Of each row: the offset of its first byte, its length in bytes, its input's content hash, its bytes' CRC-32."""

    starts: array[int]
    lengths: array[int]
    contents: array[int]
    checks: array[int]

    @classmethod
    def empty(cls) -> Columns:
        """Return columns without rows."""
        return cls(array("Q"), array("Q"), array("Q"), array("I"))


@dataclass(frozen=True, slots=True)
class Header:
    """One file's state and content, in short.

    `skeleton` is its text without the rows, None where only its hash is known. `runs` are the sets that its rows are
    of, each with its number of rows, in order.
    """

    stamp: Stamp
    sha256: str
    skeleton: str | None = None
    runs: tuple[tuple[RowSplit, int], ...] = ()
    columns: str = ""

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(count for _, count in self.runs)

    def place(self, row: int) -> tuple[RowSplit, int]:
        """Return the set that a row is of, and its place within it."""
        for split, count in self.runs:
            if row < count:
                return split, row
            row -= count
        raise IndexError(row)


def encode(header: Header, columns: Columns) -> bytes:
    """Return an entry as it stands on disk; the header's own `columns` is left out of account."""
    numbers = b"".join(
        column.tobytes() for column in (columns.starts, columns.lengths, columns.contents, columns.checks)
    )
    told = orjson.dumps(
        {
            "version": _VERSION,
            "stamp": header.stamp,
            "sha256": header.sha256,
            "skeleton": header.skeleton,
            "runs": header.runs,
            "columns": _digest(numbers).hex(),
        }
    )
    return _digest(told) + len(told).to_bytes(8, "little") + told + numbers


def read_header(stream: BinaryIO) -> Header | None:
    """Read the header at the beginning of `stream`; None where it is damaged, or of another version."""
    prefix = stream.read(_PREFIX)
    length = int.from_bytes(prefix[_DIGEST:], "little")
    if len(prefix) < _PREFIX or length > os.fstat(stream.fileno()).st_size:
        return None
    told = stream.read(length)
    if _digest(told) != prefix[:_DIGEST]:
        return None
    facts = orjson.loads(told)
    if facts["version"] != _VERSION:
        return None
    size, changed, recorded, number = facts["stamp"]
    runs = tuple((split, count) for split, count in facts["runs"])
    return Header((size, changed, recorded, number), facts["sha256"], facts["skeleton"], runs, facts["columns"])


def read_columns(stream: BinaryIO, header: Header) -> Columns | None:
    """Read the columns behind the header that was just read; None where they are not those that it speaks of."""
    numbers = stream.read()
    columns = Columns.empty()
    if _digest(numbers).hex() != header.columns:
        return None
    at = 0
    for column in (columns.starts, columns.lengths, columns.contents, columns.checks):
        end = at + header.count * column.itemsize
        column.frombytes(numbers[at:end])
        at = end
    return columns


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
