"""The decompressed sizes of an Arrow file's compressed buffers, as the file itself declares them.

pyarrow allocates the size in each buffer's first eight bytes before it decompresses the buffer, without a limit. The
file's messages are flatbuffers (https://arrow.apache.org/docs/format/Columnar.html); only the offsets of the buffers
are read from them here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

_MAGIC = b"ARROW1"
_CONTINUES = 0xFFFFFFFF
_DICTIONARY, _RECORDS = 2, 3
# The description of a batch is small: a few dozen bytes for each buffer.
_LONGEST_DESCRIPTION = 64 << 20


class DamagedArrowError(ValueError):
    """A file's description of its own batches is inconsistent."""


def decompressed_sizes(stream: BinaryIO) -> Iterator[int]:
    """Yield the decompressed size in bytes of each compressed batch of an open Arrow file or stream.

    Raises:
        DamagedArrowError: the file contradicts itself.
        OSError: it cannot be read.
    """
    try:
        for offset in _messages(stream):
            yield _decompressed(stream, offset)
    except (struct.error, OverflowError) as error:
        raise DamagedArrowError("the offsets of its batches are invalid") from error


class _Fields:
    """A flatbuffer's table: the offset of each of its fields."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self._offset = data, offset
        self._fields = offset - _number(data, "<i", offset)
        self._size = _number(data, "<H", self._fields)

    def at(self, field: int) -> int:
        """Return the offset of a field by its number; 0 if it is absent."""
        entry = 4 + 2 * field
        offset = _number(self.data, "<H", self._fields + entry) if entry + 2 <= self._size else 0
        return self._offset + offset if offset else 0

    def inner(self, field: int) -> int:
        """Return the offset that a field points to; 0 if it is absent."""
        offset = self.at(field)
        return offset + _number(self.data, "<I", offset) if offset else 0


def _number(data: bytes, form: str, offset: int) -> int:
    if offset < 0:
        raise DamagedArrowError("an offset before its beginning")
    return int(struct.unpack_from(form, data, offset)[0])


def _root(data: bytes) -> _Fields:
    return _Fields(data, _number(data, "<I", 0))


def _messages(stream: BinaryIO) -> Iterator[int]:
    """Yield the offset of each message that pyarrow would read: those in a file's footer, or all of a stream."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if stream.read(len(_MAGIC)) == _MAGIC:
        stream.seek(max(0, size - 10))
        length = _number(stream.read(4), "<i", 0)
        footer = _root(_read(stream, size - 10 - length, length))
        data = footer.data
        for field in (2, 3):  # dictionaries, record batches
            vector = footer.inner(field)
            for number in range(_number(data, "<I", vector) if vector else 0):
                yield _number(data, "<q", vector + 4 + 24 * number)
        return
    offset = 0
    while offset < size:
        description, body = _description(stream, offset)
        if not description:
            return
        yield offset
        offset = body + _body_length(description)


def _read(stream: BinaryIO, offset: int, size: int) -> bytes:
    if offset < 0 or not 0 <= size <= _LONGEST_DESCRIPTION:
        raise DamagedArrowError("an offset outside it")
    stream.seek(offset)
    return stream.read(size)


def _description(stream: BinaryIO, offset: int) -> tuple[bytes, int]:
    """Return a message's flatbuffer, empty at the end of a stream, and the offset of its body."""
    first, *more = struct.unpack("<2I", _read(stream, offset, 8).ljust(8, b"\0"))
    length, begin = (more[0], offset + 8) if first == _CONTINUES else (first, offset + 4)
    return _read(stream, begin, length), begin + length


def _body_length(description: bytes) -> int:
    offset = _root(description).at(3)
    length = _number(description, "<q", offset) if offset else 0
    if length < 0:
        raise DamagedArrowError("a body of negative length")
    return length


def _decompressed(stream: BinaryIO, message_offset: int) -> int:
    description, body = _description(stream, message_offset)
    if not description:
        return 0
    message = _root(description)
    kind = _number(description, "<B", message.at(1)) if message.at(1) else 0
    if kind not in (_DICTIONARY, _RECORDS):
        return 0
    batch = _Fields(description, message.inner(2))
    if kind == _DICTIONARY:
        batch = _Fields(description, batch.inner(1))
    buffers = batch.inner(2)
    if not batch.at(3) or not buffers:  # not compressed: no larger than the file
        return 0
    total = 0
    for number in range(_number(description, "<I", buffers)):
        offset, length = struct.unpack_from("<2q", description, buffers + 4 + 16 * number)
        if length >= 8:
            size = _number(_read(stream, body + offset, 8), "<q", 0)
            total += length if size < 0 else size  # -1: this buffer is not compressed
    return total
