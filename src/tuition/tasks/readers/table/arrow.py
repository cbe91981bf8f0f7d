"""Parquet and Arrow files (Feather, and those that Hugging Face `datasets` saves), read one batch of rows at a time."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import is_inside, note_unreadable
from tuition.tasks.readers.table.arrow_sizes import decompressed_sizes
from tuition.tasks.readers.table.class_names import NamelessClass
from tuition.tasks.readers.table.size_limit import ROW, VALUE, VARIABLE, TableLimit, TableLimitError

_BATCH = 1024
_TEXTS = ("STRING", "JSON", "ENUM")
_GET_AGAIN = "get the file again, or save it again with a current library"
_ALLOW = (
    f"if the file is right, raise the limit, such as {VARIABLE}=2000 (megabytes) in the environment; else do not use it"
)


def arrow_columns(file: Path, root: Path, found: Findings) -> tuple[str, ...] | None:
    """Return the columns of a file within `root`; None, with the reasons in `found`, if it cannot be used."""
    return next((tuple(part) for part in _parts(file, root, found)), None)


def arrow_rows(file: Path, root: Path, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Yield None (these files have no lines) and each row's cells by column; what is wrong goes to `found`.

    Class numbers (a `ClassLabel` of Hugging Face `datasets`) become the classes' names. Dates and decimals become
    text, NaN and infinity become null, and columns of bytes are dropped with a warning.
    """
    parts = _parts(file, root, found)
    next(parts, None)
    for part in parts:
        yield None, part


def _parts(file: Path, root: Path, found: Findings) -> Iterator[dict[str, object]]:
    """Yield a row with only the columns' names first, then the rows."""
    import pyarrow

    try:
        if not is_inside(file, root, found):
            return
        limit = TableLimit(file.stat().st_size)
        with file.open("rb") as source:
            schema, batches = _open(source, file, limit)
            columns = _columns(schema, found)
            if columns is None:
                return
            yield dict.fromkeys(columns)
            labels = _class_names(schema)
            for batch in batches(columns):
                batch.validate(full=True)
                yield from _rows(batch.select(columns), labels, limit)
    except TableLimitError as error:
        message = f"its {file.stat().st_size:,} bytes decode to more than {error.limit >> 20:,} MB"
        found.error("table-too-large", message, _ALLOW)
    except (FileNotFoundError, PermissionError) as error:
        note_unreadable(error, found)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError, RuntimeError,
            OverflowError) as error:  # fmt: skip # pyarrow may raise any of these for a damaged file
        kind = "Parquet" if _is_parquet(file) else "Arrow"
        message = f"it is not a valid {kind} file ({clip(str(error)) or 'damaged'})"
        found.error("broken-table", message, _GET_AGAIN)


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


_Batches = Callable[[list[str]], Iterator[Any]]
"""A function that yields the batches of a file, with at least these columns."""


def _open(source: BinaryIO, file: Path, limit: TableLimit) -> tuple[Any, _Batches]:
    if _is_parquet(file):
        return _open_parquet(source, limit)
    from pyarrow import ipc

    magic = source.read(6)
    if magic[:4] == b"FEA1":
        raise ValueError("Feather version 1; save it as version 2")
    for size in decompressed_sizes(source):
        limit.require(size)
    source.seek(0)
    if magic == b"ARROW1":
        reader = ipc.open_file(source)
        return reader.schema, lambda _: (reader.get_batch(number) for number in range(reader.num_record_batches))
    stream = ipc.open_stream(source)
    return stream.schema, lambda _: iter(stream)


def _open_parquet(source: BinaryIO, limit: TableLimit) -> tuple[Any, _Batches]:
    """Open a Parquet file if its row groups are within the limit; texts that rows share are decoded once per batch."""
    from pyarrow import parquet

    metadata = parquet.read_metadata(source)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(column) for column in range(group.num_columns)]
        limit.require(sum(chunk.total_uncompressed_size + 8 * chunk.num_values for chunk in chunks))
    leaves = [metadata.schema.column(column) for column in range(metadata.num_columns)]
    source.seek(0)
    table = parquet.ParquetFile(
        source, read_dictionary=[leaf.path for leaf in leaves if leaf.logical_type.type in _TEXTS]
    )
    return table.schema_arrow, lambda columns: table.iter_batches(_BATCH, columns=columns)


