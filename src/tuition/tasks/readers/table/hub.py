"""A dataset of the hub, by its id: fetched with the optional library `datasets`, and read as local files."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from tuition.base.errors import UserError, clip
from tuition.base.hub import is_offline, is_reachable

_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
_BY_HAND = "save it with save_to_disk on a machine with a network, and give that folder"


@lru_cache(maxsize=16)
def hub_files(dataset: str, subset: str = "", revision: str = "") -> dict[str, tuple[Path, ...]]:
    """Return the Arrow files of each split of a dataset; they are fetched into the cache of `datasets` if necessary.

    Raises:
        UserError: the library is not installed, the hub cannot be reached, or it has no such dataset.
    """
    if not _ID.fullmatch(dataset) or ".." in dataset:
        raise UserError(f"dataset {clip(dataset, 80)!r} is not an id; an id is name or owner/name")
    if os.path.exists(dataset):
        raise UserError(f"dataset {dataset!r} is also a path here; give the path itself, or run in another folder")
    try:
        import datasets
    except ImportError as error:
        message = "needs the library `datasets`, which is not installed"
        raise UserError(f"dataset {dataset!r} {message}; pip install datasets, or {_BY_HAND}") from error
    if not is_offline() and not is_reachable():
        message = f"dataset {dataset!r} cannot be fetched: the hub cannot be reached from here"
        raise UserError(f"{message}; {_BY_HAND} (HF_HUB_OFFLINE=1 reads what was fetched before)")
    try:
        loaded = datasets.load_dataset(dataset, subset or None, revision=revision or None)
    except Exception as error:  # the library raises many kinds of errors; each means that the data is not available
        reason = clip(" ".join(str(error).split()) or type(error).__name__, 300)
        raise UserError(f"dataset {dataset!r} cannot be read ({reason}); check dataset, subset and revision") from error
    return {str(split): tuple(Path(file["filename"]) for file in rows.cache_files) for split, rows in loaded.items()}
