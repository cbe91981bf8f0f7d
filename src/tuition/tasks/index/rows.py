"""The rows of one task through the index: only the requested rows are read and decoded."""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from tuition.tasks.index.build import build, current_stamp
from tuition.tasks.index.cache import IndexCache
from tuition.tasks.index.entry import Columns, Header, stamp_of
from tuition.tasks.readers.common.json_task import TaskFile
from tuition.tasks.readers.common.json_text import decoder
from tuition.tasks.rows import Rows, require_rows
from tuition.tasks.types import Instance, RowSplit


@dataclass(slots=True)
class IndexedRows:
    """A task's rows, located by an index entry, which is built on first use and rebuilt when necessary.

    If the entry may be wrong (the file is being written, a row has changed), `plain` reads the rows. A file with faults
    has no entry; `plain` reports its faults.
    """

    file: TaskFile
    cache: IndexCache
    plain: Rows
    header: Header | None = field(default=None, repr=False)
    _known: tuple[Header, Columns] | None = field(default=None, repr=False)

    def count(self) -> int:
        """Return the number of rows."""
        header = self._header()
        return self.plain.count() if header is None else header.count

    def splits(self) -> list[RowSplit]:
        """Return each row's split in the source."""
        header = self._header()
        if header is None:
            return self.plain.splits()
        return [split for split, count in header.runs for _ in range(count)]

    def content_hashes(self) -> array[int]:
        """Return the `content_hash` of each row's input."""
        known = self._entry()
        return self.plain.content_hashes() if known is None else known[1].contents[:]

    def read(self, numbers: Sequence[int]) -> list[Instance]:
        """Return the rows with these numbers, in the given order."""
        for renew in (False, True):
            known = self._entry(renew=renew)
            if known is None:
                break
            require_rows(self.file.name, numbers, known[0].count)
            rows = self._decode(*known, numbers)
            if rows is not None:
                return rows
        return self.plain.read(numbers)

    def make(self) -> bool:
        """Build the entry if there is none; False if this is not possible now.

        Raises:
            ProblemsError: the file has faults.
        """
        return self._header() is not None

    def _header(self) -> Header | None:
        stamp = current_stamp(self.file)
        if stamp is not None and (self.header is None or self.header.stamp != stamp):
            self.header = self.cache.header(self.file.path, stamp)
        if stamp is None or self.header is None or self.header.skeleton is None:
            known = self._entry()
            return None if known is None else known[0]
        return self.header

    def _entry(self, *, renew: bool = False) -> tuple[Header, Columns] | None:
        stamp = current_stamp(self.file)
        if stamp is None:
            return None
        if not renew:
            if self._known is not None and self._known[0].stamp == stamp:
                return self._known
            self._known = self.cache.entry(self.file.path, stamp)
            if self._known is not None:
                return self._known
        self._known = build(self.file)
        if self._known is not None:
            self.cache.write(self.file.path, *self._known)
        return self._known

    def _decode(self, header: Header, columns: Columns, numbers: Sequence[int]) -> list[Instance] | None:
        """Read these rows; None if the file or a row differs from the entry."""
        rows: list[Instance] = []
        oddities: list[tuple[str, str]] = []
        decode, found = decoder(oddities), self.file.findings()
        try:
            with self.file.path.open("rb", buffering=0) as stream:
                if stamp_of(os.fstat(stream.fileno())) != header.stamp:
                    return None
                for number in numbers:
                    stream.seek(columns.starts[number])
                    data = stream.read(columns.lengths[number])
                    if zlib.crc32(data) != columns.checks[number]:
                        return None
                    value, _ = decode(data.decode(), 0)
                    split, index = header.split_and_index(number)
                    row = self.file.schema.row(value, index, split, {}, found)
                    if row is None or found.failed or oddities:
                        return None
                    rows.append(row)
        except (OSError, ValueError, RecursionError):
            return None
        return rows