def _columns(schema: Any, found: Findings) -> list[str] | None:
    duplicates = [name for name, count in Counter(schema.names).items() if count > 1]
    for name in duplicates:
        found.error("duplicate-column", f"several columns are named {clip(name, 60)!r}", "give each its own name")
    if duplicates:
        return None
    kept = [field.name for field in schema if not _holds_bytes(field.type)]
    for field in schema:
        if field.name not in kept:
            message = f"the column {clip(field.name, 60)!r} contains bytes; it is dropped"
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
    """Return each column's class names from the schema metadata that Hugging Face `datasets` writes.

    A column's cells are classes, or lists of classes.
    """
    try:
        metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = {name: _item(feature) for name, feature in metadata["info"]["features"].items()}
        return {
            name: tuple(map(str, feature["names"]))
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _item(feature: object) -> object:
    """Return the feature of a list's items; any other feature is returned unchanged."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    if isinstance(feature, dict) and feature.get("_type") in ("Sequence", "List", "LargeList"):
        return feature.get("feature")
    return feature


def _rows(batch: Any, labels: Mapping[str, tuple[str, ...]], limit: TableLimit) -> Iterator[dict[str, object]]:
    """Yield the rows of a batch, decoding one at a time, and count their decoded bytes."""
    from pyarrow import types

    singles = {field.name for field in batch.schema if types.is_float32(field.type) or types.is_float16(field.type)}
    columns = [(field.name, _text if _is_text(field.type) else _value) for field in batch.schema]
    named = labels.keys() & set(batch.schema.names)
    for scalars in zip(*batch.columns, strict=True):
        limit.spend(ROW)
        cells = {name: value(scalar, limit) for (name, value), scalar in zip(columns, scalars, strict=True)}
        for name in singles:
            cells[name] = _shortest(cells[name])
        for name in named:
            cells[name] = _class_name(cells[name], labels[name])
        yield cells


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _text(scalar: Any, limit: TableLimit) -> str | None:
    text: str | None = scalar.as_py()
    limit.spend(VALUE + len(text or ""))
    return text


def _value(scalar: Any, limit: TableLimit) -> object:
    """Return an Arrow value as a JSON value; lists and structs are decoded, and counted, item by item."""
    import pyarrow

    if isinstance(scalar, (pyarrow.DictionaryScalar, pyarrow.RunEndEncodedScalar, pyarrow.UnionScalar)):
        scalar = scalar.value
    if scalar.is_valid:
        if isinstance(scalar, pyarrow.StructScalar):
            return {str(name): _value(item, limit) for name, item in scalar.items()}
        if isinstance(scalar, pyarrow.MapScalar):
            return [[_value(part, limit) for part in pair.values()] for pair in scalar.values]
        if isinstance(scalar, pyarrow.ListScalar):  # of all kinds
            return [_value(item, limit) for item in scalar.values]
    value = scalar.as_py()
    limit.spend(VALUE + (len(value) if isinstance(value, str) else 0))
    return _plain(value)


def _plain(value: Any) -> object:
    """Return a Python value as a JSON value."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    written_as_text = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID)
    return str(value) if isinstance(value, written_as_text) else value


def _shortest(value: object) -> object:
    """Return a 32-bit float as the shortest decimal that rounds to it: 0.1, not 0.10000000149."""
    import numpy

    return float(str(numpy.float32(value))) if isinstance(value, float) else value


def _class_name(value: object, names: tuple[str, ...]) -> object:
    """Return the name of a class, or of each class in a list; a number without a name becomes a NamelessClass."""
    if isinstance(value, list):
        return [_class_name(item, names) for item in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else NamelessClass(value)
