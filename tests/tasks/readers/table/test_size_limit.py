from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from tuition.base.errors import UserError
from tuition.tasks.check import check_collection
from tuition.tasks.readers.table.size_limit import VARIABLE, TableLimit, TableLimitError

LONG = "x" * 900_000
ROWS = 2200


def dictionary(rows: int = ROWS) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([LONG]))


def write_parquet(path: Path, text: pa.Array, *, store_schema: bool = True) -> None:
    label = pa.array(["a"] * len(text))
    parquet.write_table(pa.table({"text": text, "label": label}), path, compression="zstd", store_schema=store_schema)


def write_arrow(path: Path, text: pa.Array, *, stream: bool = False, label: pa.Array | None = None) -> None:
    table = pa.table({"text": text, "label": pa.nulls(len(text)) if label is None else label})
    options = ipc.IpcWriteOptions(compression="zstd")
    make = ipc.new_stream if stream else ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema, options=options) as writer:
        writer.write_table(table)


ZEROS = np.zeros(40_000_000)
GROWING: dict[str, Callable[[Path], None]] = {
    "dictionary.parquet": lambda path: write_parquet(path, dictionary()),
    "shared.parquet": lambda path: write_parquet(path, dictionary(), store_schema=False),
    "nested.parquet": lambda path: write_parquet(
        path, pa.ListArray.from_arrays(pa.array([0, ROWS, ROWS], pa.int32()), dictionary())
    ),
    "dictionary.arrow": lambda path: write_arrow(path, dictionary()),
    "runs.arrow": lambda path: write_arrow(path, pa.RunEndEncodedArray.from_arrays([ROWS], [LONG])),
    "zeros.arrow": lambda path: write_arrow(path, pa.array(ZEROS)),
    "zeros-stream.arrow": lambda path: write_arrow(path, pa.array(ZEROS), stream=True),
    "nulls.feather": lambda path: write_arrow(path, pa.nulls(200_000_000)),
    "list-of-nulls.arrow": lambda path: write_arrow(
        path, pa.ListArray.from_arrays(pa.array([0, 200_000_000], pa.int32()), pa.nulls(200_000_000))
    ),
}

CHECK = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
from tuition.tasks.check import check_collection
(Path(sys.argv[1]).with_suffix(".task.yaml")).write_text("input: text\\noutput: label\\n")
report = check_collection(Path(sys.argv[1]))
print([e.found for e in report.errors if e.kind == "table-too-large"], {e.kind for e in report.errors} - {"wrong-type"})
# The peak of this very program: ru_maxrss begins at that of the process which started it.
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("name", GROWING)
def test_a_small_file_that_grows_is_refused_within_half_a_gigabyte(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    GROWING[name](path)
    size = path.stat().st_size
    assert size < 200_000
    done = subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=True)
    found, peak = done.stdout.splitlines()
    assert found.startswith(f"['its {size:,} bytes decode to more than 256 MB']")
    assert int(peak) < 512 << 10


def test_a_setting_allows_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(path, dictionary(320))
    (problem,) = check_collection(path).errors
    assert problem.kind == "table-too-large"
    assert VARIABLE in problem.expected
    monkeypatch.setenv(VARIABLE, "1000")
    report = check_collection(path)
    assert not report.errors
    assert report.instances == 320


def test_a_large_file_may_hold_a_hundred_times_its_size() -> None:
    assert TableLimit(1).limit == 256 << 20
    assert TableLimit(1 << 30).limit == 100 << 30
    limit = TableLimit(1)
    limit.spend(limit.limit)
    with pytest.raises(TableLimitError):
        limit.spend(1)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "many", "٣", "9" * 40])
def test_a_setting_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=VARIABLE):
        TableLimit(1)
