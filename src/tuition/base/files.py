"""Files that are whole or not there: written beside their place, then moved into it.

What is written is in a holder, a folder `.partial-<name>-<random>` beside the place, and whoever writes there holds a
lock on `.partial-<name>-<random>.lock`. A holder whose lock can be had is therefore what a killed process left.
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
"""Where an older folder waits in the holder, while the new one takes its place."""

_LONGEST_NAME = 180  # bytes; file systems allow 255 for the name with what is put around it
_UMASK = os.umask(0o022)
os.umask(_UMASK)


@contextmanager
def atomic_path(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it takes `path`'s place.

    The block may make a file or a folder there. If it fails, what it made is removed and `path` is as before. A folder
    that is replaced is exchanged for the new one at once, where the system can do that; where it cannot, a kill between
    two renames leaves neither, and `recover` puts the new one into its place.

    Args:
        path: the file or folder to make.
        replace: replace what is at `path` when the block ends; if False, what another process has put there stays.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        holder = _Holder.make(path)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); choose a folder that can be") from error
    made = holder.folder / path.name
    try:
        yield made
        _set_rights(made)
        _sync(made)
        if replace or not os.path.lexists(path):
            _put(made, path, holder.folder)
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror or error}); nothing was left there") from error
    finally:
        holder.remove()


@contextmanager
def made_once(path: Path, *, say: Callable[[str], None] = lambda text: None) -> Iterator[Path | None]:
    """Yield a temporary path as `atomic_path` does; or None where `path` is there, made by another process meanwhile.

    Of several processes that come at once, one makes it and the others wait. What is there is never removed.

    Args:
        path: the file or folder to make.
        say: is called with a line where another process is at work.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    lock = filelock.FileLock(path.parent / f".{_short(path.name)}{_LOCK}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Where locks are not to be had, several may make it, and the first to end puts it there.
        with suppress(NotImplementedError):
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                say(f"another process is making {path}; waiting for it")
                lock.acquire()
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror}); choose a folder that can be") from error
    try:
        if path.exists():
            yield None
            return
        with atomic_path(path, replace=False) as made:
            yield made
    finally:
        # Who waits for this very lock looks again when it has it, and of two that make a thing the first one's stays.
        with suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as made:
        made.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def recover(path: Path) -> None:
    """Put a folder into its place whose process was killed while it replaced an older one there."""
    if os.path.lexists(path):
        return
    for holder in _left_over(path.parent, path.name):
        with suppress(OSError):
            if (holder.folder / _REPLACED).exists() and not os.path.lexists(path):
                os.rename(holder.folder / path.name, path)
                _sync_folder(path.parent)
        holder.remove()


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes left in a folder; those at work hold locks, and theirs stays.

    Args:
        folder: the folder.
        name: only what was left of the file or folder of that name; of any by default.
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
    """A folder that one process writes in, and its lock."""

    folder: Path
    lock: filelock.BaseFileLock

    @classmethod
    def make(cls, path: Path) -> _Holder:
        """Make a holder for `path`, locked before it is there.

        Raises:
            OSError: it cannot be made.
        """
        while True:
            folder = path.parent / f"{_PARTIAL}{_short(path.name)}-{secrets.token_hex(4)}"
            lock = filelock.FileLock(f"{folder}{_LOCK}")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue  # one who sweeps was quicker; it removes the lock
            except NotImplementedError:
                pass  # no locks on this file system: what a killed process leaves stays
            else:
                if not os.path.exists(lock.lock_file):  # swept away between its making and its locking
                    lock.release()
                    continue
            made = cls(folder, lock)
            try:
                folder.mkdir()
            except OSError:
                made.remove()
                raise
            return made

    @property
    def original(self) -> Path | None:
        """The path that a folder in the holder was about to take, after the older one had been moved out of it."""
        with suppress(OSError):
            if (self.folder / _REPLACED).exists():
                names = [entry.name for entry in self.folder.iterdir() if entry.name not in (_REPLACED, _LOCK)]
                return self.folder.parent / names[0] if len(names) == 1 else None
        return None

    def remove(self) -> None:
        """Remove the folder with all that is in it, and then the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            os.unlink(self.lock.lock_file)
        self.lock.release()


def _left_over(folder: Path, name: str) -> Iterator[_Holder]:
    """Yield the holders, locked now, whose processes are gone."""
    pattern = f"{_PARTIAL}{glob.escape(_short(name)) if name else '*'}-*"
    found = {str(place).removesuffix(_LOCK) for place in folder.glob(pattern)}
    for place in sorted(found):
        # Earlier versions kept the lock in the folder.
        inner = os.path.join(place, _LOCK)
        lock = filelock.FileLock(inner if os.path.exists(inner) else f"{place}{_LOCK}")
        try:
            lock.acquire(timeout=0)
        except (OSError, NotImplementedError, filelock.Timeout):
            continue
        yield _Holder(Path(place), lock)


def _short(name: str) -> str:
    """Return a file's name, or what stands for it where it is too long to put more around it."""
    return name if len(os.fsencode(name)) <= _LONGEST_NAME else hashlib.sha256(os.fsencode(name)).hexdigest()


def _put(made: Path, path: Path, holder: Path) -> None:
    """Move what was made into its place.

    Raises:
        OSError: it cannot be moved.
    """
    if made.is_dir() and path.is_dir() and not path.is_symlink():
        if not exchange(made, path):
            os.rename(path, holder / _REPLACED)
            os.rename(made, path)
    else:
        os.replace(made, path)
    _sync_folder(path.parent)


def _set_rights(made: Path) -> None:
    """Let files be read by whom the user's umask lets read them; some libraries write for the owner alone."""
    for place in [made, *(made.rglob("*") if made.is_dir() else ())]:
        if not place.is_symlink():
            place.chmod((0o777 if place.is_dir() else 0o666) & ~_UMASK)


def _sync(made: Path) -> None:
    """Make sure that everything made is on the disk, folders after what is in them."""
    places = sorted(made.rglob("*"), reverse=True) if made.is_dir() else []
    for place in [*places, made]:
        if place.is_dir():
            _sync_folder(place)
        elif place.is_file():
            with place.open("rb") as stream:
                os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    # Not every system lets a folder be opened or synced; the rename itself is done.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
