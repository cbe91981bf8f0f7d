"""Fingerprints: hashes of content that identify equal data."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

_CHUNK = 1 << 20
_HOLE = b"\0"
HOLE = orjson.Fragment(_HOLE)
"""Marks the position in a value where `fingerprint_around` inserts JSON in pieces. No other JSON has this byte."""


def _plain(value: object) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"no fingerprint for a {type(value).__name__}")


def canonical_json(value: object) -> bytes:
    """Return `value` as JSON with sorted keys, the same bytes for the same content.

    Raises:
        TypeError: `value` contains something that is not plain data.
    """
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def fingerprint(value: object) -> str:
    """Return the SHA-256 of `canonical_json(value)` as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def fingerprint_around(value: object, pieces: Iterable[bytes]) -> str:
    """Return the fingerprint of `value` with its one `HOLE` filled by pieces of JSON, without joining them in memory.

    Args:
        value: plain data with one `HOLE`.
        pieces: the canonical JSON for the hole, in order.

    Raises:
        TypeError: `value` contains something that is not plain data.
        ValueError: `value` does not have exactly one `HOLE`.
    """
    before, after = canonical_json(value).split(_HOLE)
    digest = hashlib.sha256(before)
    for piece in pieces:
        digest.update(piece)
    digest.update(after)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
