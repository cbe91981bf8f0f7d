"""Parquet and Arrow files (Feather, and what Hugging Face `datasets` saves), read a batch of rows at a time."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.findings import Findings
from tuition.tasks.readers.textfile import is_inside, note_unreadable

_BATCH = 1024
_WHOLE = "get the file again, or save it anew with a current library"


def arrow_columns(file: Path, root: Path, found: Findings) -> tuple[str, ...] | None:
    """Return the columns of a file within `root`; None, with the reasons in `found`, where it cannot be used."""
    return next((tuple(part) for part in _parts(file, root, found)), None)


def arrow_rows(file: Path, root: Path, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Yield None (there are no lines) and each row's cells by column; what is wrong goes to `found`.

    Whole numbers that stand for class names (a `ClassLabel` of Hugging Face `datasets`) become these names. Dates and
    decimals become text, a float that is no number becomes null, and columns of bytes are left out with a warning.
    """
    parts = _parts(file, root, found)
    next(parts, None)
    for part in parts:
        yield None, part


def _parts(file: Path, root: Path, found: Findings) -> Iterator[dict[str, object]]:
    """Yield first a row that has the columns' names only, then the rows."""
    import pyarrow

    try:
        if not is_inside(file, root, found):
            return
        with pyarrow.OSFile(str(file)) as source:
            schema, batches = _open(source, file)
            columns = _columns(schema, found)
            if columns is None:
                return
            yield dict.fromkeys(columns)
            labels = _class_names(schema)
            for batch in batches:
                batch.validate(full=True)
                yield from _rows(batch.select(columns), labels, found)
    except (FileNotFoundError, PermissionError) as error:
        note_unreadable(error, found)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError, RuntimeError,
            OverflowError) as error:  # fmt: skip # a damaged file: pyarrow tells it by any of these
        message = f"it is no sound {'Parquet' if _is_parquet(file) else 'Arrow'} file ({clip(str(error)) or 'damaged'})"
        found.error("broken-table", message, _WHOLE)


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def _open(source: Any, file: Path) -> tuple[Any, Iterator[Any]]:
    if _is_parquet(file):
        from pyarrow import parquet

        table = parquet.ParquetFile(source)
        return table.schema_arrow, table.iter_batches(_BATCH)
    from pyarrow import ipc

    magic = source.read(6)
    source.seek(0)
    if magic == b"ARROW1":
        reader = ipc.open_file(source)
        return reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))
    if magic[:4] == b"FEA1":
        raise ValueError("Feather of the first version; save it as the second")
    stream = ipc.open_stream(source)
    return stream.schema, iter(stream)


def _columns(schema: Any, found: Findings) -> list[str] | None:
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    for name in twice:
        found.error("duplicate-column", f"several columns are named {clip(name, 60)!r}", "give each its own name")
    if twice:
        return None
    kept = [field.name for field in schema if not _holds_bytes(field.type)]
    for field in schema:
        if field.name not in kept:
            message = f"the column {clip(field.name, 60)!r} holds bytes; it is left out"
            found.warning("bytes-column", message, "tasks are made of text")
    return kept


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    if types.is_nested(kind):
        return any(_holds_bytes(kind.field(number).type) for number in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes, by column, that Hugging Face `datasets` left in the schema's metadata."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
        return {
            name: tuple(map(str, feature["names"]))
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _rows(batch: Any, labels: Mapping[str, tuple[str, ...]], found: Findings) -> Iterator[dict[str, object]]:
    from pyarrow import types

    singles = {field.name for field in batch.schema if types.is_float32(field.type) or types.is_float16(field.type)}
    names = batch.schema.names
    for start in range(0, batch.num_rows, _BATCH):
        for row in batch.slice(start, _BATCH).to_pylist():
            cells = {name: _plain(row[name]) for name in names}
            for name in singles:
                cells[name] = _shortest(cells[name])
            for name in labels.keys() & cells.keys():
                cells[name] = _class_name(cells[name], labels[name])
            yield cells


def _plain(value: Any) -> object:
    """Return a value as JSON could hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    dated = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID)
    return str(value) if isinstance(value, dated) else value


def _shortest(value: object) -> object:
    """Return a float of 32 bits as the shortest decimal that it stands for: 0.1, not 0.10000000149."""
    import numpy

    return float(str(numpy.float32(value))) if isinstance(value, float) else value


def _class_name(value: object, names: tuple[str, ...]) -> object:
    """Return the name of a class; null where there is none (-1 stands for a label that is kept back)."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else None
