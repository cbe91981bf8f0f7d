"""Index a whole collection at once, with several processes."""

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
"""Called after each file with the number of files done and the total."""

# A process takes half a second to start, and reads about as many files in that time.
_FEW = 16


def index_collection(
    collection: Collection, *, processes: int | None = None, progress: Progress | None = None
) -> tuple[str, ...]:
    """Index the tasks that are not indexed yet, and return the names of the tasks that cannot be indexed.

    These have faults, which are reported when they are read, or are being changed, or the cache cannot be written. A
    collection too small for an index is not indexed. Entries of folders that no longer exist are removed from the
    cache.

    Args:
        collection: a collection returned by `open_collection`.
        processes: how many files to read at once; by default the number of processors, at most eight.
        progress: called after each file, with the number of files done and the total.
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
    # What the workers did not finish (one may have been killed) is done here.
    left = [name for name in missing if not source.has(name)] if done else missing
    for name in left:
        with suppress(ProblemsError):
            source.make(name)
        done += 1
        if progress is not None and done <= len(missing):
            progress(done, len(missing))
    return tuple(name for name in left if not source.has(name))


def index_named(collection: Collection, names: Iterator[str]) -> Iterator[str]:
    """Index these tasks of a collection one by one; yield each name when its task is done, even if it has faults."""
    source = collection.read_task
    for name in names:
        if isinstance(source, IndexedFiles) and name in source.files:
            with suppress(ProblemsError):
                source.make(name)
        yield name


def _by_workers(collection: Collection, source: IndexedFiles, names: list[str], count: int) -> Iterator[str]:
    """Yield the names that workers finish, as they come; the unfinished names of a failed worker are not yielded."""
    # Separate programs instead of `multiprocessing`, whose workers would run the user's script again.
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
                stderr=subprocess.DEVNULL,  # an error there occurs again here, and is reported
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
    with suppress(OSError, ValueError):  # the worker has ended, or was killed
        if worker.stdin is not None and worker.stdout is not None:
            worker.stdin.write("".join(f"{name}\n" for name in names))
            worker.stdin.close()
            for line in worker.stdout:
                done.put(line.rstrip("\n"))
    done.put(None)
