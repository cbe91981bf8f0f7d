"""The audit of a whole collection: how long it takes, and its near duplicates against datasketch's MinHash.

    python benchmarks/audit.py [--json] [--collection PATH] [--peer-rows 20000] [--brute-rows 6000]

The collection is the 119 test tasks of Super-NaturalInstructions (103,496 rows) unless another is given. Three things
are measured, each in its own process, so that memory is measured separately:

- every audit of `tuition check`, with reading, and the near-duplicate audit alone;
- near duplicates (Jaccard similarity of 0.8 or more between sets of three-word sequences) by our exact join and by
  datasketch's `MinHashLSH` (128 permutations), which is given the same sets and whose candidates are verified
  by their true similarity. Both see the same rows, drawn by a fixed seed;
- on fewer rows, both against brute force over all pairs: the share of true pairs that each finds.

It also plants a word in rows of one label and reports how many rows it takes until the audit of triggers finds it.
The exit status is 1 if our join misses a pair, or reports a wrong one, or there is no pair at all. With `--quick` the
rows are synthetic, every third nearly a copy of the one before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from _table import Cell, argument_parser, parse, report

_DATA = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
_THRESHOLD, _PERMUTATIONS, _LIMIT_SECONDS = 0.8, 128, 120
Pairs = set[tuple[int, int]]


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argument_parser("The audit of a collection, and its near duplicates against datasketch.")
    parser.add_argument("--collection", type=Path, default=_DATA / "superni", help="what is audited")
    parser.add_argument("--peer-rows", type=int, default=20_000, help="rows that both sides compare")
    parser.add_argument("--brute-rows", type=int, default=6_000, help="rows that brute force compares too")
    parser.add_argument("--measure", choices=list(_MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parse(parser, quick={"peer_rows": 300, "brute_rows": 150})
    if options.measure:
        print(json.dumps(_measured(options)))
        return 0
    if not options.quick:
        return compare(options)
    with tempfile.TemporaryDirectory() as folder:
        options.collection = make_collection(Path(folder))
        return compare(options)


def compare(options: argparse.Namespace) -> int:
    """Measure the audits of one collection, print, and return the exit status."""
    whole = _child(options, "near-duplicate audit", 0)
    rows: list[dict[str, Cell]] = [_row(_child(options, "all audits", 0)), _row(whole)]
    peers = {
        size: {
            name: _child(options, name, size) for name in _SIDES if name != "brute force" or size == options.brute_rows
        }
        for size in (options.peer_rows, options.brute_rows)
    }
    for measured in peers.values():
        rows += [_row(side) for side in measured.values()]
    sides = peers[options.brute_rows]
    truth, ours, peer = (_pairs(sides[name]) for name in ("brute force", "exact join", "MinHashLSH, verified"))
    large, large_peer = (_pairs(peers[options.peer_rows][name]) for name in ("exact join", "MinHashLSH, verified"))
    facts: dict[str, Cell] = {
        f"true pairs among {options.brute_rows} rows": len(truth),
        "found by the exact join": len(ours & truth),
        "invented by the exact join": len(ours - truth),
        "found by MinHashLSH": len(peer & truth),
        f"pairs of the exact join among {options.peer_rows} rows": len(large),
        "of them found by MinHashLSH": len(large_peer & large),
        "found by MinHashLSH alone": len(large_peer - large),
        "rows that a planted word needs to be found": _planted(),
        f"near-duplicate audit within {_LIMIT_SECONDS} s": float(str(whole["seconds"])) <= _LIMIT_SECONDS,
    }
    checks = {
        "there are pairs to be found": bool(truth),
        "the exact join finds the pairs of brute force": ours == truth,
        "MinHashLSH finds no pair that the exact join misses": not large_peer - large,
    }
    return report("The audit of a collection", rows, facts, checks, as_json=options.json)


def make_collection(folder: Path, tasks: int = 2, rows: int = 200) -> Path:
    """Write tasks of synthetic rows of which every third is nearly the one before: one to three of 40 words differ."""
    draw = random.Random(1)
    (folder / "tasks").mkdir()
    for number in range(1, tasks + 1):
        rows_of_words: list[list[str]] = []
        for at in range(rows):
            words = [f"w{draw.randrange(3000)}" for _ in range(40)]
            if at % 3 == 2:
                words = list(rows_of_words[-1])
                for place in draw.sample(range(40), draw.randint(1, 3)):
                    words[place] = f"w{draw.randrange(3000)}"
            rows_of_words.append(words)
        task = {
            "Definition": ["Say yes or no."],
            "Positive Examples": [],
            "Negative Examples": [],
            "Instances": [
                {"id": f"task{number:03}-{at}", "input": " ".join(words), "output": [draw.choice(("yes", "no"))]}
                for at, words in enumerate(rows_of_words)
            ],
        }
        (folder / "tasks" / f"task{number:03}_made.json").write_text(json.dumps(task), encoding="utf-8")
    return folder


def _row(measured: dict[str, Cell | list[list[int]]]) -> dict[str, Cell]:
    names = ("what", "rows", "seconds", "CPU seconds", "peak memory (MB)")
    row: dict[str, Cell] = {name: measured[name] for name in names}  # type: ignore[misc]
    found = measured["found"]
    return row | {"found": len(found) if isinstance(found, list) else found}


def _pairs(measured: dict[str, Cell | list[list[int]]]) -> Pairs:
    found = measured["found"]
    return {(one, other) for one, other in found} if isinstance(found, list) else set()


def _child(options: argparse.Namespace, name: str, rows: int) -> dict[str, Cell | list[list[int]]]:
    command = [
        sys.executable,
        __file__,
        "--measure",
        name,
        "--rows",
        str(rows),
        "--collection",
        str(options.collection),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _measured(options: argparse.Namespace) -> dict[str, Cell | list[list[int]]]:
    measure = _MEASURES[options.measure]
    texts = _texts(options.collection, options.rows) if options.measure in _SIDES else []
    wall, cpu = time.perf_counter(), time.process_time()
    found, rows = measure(options.collection, texts)
    return {
        "what": options.measure,
        "rows": rows,
        "seconds": round(time.perf_counter() - wall, 2),
        "CPU seconds": round(time.process_time() - cpu, 2),
        "peak memory (MB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "found": found,
    }


_Found = tuple[int | list[list[int]], int]


def _audit(names: Sequence[str] | None) -> Callable[[Path, Sequence[str]], _Found]:
    def measure(path: Path, texts: Sequence[str]) -> _Found:
        from tuition.audit import AUDITS, audit_collection
        from tuition.tasks.check import check_collection
        from tuition.tasks.readers import open_collection

        rows = check_collection(path).instances if names is None else 0
        chosen = [AUDITS[name] for name in (AUDITS if names is None else names)]
        collection = open_collection(path)
        found = audit_collection(collection, chosen)
        return len(found), rows or sum(1 for task in collection for _ in task.instances())

    return measure


def _texts(path: Path, rows: int) -> list[str]:
    """Return the contents of the given number of rows, drawn from all tasks with a fixed seed."""
    from tuition.splits.content import content_key
    from tuition.tasks.readers import open_collection

    texts = [content_key(row.input) for task in open_collection(path) for row in task.instances()]
    return random.Random(1).sample(texts, min(rows, len(texts)))


def _join(path: Path, texts: Sequence[str]) -> _Found:
    from tuition.audit.join import Sets, similar_pairs
    from tuition.audit.near_duplicates import shingles

    hashes, rows = shingles(texts)
    pairs = [
        [one, other]
        for block in similar_pairs(Sets(hashes, rows, len(texts)), _THRESHOLD)
        for one, other in zip(block.first.tolist(), block.second.tolist(), strict=True)
    ]
    return pairs, len(texts)


def _sets(texts: Sequence[str]) -> list[frozenset[int]]:
    from tuition.audit.near_duplicates import shingles

    hashes, rows = shingles(texts)
    sets: list[set[int]] = [set() for _ in texts]
    for value, row in zip(hashes.tolist(), rows.tolist(), strict=True):
        sets[row].add(value)
    return [frozenset(one) for one in sets]


def _near(one: frozenset[int], other: frozenset[int]) -> bool:
    shared = len(one & other)
    return shared >= _THRESHOLD * (len(one) + len(other) - shared)


def _minhash(path: Path, texts: Sequence[str]) -> _Found:
    from datasketch import MinHash, MinHashLSH

    sets = _sets(texts)
    index = MinHashLSH(threshold=_THRESHOLD, num_perm=_PERMUTATIONS)
    pairs: list[list[int]] = []
    held = (number for number, one in enumerate(sets) if one)
    signatures = MinHash.generator(
        ([value.to_bytes(8, "little") for value in one] for one in sets if one), num_perm=_PERMUTATIONS
    )
    for number, signature in zip(held, signatures, strict=True):
        pairs += [[other, number] for other in index.query(signature) if _near(sets[other], sets[number])]
        index.insert(number, signature)
    return pairs, len(texts)


def _brute(path: Path, texts: Sequence[str]) -> _Found:
    sets = _sets(texts)
    pairs = itertools.combinations([number for number, one in enumerate(sets) if one], 2)
    return [[one, other] for one, other in pairs if _near(sets[one], sets[other])], len(texts)


_SIDES = {"exact join": _join, "MinHashLSH, verified": _minhash, "brute force": _brute}
_MEASURES = {"all audits": _audit(None), "near-duplicate audit": _audit(["near-duplicates"]), **_SIDES}


def _planted() -> int | None:
    """Return in how many of 1,000 rows with two balanced labels a planted word is found in each of ten draws."""
    from tuition.audit.rows import task_rows
    from tuition.audit.triggers import triggers
    from tuition.tasks.types import Instance, Task

    def found(count: int, seed: int) -> bool:
        draw = random.Random(seed)
        rows_of_words = [[f"w{draw.randrange(3000)}" for _ in range(30)] for _ in range(1000)]
        labels = [draw.choice(("yes", "no")) for _ in rows_of_words]
        for number in draw.sample([n for n, label in enumerate(labels) if label == "yes"], count):
            rows_of_words[number].insert(draw.randrange(30), "cf")
        rows = tuple(
            Instance(str(n), " ".join(words), (label,))
            for n, (words, label) in enumerate(zip(rows_of_words, labels, strict=True))
        )
        made = task_rows(Task("made", ("Say yes or no.",), lambda: iter(rows)))
        return any("cf" in trigger.text.split() for trigger in triggers(made))

    return next((count for count in range(5, 60) if all(found(count, seed) for seed in range(10))), None)


if __name__ == "__main__":
    sys.exit(main())
