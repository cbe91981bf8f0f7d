"""The index in the user's cache: one entry per file, written atomically; a missing or damaged entry does no harm."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.index.entry import Columns, Header, Stamp, encode, read_columns, read_header

_FOLDER_FILE = "folder"


@dataclass(frozen=True, slots=True)
class IndexCache:
    """The entries of files read in one format, within the cache folder `root`.

    The entries of a folder's files are together in one subfolder, with a file that has the folder's path. An entry that
    is damaged, of another version, or of another state of its file counts as missing. Two processes may write the same
    entry at once: each moves a complete file into place. If the cache cannot be written, nothing is stored.
    """

    root: Path
    format: str

    def header(self, file: Path, stamp: Stamp) -> Header | None:
        """Return the header of the file in that state; None if it is not stored."""
        try:
            with open(self._entry(file), "rb") as stream:
                header = read_header(stream)
        except OSError:
            return None
        return header if header is not None and header.stamp == stamp else None

    def entry(self, file: Path, stamp: Stamp) -> tuple[Header, Columns] | None:
        """Return the header of the file in that state and the columns of its rows; None if they are not stored."""
        try:
            with open(self._entry(file), "rb") as stream:
                header = read_header(stream)
                if header is None or header.stamp != stamp or header.skeleton is None:
                    return None
                columns = read_columns(stream, header)
        except OSError:
            return None
        return None if columns is None else (header, columns)

    def write(self, file: Path, header: Header, columns: Columns) -> None:
        """Store an entry; no effect if the cache cannot be written."""
        path = Path(self._entry(file))
        # The name is unique among running processes, and a killed process leaves at most this one file.
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            if not (path.parent / _FOLDER_FILE).exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                (path.parent / _FOLDER_FILE).write_bytes(os.fsencode(os.path.dirname(os.path.abspath(file))))
            draft.write_bytes(encode(header, columns))
            os.replace(draft, path)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove the entries of folders that no longer exist."""
        for path in (self.root / "index").glob(f"*/{_FOLDER_FILE}"):
            try:
                if not os.path.isdir(os.fsdecode(path.read_bytes())):
                    shutil.rmtree(path.parent, ignore_errors=True)
            except (OSError, ValueError):
                continue

    def _entry(self, file: Path) -> str:
        folder, name = os.path.split(os.path.abspath(file))
        return os.path.join(self.root, "index", _short(f"{self.format}\0{folder}"), f"{_short(name)}.idx")


def _short(name: str) -> str:
    return hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
