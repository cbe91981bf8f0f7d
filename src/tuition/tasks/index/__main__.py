"""A worker of `index_collection`: takes a format and a path, reads task names from stdin, and prints those done."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from tuition.tasks.index.many import index_named
from tuition.tasks.readers import open_collection


def main() -> None:
    """Index the named tasks."""
    collection = open_collection(Path(sys.argv[2]), sys.argv[1])
    names = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read().split("\n")
    for name in index_named(collection, filter(None, names)):
        sys.stdout.buffer.write(f"{name}\n".encode())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
