from __future__ import annotations

import io
import random

import pyarrow as pa
import pytest
from pyarrow import ipc

from tuition.tasks.readers.table.arrow_sizes import DamagedArrowError, decompressed_sizes

TABLE = pa.table(
    {"text": ["abc" * 1000] * 1000, "n": range(1000), "d": pa.array(["x" * 10_000] * 1000).dictionary_encode()}
)


def written(compression: str | None, *, stream: bool) -> bytes:
    sink = io.BytesIO()
    make = ipc.new_stream if stream else ipc.new_file
    with make(sink, TABLE.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(TABLE, max_chunksize=300)
    return sink.getvalue()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_the_sizes_are_those_of_what_pyarrow_decompresses(compression: str, stream: bool) -> None:
    sizes = list(decompressed_sizes(io.BytesIO(written(compression, stream=stream))))
    texts, numbers, codes, offsets = 3_000_000, 8 * 1000, 4 * 1000, 4 * 1004
    held = texts + numbers + codes + offsets + 10_000 + 2 * 4
    assert held <= sum(sizes) < held + 1000  # a little more: buffers are padded
    assert max(sizes) < 1_000_000  # a batch has 300 rows


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_compressed_grows_by_nothing(stream: bool) -> None:
    assert sum(decompressed_sizes(io.BytesIO(written(None, stream=stream)))) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_damaged_files_end_in_the_one_error(stream: bool) -> None:
    whole = written("lz4", stream=stream)
    draw = random.Random(stream)
    refused = 0
    for _ in range(300):
        data = bytearray(whole[: draw.randrange(len(whole))] if draw.random() < 0.3 else whole)
        for _ in range(draw.randrange(1, 6) if data else 0):
            data[draw.randrange(len(data)) if draw.random() < 0.5 else -draw.randrange(1, min(len(data), 400))] = (
                draw.randrange(256)
            )
        try:
            list(decompressed_sizes(io.BytesIO(bytes(data))))
        except DamagedArrowError:
            refused += 1
    assert refused > 10
