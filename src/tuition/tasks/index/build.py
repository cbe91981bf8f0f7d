"""Build the index entry of one file: the whole file is read once, by the same rules as without an index."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zlib
from functools import lru_cache
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.tasks.content import content_hash
from tuition.tasks.index.entry import Columns, Header, Stamp, stamp_of
from tuition.tasks.readers.common.json_task import TaskFile, walk
from tuition.tasks.readers.common.json_text import Cursor
from tuition.tasks.readers.common.text_file import is_inside, read_text
from tuition.tasks.types import Instance, RowSplit

# The time stamps of file systems are as coarse as this: a file could change twice with the same time stamp.
_TICK_NS = 2_000_000_000


def current_stamp(file: TaskFile) -> Stamp | None:
    """Return the state of a file; None if reading without an index would refuse to open it."""
    try:
        status = os.lstat(file.path)
        folder = os.path.dirname(file.path)
        parent = os.stat(folder)
        if not stat.S_ISREG(status.st_mode) or not _contains(file.root, folder, parent.st_dev, parent.st_ino):
            return stamp_of(file.path.stat()) if is_inside(file.path, file.root, file.findings()) else None
        return stamp_of(status)
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=16)
def _contains(root: Path, folder: str, device: int, number: int) -> bool:
    """Whether a folder is `root` or inside it, so that its regular files are; cached by device and inode number."""
    return Path(folder).resolve(strict=True).is_relative_to(root.resolve())


def is_settled(stamp: Stamp) -> bool:
    """Whether a file was last changed so long ago that another change cannot have the same time stamp."""
    now = time.time_ns()
    return all(abs(now - moment) > _TICK_NS for moment in stamp[1:3])


def build(file: TaskFile) -> tuple[Header, Columns] | None:
    """Read all of a file and return its entry; None if it is being changed, or was changed a moment ago.

    Raises:
        ProblemsError: the file has faults; all are listed.
    """
    stamp = current_stamp(file)
    if stamp is None or not is_settled(stamp):
        return None
    found = file.findings()
    text = read_text(file.path, file.root, found)
    if text is None:
        raise ProblemsError(found.errors())
    cursor = Cursor(text)
    tally = _Tally(text)
    for instance in walk(file.schema, cursor, found, {}, rows=True):
        tally.add(cursor.start, cursor.at, instance)
    if found.failed:
        raise ProblemsError(found.errors())
    if current_stamp(file) != stamp:
        return None
    # A text without faults encodes to exactly the file's bytes: no mark was removed and no byte replaced.
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Header(stamp, sha256, tally.skeleton(), tuple(tally.runs)), tally.columns


class _Tally:
    """The columns of the rows so far, and the text between the lists of rows."""

    def __init__(self, text: str) -> None:
        self.columns = Columns.empty()
        self.runs: list[tuple[RowSplit, int]] = []
        self._text = text
        self._between: list[str] = []
        self._at = 0
        self._offset = 0

    def add(self, start: int, end: int, instance: Instance) -> None:
        """Add the row at these characters."""
        gap, row = self._text[self._at : start], self._text[start:end].encode()
        if self.runs and self.runs[-1][0] == instance.split:
            self.runs[-1] = (instance.split, self.runs[-1][1] + 1)
        else:
            self.runs.append((instance.split, 1))
            self._between.append(gap)
        self._offset += len(gap.encode())
        self.columns.starts.append(self._offset)
        self.columns.lengths.append(len(row))
        self.columns.contents.append(content_hash(instance.input))
        self.columns.checks.append(zlib.crc32(row))
        self._offset += len(row)
        self._at = end

    def skeleton(self) -> str:
        """Return the text with its lists of rows emptied."""
        return "".join((*self._between, self._text[self._at :]))
