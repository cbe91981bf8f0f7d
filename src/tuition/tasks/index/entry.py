"""The index entry of one task's file, and its format on disk: hashes detect damage.

An entry is a 16-byte hash of the header, the header's length in 8 bytes, the header as JSON, and four columns of
numbers. The header contains the hash of the columns, so header and columns can each be verified without the other.
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

# The package's version identifies the rules for valid rows, Unicode's version those for equal content.
_VERSION = [1, __version__, unicodedata.unidata_version, sys.byteorder]
_DIGEST = 16
_PREFIX = _DIGEST + 8
_WORD = (1 << 63) - 1

Stamp = tuple[int, int, int, int]
"""A file's size, mtime (ns), ctime (ns) and inode number. Setting the mtime back still changes the ctime."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the values that identify this state of a file."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _WORD)


@dataclass(frozen=True, slots=True)
class Columns:
    """For each row: the offset of its first byte, its length in bytes, its input's content hash, its bytes' CRC-32."""

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
    """A summary of one file's state and content.

    `skeleton` is its text without the rows, None if only its hash is known. `runs` are the splits of its rows, each
    with its number of rows, in order.
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

    def split_and_index(self, row: int) -> tuple[RowSplit, int]:
        """Return a row's split, and its index within it."""
        for split, count in self.runs:
            if row < count:
                return split, row
            row -= count
        raise IndexError(row)


def encode(header: Header, columns: Columns) -> bytes:
    """Return an entry's bytes on disk; `header.columns` is ignored and computed from `columns`."""
    numbers = b"".join(
        column.tobytes() for column in (columns.starts, columns.lengths, columns.contents, columns.checks)
    )
    encoded_header = orjson.dumps(
        {
            "version": _VERSION,
            "stamp": header.stamp,
            "sha256": header.sha256,
            "skeleton": header.skeleton,
            "runs": header.runs,
            "columns": _digest(numbers).hex(),
        }
    )
    return _digest(encoded_header) + len(encoded_header).to_bytes(8, "little") + encoded_header + numbers


def read_header(stream: BinaryIO) -> Header | None:
    """Read the header at the beginning of `stream`; None if it is damaged, or of another version."""
    prefix = stream.read(_PREFIX)
    length = int.from_bytes(prefix[_DIGEST:], "little")
    if len(prefix) < _PREFIX or length > os.fstat(stream.fileno()).st_size:
        return None
    encoded_header = stream.read(length)
    if _digest(encoded_header) != prefix[:_DIGEST]:
        return None
    facts = orjson.loads(encoded_header)
    if facts["version"] != _VERSION:
        return None
    size, changed, recorded, number = facts["stamp"]
    runs = tuple((split, count) for split, count in facts["runs"])
    return Header((size, changed, recorded, number), facts["sha256"], facts["skeleton"], runs, facts["columns"])


def read_columns(stream: BinaryIO, header: Header) -> Columns | None:
    """Read the columns after the header that was just read; None if their hash is not the one in the header."""
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
