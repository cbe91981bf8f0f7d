"""Exchange two folders in one atomic step of the file system, so that neither path is ever missing."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

_AT_CURRENT_FOLDER = -100  # AT_FDCWD
_RENAME_EXCHANGE = 2  # renameat2(2)
_RENAME_SWAP = 2  # renamex_np(2) of macOS
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def exchange(one: Path, other: Path) -> bool:
    """Exchange the content of two paths on one file system atomically; False if the system cannot do that.

    Raises:
        OSError: the system supports it, but it failed with these paths.
    """
    call = _system_call()
    if call is None or call(os.fsencode(one), os.fsencode(other)) == 0:
        return call is not None
    fault = ctypes.get_errno()
    if fault in _CANNOT:
        return False
    raise OSError(fault, os.strerror(fault), str(other))


@lru_cache(maxsize=1)
def _system_call() -> Any:
    """Return a function of two paths that exchanges them and returns 0; None if the C library has none."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            swap = library.renamex_np
            return lambda one, other: swap(one, other, _RENAME_SWAP)
        rename = library.renameat2
    except (OSError, AttributeError):
        return None
    return lambda one, other: rename(_AT_CURRENT_FOLDER, one, _AT_CURRENT_FOLDER, other, _RENAME_EXCHANGE)
