"""How many bytes the compressed buffers of an Arrow file have when decompressed, as the file itself says.

pyarrow allocates what each buffer's first eight bytes say before it decompresses it, and has no limit for that. The
file's messages are flatbuffers (https://arrow.apache.org/docs/format/Columnar.html); of each, no more than the places
of its buffers is read here.
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
    """A file's description of its own batches cannot be followed."""


def decompressed_sizes(stream: BinaryIO) -> Iterator[int]:
    """Yield the bytes that each compressed batch of an open Arrow file or stream has when decompressed.

    Raises:
        DamagedArrowError: the file contradicts itself.
        OSError: it cannot be read.
    """
    try:
        for place in _messages(stream):
            yield _decompressed(stream, place)
    except (struct.error, OverflowError) as error:
        raise DamagedArrowError("the places of its batches cannot be followed") from error


class _Fields:
    """A flatbuffer's table: where each of its fields is."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self._place = data, place
        self._fields = place - _number(data, "<i", place)
        self._size = _number(data, "<H", self._fields)

    def at(self, field: int) -> int:
        """The place of a field by its number; 0 where it is absent."""
        entry = 4 + 2 * field
        offset = _number(self.data, "<H", self._fields + entry) if entry + 2 <= self._size else 0
        return self._place + offset if offset else 0

    def inner(self, field: int) -> int:
        """The place that a field points to; 0 where it is absent."""
        place = self.at(field)
        return place + _number(self.data, "<I", place) if place else 0


def _number(data: bytes, form: str, place: int) -> int:
    if place < 0:
        raise DamagedArrowError("a place before its beginning")
    return int(struct.unpack_from(form, data, place)[0])


def _root(data: bytes) -> _Fields:
    return _Fields(data, _number(data, "<I", 0))


def _messages(stream: BinaryIO) -> Iterator[int]:
    """Yield the place of each message that pyarrow would read: those that a file's footer names, or a stream's all."""
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
    place = 0
    while place < size:
        description, body = _description(stream, place)
        if not description:
            return
        yield place
        place = body + _body_length(description)


def _read(stream: BinaryIO, place: int, size: int) -> bytes:
    if place < 0 or not 0 <= size <= _LONGEST_DESCRIPTION:
        raise DamagedArrowError("a place outside it")
    stream.seek(place)
    return stream.read(size)


def _description(stream: BinaryIO, place: int) -> tuple[bytes, int]:
    """Return a message's flatbuffer, empty at the end of a stream, and the place of its body."""
    first, *more = struct.unpack("<2I", _read(stream, place, 8).ljust(8, b"\0"))
    length, begin = (more[0], place + 8) if first == _CONTINUES else (first, place + 4)
    return _read(stream, begin, length), begin + length


def _body_length(description: bytes) -> int:
    place = _root(description).at(3)
    length = _number(description, "<q", place) if place else 0
    if length < 0:
        raise DamagedArrowError("a body of less than nothing")
    return length


def _decompressed(stream: BinaryIO, place: int) -> int:
    description, body = _description(stream, place)
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
    if not batch.at(3) or not buffers:  # not compressed: no more than what is in the file
        return 0
    total = 0
    for number in range(_number(description, "<I", buffers)):
        offset, length = struct.unpack_from("<2q", description, buffers + 4 + 16 * number)
        if length >= 8:
            size = _number(_read(stream, body + offset, 8), "<q", 0)
            total += length if size < 0 else size  # -1: this one is not compressed
    return total
