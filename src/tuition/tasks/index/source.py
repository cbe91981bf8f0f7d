"""A collection's files behind their index."""

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

WORTH = 64 << 20
"""Bytes of a collection's files from which on it has an index: to read less takes a second or two."""


def with_index(collection: Collection, files: Mapping[str, TaskFile], format: str) -> Collection:  # noqa: A002
    """Return the collection with an index behind it where its files are big enough (`WORTH`), else as it is.

    The index lies in the user's cache and may be removed at any time. It is made on demand, file by file, when rows
    are first asked for by their places (`Task.rows`) or a fingerprint is taken, or for all files at once by
    `index_collection`; opening alone writes nothing. A file is known again by its path, size, number and times; where
    any differs, or bytes of the index or of a row asked for are not what they were, the file is read anew. What cannot
    be noticed: rows that were changed in place with all of those put back, by means beyond those of ordinary
    programs, and that nobody asked for.

    Args:
        collection: the collection as plain reading has it.
        files: its tasks' files by name.
        format: the name of the format that they are read in.
    """
    if sum(map(_size, files.values())) < WORTH:
        return collection
    source = IndexedFiles(files, IndexCache(cache_root(), format), collection.fingerprint)
    return replace(collection, read_task=source, fingerprint_of=source.fingerprint)


@dataclass(frozen=True, slots=True)
class IndexedFiles:
    """Tasks read through an index: what they say from its headers, their rows by its entries."""

    files: Mapping[str, TaskFile]
    cache: IndexCache
    plain_fingerprint: Callable[[], str]

    def __call__(self, name: str) -> Task:
        """Read the task of that name.

        Raises:
            ProblemsError: what is read has faults; all faults of the file are in it.
        """
        file = self.files[name]
        header = self._header(file)
        if header is None or header.skeleton is None:
            task = read_task(file)
        else:
            told: TaskFields = {}
            for _ in walk(file.schema, Cursor(header.skeleton), file.findings(), told, rows=False):
                pass
            task = make_task(file, told)
        rows = PlainRows(task.name, task.read_instances)
        return replace(task, row_access=IndexedRows(file, self.cache, rows, header))

    def has(self, name: str) -> bool:
        """Whether the index knows the rows of that task."""
        header = self._header(self.files[name])
        return header is not None and header.skeleton is not None

    def make(self, name: str) -> None:
        """Make sure that the index knows the rows of that task, as far as it can for now.

        Raises:
            ProblemsError: the task's file has faults.
        """
        file = self.files[name]
        IndexedRows(file, self.cache, PlainRows(name, make_task(file, {}).read_instances)).make()

    def fingerprint(self) -> str:
        """Return the collection's fingerprint; only files whose hash is not known are read.

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
