"""Making the index's entry for one file: the file is read once, whole, by the rules of plain reading."""

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

# Clocks of file systems tick as slowly as this: a file could change twice at what they call one time.
_TICK_NS = 2_000_000_000


def current_stamp(file: TaskFile) -> Stamp | None:
    """Return the state of a file; None where plain reading would refuse to open it."""
    try:
        status = os.lstat(file.path)
        folder = os.path.dirname(file.path)
        held = os.stat(folder)
        if not stat.S_ISREG(status.st_mode) or not _holds(file.root, folder, held.st_dev, held.st_ino):
            return stamp_of(file.path.stat()) if is_inside(file.path, file.root, file.findings()) else None
        return stamp_of(status)
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=16)
def _holds(root: Path, folder: str, device: int, number: int) -> bool:
    """Whether a folder, which is that one on that device for now, is in `root` or is it: a plain file in it is, too."""
    return Path(folder).resolve(strict=True).is_relative_to(root.resolve())


def is_settled(stamp: Stamp) -> bool:
    """Whether a file was last changed long enough ago that a further change cannot bear the same time."""
    now = time.time_ns()
    return all(abs(now - moment) > _TICK_NS for moment in stamp[1:3])


def build(file: TaskFile) -> tuple[Header, Columns] | None:
    """Read all of a file and return its entry; None where it is being changed, or was a moment ago.

    Raises:
        ProblemsError: the file has faults; all of them are in it.
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
    # Text without faults is the file's bytes exactly: neither a mark was taken off it nor a byte replaced.
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Header(stamp, sha256, tally.skeleton(), tuple(tally.runs)), tally.columns


class _Tally:
    """The columns of the rows met so far, and what stands between the lists of rows."""

    def __init__(self, text: str) -> None:
        self.columns = Columns.empty()
        self.runs: list[tuple[RowSplit, int]] = []
        self._text = text
        self._between: list[str] = []
        self._at = 0
        self._offset = 0

    def add(self, start: int, end: int, instance: Instance) -> None:
        """Count in the row at these characters."""
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
