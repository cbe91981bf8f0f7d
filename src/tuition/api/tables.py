"""Tables for notebooks: a pandas DataFrame, or a pyarrow Table if pandas is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any


def make_table(columns: Mapping[str, Sequence[Any]]) -> Any:
    """Return columns of equal length as a pandas DataFrame if pandas is installed, else as a pyarrow Table."""
    if importlib.util.find_spec("pandas") is not None:
        import pandas

        return pandas.DataFrame({name: list(cells) for name, cells in columns.items()})
    import pyarrow

    return pyarrow.table({name: list(cells) for name, cells in columns.items()})


def rows_to_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
    """Return rows as a table with these columns, in order; missing values are None."""
    return make_table({name: [row.get(name) for row in rows] for name in names})
