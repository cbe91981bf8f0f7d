"""Write JSON line by line; values that JSON does not have become text, and this is recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tuition.tasks.writers.writer import Of, Record


def create(file: Path) -> TextIO:
    r"""Open a new text file; half a character (a lone surrogate) becomes its JSON escape, lines end with `\n`."""
    return file.open("x", encoding="utf-8", errors="backslashreplace", newline="\n")


def dumps(value: Any, record: Record, of: Of, indent: int | None = None) -> str:
    """Return a value as JSON; dates, infinities and similar values become text, which is counted in `record`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except (TypeError, ValueError):
        record.keep_as_extra("values that JSON does not have, as text,", of)
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
