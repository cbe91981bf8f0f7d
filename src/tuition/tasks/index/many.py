"""Indexing all of a collection at once, by several processes."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.tasks.collection import Collection
from tuition.tasks.index.source import IndexedFiles

Progress = Callable[[int, int], None]
"""Told after each file how many are done, of how many."""

# A process takes half a second to start, and reads about as many files in that time.
_FEW = 16


def index_collection(
    collection: Collection, *, processes: int | None = None, progress: Progress | None = None
) -> tuple[str, ...]:
    """Index what the index does not know yet, and return the names of the tasks that cannot be indexed.

    Those have faults, which reading them tells, or are being changed, or the cache cannot be written. A collection too
    small for an index is left alone. Entries of folders that are no longer there are removed from the cache.

    Args:
        collection: a collection as `open_collection` gives it.
        processes: how many files to read at once; by default as many as there are processors, eight at most.
        progress: called after each file, with the number of files done and of those to do.
    """
    source = collection.read_task
    if not isinstance(source, IndexedFiles):
        return ()
    source.cache.prune()
    missing = [name for name in collection.names if not source.has(name)]
    count = min(processes or min(os.cpu_count() or 1, 8), len(missing) // _FEW)
    done = 0
    for _ in _by_workers(collection, source, missing, count) if count > 1 else ():
        done += 1
        if progress is not None:
            progress(done, len(missing))
    # Whatever the workers did not get to (one may have been killed) is done here.
    left = [name for name in missing if not source.has(name)] if done else missing
    for name in left:
        with suppress(ProblemsError):
            source.make(name)
        done += 1
        if progress is not None and done <= len(missing):
            progress(done, len(missing))
    return tuple(name for name in left if not source.has(name))


def index_named(collection: Collection, names: Iterator[str]) -> Iterator[str]:
    """Index these tasks of a collection one by one; yield each name when it is done, faults or not."""
    source = collection.read_task
    for name in names:
        if isinstance(source, IndexedFiles) and name in source.files:
            with suppress(ProblemsError):
                source.make(name)
        yield name


def _by_workers(collection: Collection, source: IndexedFiles, names: list[str], count: int) -> Iterator[str]:
    """Yield the names that workers are done with, as they come; what a worker that fails leaves is not yielded."""
    # Programs of their own and not `multiprocessing`, whose workers would run the user's script once more.
    command = [sys.executable, "-m", "tuition.tasks.index", source.cache.format, str(Path.cwd() / collection.path)]
    environment = {**os.environ, "TUITION_CACHE": str(source.cache.root)}
    done: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    workers: list[subprocess.Popen[str]] = []
    try:
        for number in range(count):
            worker = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what goes wrong there is met again here
                encoding="utf-8",
                env=environment,
            )
            workers.append(worker)
            threading.Thread(target=_attend, args=(worker, names[number::count], done), daemon=True).start()
        running = len(workers)
        while running:
            name = done.get()
            if name is None:
                running -= 1
            else:
                yield name
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _attend(worker: subprocess.Popen[str], names: list[str], done: queue.SimpleQueue[str | None]) -> None:
    with suppress(OSError, ValueError):  # it is gone, or was ended
        if worker.stdin is not None and worker.stdout is not None:
            worker.stdin.write("".join(f"{name}\n" for name in names))
            worker.stdin.close()
            for line in worker.stdout:
                done.put(line.rstrip("\n"))
    done.put(None)
