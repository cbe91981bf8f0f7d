"""A collection's files, read through an index."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tuition.base.cache import cache_root
from tuition.base.fingerprints import file_sha256
from tuition.tasks.collection import Collection
from tuition.tasks.index.build import current_stamp, is_settled
from tuition.tasks.index.cache import IndexCache
from tuition.tasks.index.entry import Columns, Header
from tuition.tasks.index.rows import IndexedRows
from tuition.tasks.readers.common.json_task import TaskFields, TaskFile, make_task, read_task, walk
from tuition.tasks.readers.common.json_text import Cursor
from tuition.tasks.rows import PlainRows
from tuition.tasks.types import Task

MIN_BYTES = 64 << 20
"""A collection has an index if its files have at least this many bytes; smaller ones are read in a second or two."""


def with_index(collection: Collection, files: Mapping[str, TaskFile], format: str) -> Collection:  # noqa: A002
    """Return the collection with an index if its files are large enough (`MIN_BYTES`), else unchanged.

    The index is in the user's cache and may be removed at any time. It is built on demand, file by file, when rows are
    first requested by number (`Task.rows`) or a fingerprint is computed, or for all files at once by
    `index_collection`; opening a collection writes nothing. A file is identified by its path, size, inode number and
    times. If any of these differs, or the bytes of the index or of a requested row have changed, the file is read
    again. Only one change goes unnoticed: a row that is not requested, changed in place, with size, inode number and
    all times restored, which ordinary programs cannot do.

    Args:
        collection: the collection without an index.
        files: its tasks' files by name.
        format: the name of the files' format.
    """
    if sum(map(_size, files.values())) < MIN_BYTES:
        return collection
    source = IndexedFiles(files, IndexCache(cache_root(), format), collection.fingerprint)
    return replace(collection, read_task=source, fingerprint_of=source.fingerprint)


@dataclass(frozen=True, slots=True)
class IndexedFiles:
    """Tasks read through an index: their fields from its headers, their rows by its columns."""

    files: Mapping[str, TaskFile]
    cache: IndexCache
    plain_fingerprint: Callable[[], str]

    def __call__(self, name: str) -> Task:
        """Read the task with that name.

        Raises:
            ProblemsError: the task has faults; the error lists all faults of the file.
        """
        file = self.files[name]
        header = self._header(file)
        if header is None or header.skeleton is None:
            task = read_task(file)
        else:
            fields: TaskFields = {}
            for _ in walk(file.schema, Cursor(header.skeleton), file.findings(), fields, rows=False):
                pass
            task = make_task(file, fields)
        rows = PlainRows(task.name, task.read_instances)
        return replace(task, row_access=IndexedRows(file, self.cache, rows, header))

    def has(self, name: str) -> bool:
        """Whether the rows of that task are indexed."""
        header = self._header(self.files[name])
        return header is not None and header.skeleton is not None

    def make(self, name: str) -> None:
        """Index the rows of that task, if this is possible now.

        Raises:
            ProblemsError: the task's file has faults.
        """
        file = self.files[name]
        IndexedRows(file, self.cache, PlainRows(name, make_task(file, {}).read_instances)).make()

    def fingerprint(self) -> str:
        """Return the collection's fingerprint; only files whose hash is not in the index are read.

        Raises:
            ProblemsError: a file cannot be read.
        """
        digest = hashlib.sha256()
        for file in self.files.values():
            content = self._sha256(file)
            if content is None:
                return self.plain_fingerprint()
            digest.update(f"{file.name}\0{content}\0".encode())
        return digest.hexdigest()

    def _header(self, file: TaskFile) -> Header | None:
        stamp = current_stamp(file)
        return None if stamp is None else self.cache.header(file.path, stamp)

    def _sha256(self, file: TaskFile) -> str | None:
        header = self._header(file)
        if header is not None:
            return header.sha256
        stamp = current_stamp(file)
        try:
            content = file_sha256(file.path) if stamp is not None else ""
        except OSError:
            return None
        if stamp is None or current_stamp(file) != stamp:
            return None
        if is_settled(stamp):
            self.cache.write(file.path, Header(stamp, content), Columns.empty())
        return content


def _size(file: TaskFile) -> int:
    try:
        return os.stat(file.path).st_size
    except OSError:
        return 0
