"""The index in the user's cache: an entry for each file, written whole or not at all, and never relied on."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.index.entry import Columns, Header, Stamp, encode, read_columns, read_header

_PLACE = "folder"


@dataclass(frozen=True, slots=True)
class IndexCache:
    """The entries of files read in one format, within the cache folder `root`.

    The entries of a folder's files lie together, beside its path. An entry that is missing, damaged, of another
    version or of another state of its file counts as none. Two processes may write the same entry at once: each moves
    a whole file of its own into the place. A cache that cannot be written stays as it is.
    """

    root: Path
    format: str

    def header(self, file: Path, stamp: Stamp) -> Header | None:
        """Return what is known of the file in that state."""
        try:
            with open(self._entry(file), "rb") as stream:
                header = read_header(stream)
        except OSError:
            return None
        return header if header is not None and header.stamp == stamp else None

    def entry(self, file: Path, stamp: Stamp) -> tuple[Header, Columns] | None:
        """Return what is known of the file in that state, and of its rows."""
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
        """Keep an entry; without effect where the cache cannot be written."""
        place = Path(self._entry(file))
        # No name is made twice at once, and a process that is killed leaves at most this one file.
        draft = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            if not (place.parent / _PLACE).exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                (place.parent / _PLACE).write_bytes(os.fsencode(os.path.dirname(os.path.abspath(file))))
            draft.write_bytes(encode(header, columns))
            os.replace(draft, place)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove the entries of folders that are no longer there."""
        for place in (self.root / "index").glob(f"*/{_PLACE}"):
            try:
                if not os.path.isdir(os.fsdecode(place.read_bytes())):
                    shutil.rmtree(place.parent, ignore_errors=True)
            except (OSError, ValueError):
                continue

    def _entry(self, file: Path) -> str:
        folder, name = os.path.split(os.path.abspath(file))
        return os.path.join(self.root, "index", _short(f"{self.format}\0{folder}"), f"{_short(name)}.idx")


def _short(name: str) -> str:
    return hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
