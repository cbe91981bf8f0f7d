"""One measurement of `collections.py`, in its own process: `python _collection_sides.py SIDE WORK FOLDER DRAWN`.

Prints one JSON object: seconds, the peak resident set size in MB, and hashes of the results.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DRAWS = 100
Row = tuple[str, str, tuple[str, ...]]


def plan(folder: Path, rows: dict[str, int], drawn: int) -> dict[str, list[int]]:
    """Return which rows to draw, by task: the same for every side."""
    draw = random.Random(1)
    chosen = sorted(draw.sample(sorted(rows), min(drawn, len(rows))))
    return {name: draw.sample(range(rows[name]), min(DRAWS, rows[name])) for name in chosen}


class Tuition:
    """`open_collection` with its index."""

    processes = 2

    def __init__(self, folder: Path, worth: int | None = 0 if "ALWAYS_INDEX" in os.environ else None) -> None:
        """Set the size in bytes (`worth`) from which a collection gets an index."""
        from tuition.tasks.index import source
        from tuition.tasks.index.many import index_collection
        from tuition.tasks.readers import open_collection

        if worth is not None:
            source.MIN_BYTES = worth
        self._folder, self._open, self._index = folder, open_collection, index_collection

    def first(self) -> Iterator[tuple[str, int, str]]:
        self._index(self._open(self._folder), processes=self.processes)
        yield from self.warm()

    def warm(self) -> Iterator[tuple[str, int, str]]:
        for task in self._open(self._folder):
            yield task.name, task.rows.count(), task.definition

    def draw(self, places: dict[str, list[int]]) -> Iterator[Row]:
        collection = self._open(self._folder)
        for name, chosen in places.items():
            for row in collection[name].rows.read(chosen):
                yield row.id, row.input, row.outputs

    def fingerprint(self) -> str:
        return self._open(self._folder).fingerprint()


class Unindexed(Tuition):
    """`open_collection` without an index."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, worth=1 << 60)


class PlainJson:
    """`json.load` of every file, one after another, keeping none in memory."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted((folder / "tasks").glob("*.json"))

    def first(self) -> Iterator[tuple[str, int, str]]:
        for file in self._files:
            task = self._load(file)
            yield file.stem, len(task["Instances"]), task["Definition"][0]

    warm = first

    def draw(self, places: dict[str, list[int]]) -> Iterator[Row]:
        for file in self._files:
            if chosen := places.get(file.stem):
                rows = self._load(file)["Instances"]
                for row in (rows[place] for place in chosen):
                    yield row["id"], row["input"], tuple(row["output"])

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for file in self._files:
            with file.open("rb") as stream:
                digest.update(f"{file.stem}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\0".encode())
        return digest.hexdigest()

    def _load(self, file: Path) -> Any:
        with file.open(encoding="utf-8") as stream:
            return json.load(stream)


class HuggingFace:
    """`datasets.load_dataset("json")`, a split for each file; it keeps instances but no instructions."""

    def __init__(self, folder: Path) -> None:
        import datasets

        datasets.disable_progress_bars()
        self._load = datasets.load_dataset
        self._files = {file.stem: str(file) for file in sorted((folder / "tasks").glob("*.json"))}

    def first(self) -> Iterator[tuple[str, int, str]]:
        for name, rows in self._all().items():
            yield name, len(rows), ""

    warm = first

    def draw(self, places: dict[str, list[int]]) -> Iterator[Row]:
        tables = self._all()
        for name, chosen in places.items():
            rows = tables[name][chosen]
            yield from zip(rows["id"], rows["input"], map(tuple, rows["output"]), strict=True)

    def _all(self) -> Any:
        return self._load("json", data_files=self._files, field="Instances")


SIDES: dict[str, Callable[[Path], Any]] = {
    "tuition": Tuition,
    "tuition, no index": Unindexed,
    "json.load": PlainJson,
    "SHA-256 of every file": PlainJson,
    "datasets": HuggingFace,
}


def main() -> None:
    """Run one operation and print its time, memory and results."""
    name, work, folder, drawn = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    side = SIDES[name](folder)
    places = plan(folder, json.loads(os.environ["ROWS"]), drawn) if work == "draw" else {}
    start, worked = time.perf_counter(), _processor_seconds()
    given: list[object] = []
    if work == "fingerprint":
        given.append(side.fingerprint())
    else:
        given.extend(side.draw(places) if work == "draw" else getattr(side, work)())
    seconds, worked = time.perf_counter() - start, _processor_seconds() - worked
    # A worker's peak memory is known, but not when it occurred: the sum of all peaks is an upper bound.
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (2 if work == "first" else 0)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + workers) / 1000
    facts: dict[str, object] = {"seconds": seconds, "processor": worked, "peak": peak}
    if work in ("first", "warm"):
        facts["definitions"] = _hash([row[2] for row in given])  # type: ignore[index]
        given = [row[:2] for row in given]  # type: ignore[index]
    print(json.dumps({**facts, "result": _hash(given)}))


def _processor_seconds() -> float:
    """Return the CPU time of this process and of its finished children."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


if __name__ == "__main__":
    main()
