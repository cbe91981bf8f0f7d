"""Atomic files and folders: written to a temporary path in the same folder, then moved to the final path.

The temporary path is in a holder, a folder `.partial-<name>-<random>` next to the final path, and the writing process
holds a lock on `.partial-<name>-<random>.lock`. If that lock is free, a killed process left the holder behind.
"""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from tuition.base.errors import UserError
from tuition.base.exchange import exchange

_PARTIAL = ".partial-"
_LOCK = ".lock"
_REPLACED = "replaced"
"""The name in the holder of an older folder that is being replaced."""

_LONGEST_NAME = 180  # bytes; file systems allow 255 for a name with its prefix and suffix
_CHOOSE = "choose a folder that can be written"
_UMASK = os.umask(0o022)
os.umask(_UMASK)


@contextmanager
def atomic_path(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path near `path`; when the block succeeds, it is moved to `path`.

    The block may create a file or a folder there. If it fails, what it created is removed and `path` is unchanged. An
    existing folder is exchanged with the new one atomically if the system supports it; otherwise a kill between two
    renames leaves neither, and `recover` moves the new one to `path`.

    Args:
        path: the file or folder to create.
        replace: replace what is at `path` when the block ends; if False, what another process has created there stays.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        holder = _Holder.create(path)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); {_CHOOSE}") from error
    draft = holder.folder / path.name
    try:
        yield draft
        _set_permissions(draft)
        _sync(draft)
        if replace or not os.path.lexists(path):
            _move(draft, path, holder.folder)
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror or error}); nothing was left there") from error
    finally:
        holder.remove()


@contextmanager
def made_once(path: Path, *, say: Callable[[str], None] = lambda text: None) -> Iterator[Path | None]:
    """Yield a temporary path like `atomic_path`, or None if `path` exists, possibly created by another process.

    Of several processes at the same time, one creates it and the others wait. An existing `path` is never removed.

    Args:
        path: the file or folder to create.
        say: called with a message if another process is creating it.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    lock = filelock.FileLock(path.parent / f".{_short(path.name)}{_LOCK}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without locks several processes may create it, and the first to finish moves it to `path`.
        with suppress(NotImplementedError):
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                say(f"another process is creating {path}; waiting for it")
                lock.acquire()
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); {_CHOOSE}") from error
    try:
        if path.exists():
            yield None
            return
        with atomic_path(path, replace=False) as draft:
            yield draft
    finally:
        # A process that waits for this lock checks again once it has it; if two create the same path, the first stays.
        with suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path` atomically.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as draft:
        draft.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def recover(path: Path) -> None:
    """Move a folder to its final path if its process was killed while it replaced an older folder there."""
    if os.path.lexists(path):
        return
    for holder in _left_over(path.parent, path.name):
        with suppress(OSError):
            if (holder.folder / _REPLACED).exists() and not os.path.lexists(path):
                os.rename(holder.folder / path.name, path)
                _sync_folder(path.parent)
        holder.remove()


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes left in a folder; running processes hold locks, and their files stay.

    Args:
        folder: the folder.
        name: remove only what belongs to the file or folder with that name; by default to any.
    """
    if name:
        recover(folder / name)
    for holder in _left_over(folder, name):
        original = holder.original
        if original is not None and not os.path.lexists(original):
            with suppress(OSError):
                os.rename(holder.folder / original.name, original)
        holder.remove()


@dataclass(slots=True)
class _Holder:
    """The temporary folder that one process writes in, and its lock."""

    folder: Path
    lock: filelock.BaseFileLock

    @classmethod
    def create(cls, path: Path) -> _Holder:
        """Create a holder for `path`, locked before the folder exists.

        Raises:
            OSError: it cannot be created.
        """
        while True:
            folder = path.parent / f"{_PARTIAL}{_short(path.name)}-{secrets.token_hex(4)}"
            lock = filelock.FileLock(f"{folder}{_LOCK}")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue  # another process is sweeping and took the lock; it removes it
            except NotImplementedError:
                pass  # no locks on this file system: what a killed process leaves stays
            else:
                if not os.path.exists(lock.lock_file):  # swept between its creation and its locking
                    lock.release()
                    continue
            holder = cls(folder, lock)
            try:
                folder.mkdir()
            except OSError:
                holder.remove()
                raise
            return holder

    @property
    def original(self) -> Path | None:
        """The final path of the folder in the holder, if the older folder had already been moved away from there."""
        with suppress(OSError):
            if (self.folder / _REPLACED).exists():
                names = [entry.name for entry in self.folder.iterdir() if entry.name not in (_REPLACED, _LOCK)]
                return self.folder.parent / names[0] if len(names) == 1 else None
        return None

    def remove(self) -> None:
        """Remove the folder with its content, and then the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            os.unlink(self.lock.lock_file)
        self.lock.release()


def _left_over(folder: Path, name: str) -> Iterator[_Holder]:
    """Yield the holders, locked now, whose processes have ended."""
    pattern = f"{_PARTIAL}{glob.escape(_short(name)) if name else '*'}-*"
    found = {str(entry).removesuffix(_LOCK) for entry in folder.glob(pattern)}
    for holder in sorted(found):
        # Earlier versions kept the lock in the folder.
        inner = os.path.join(holder, _LOCK)
        lock = filelock.FileLock(inner if os.path.exists(inner) else f"{holder}{_LOCK}")
        try:
            lock.acquire(timeout=0)
        except (OSError, NotImplementedError, filelock.Timeout):
            continue
        yield _Holder(Path(holder), lock)


def _short(name: str) -> str:
    """Return a file's name, or its hash if it is too long for a prefix and suffix."""
    return name if len(os.fsencode(name)) <= _LONGEST_NAME else hashlib.sha256(os.fsencode(name)).hexdigest()


def _move(draft: Path, path: Path, holder: Path) -> None:
    """Move a finished draft to its final path.

    Raises:
        OSError: it cannot be moved.
    """
    if draft.is_dir() and path.is_dir() and not path.is_symlink():
        if not exchange(draft, path):
            os.rename(path, holder / _REPLACED)
            os.rename(draft, path)
    else:
        os.replace(draft, path)
    _sync_folder(path.parent)


def _set_permissions(draft: Path) -> None:
    """Set the permissions of the user's umask, since some libraries write files that only the owner can read."""
    for path in [draft, *(draft.rglob("*") if draft.is_dir() else ())]:
        if not path.is_symlink():
            path.chmod((0o777 if path.is_dir() else 0o666) & ~_UMASK)


def _sync(draft: Path) -> None:
    """Flush everything to the disk, folders after their content."""
    content = sorted(draft.rglob("*"), reverse=True) if draft.is_dir() else []
    for path in [*content, draft]:
        if path.is_dir():
            _sync_folder(path)
        elif path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    # Not every system can open or sync a folder; the rename is done in any case.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
