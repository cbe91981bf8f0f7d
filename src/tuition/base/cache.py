"""The user's cache folder, whose content can be rebuilt and may be removed at any time."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root() -> Path:
    """Return Tuition's cache folder: `$TUITION_CACHE`, or one in the platform's folder for caches."""
    chosen = os.environ.get("TUITION_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("tuition", appauthor=False))
