"""A generated collection in the schema of Super-NaturalInstructions: lengths and words resampled from real tasks."""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

_DATA = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "superni"
_SOURCE_ROWS = 2000


def generate(folder: Path, tasks: int, rows: int) -> str:
    """Write `tasks` files of `rows` instances to `folder`/tasks, and return a description of their source."""
    (folder / "tasks").mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_write, folder / "tasks", rows), range(1, tasks + 1), chunksize=8))
    sources = len(_sources())
    return f"words of {sources} Super-NaturalInstructions tasks" if sources else f"made-up words: no tasks in {_DATA}"


def _write(folder: Path, rows: int, number: int) -> None:
    draw = random.Random(f"tuition-{number}")
    task, words, lengths, outputs = _source(number)
    sizes = draw.choices(lengths, k=rows)
    stream = iter(draw.choices(words, k=sum(sizes)))
    quote = partial(json.dumps, ensure_ascii=False)
    inputs = (quote(" ".join(next(stream) for _ in range(size))) for size in sizes)
    pairs = enumerate(zip(inputs, map(quote, draw.choices(outputs, k=rows)), strict=True))
    instances = ",\n".join(
        f'  {{\n   "id": "task{number:04}-{index}",\n   "input": {text},\n   "output": [\n    {output}\n   ]\n  }}'
        for index, (text, output) in pairs
    )
    text = json.dumps({**task, "Instances": []}, indent=1, ensure_ascii=False)
    head, tail = text.split('"Instances": []')
    path = folder / f"task{number:04}_generated.json"
    path.write_text(f'{head}"Instances": [\n{instances}\n ]{tail}', encoding="utf-8")


def _sources() -> list[Path]:
    return sorted((_DATA / "tasks").glob("*.json"))


@lru_cache(maxsize=8)
def _source(number: int) -> tuple[dict[str, object], list[str], list[int], list[str]]:
    """Return a task's instructions, and the words, lengths and outputs of its instances."""
    sources = _sources()
    if not sources:
        draw = random.Random(number)
        words = ["".join(draw.choices("etaoinshrdlucm", k=draw.randint(1, 9))) for _ in range(3000)]
        task = {"Definition": ["Say what follows."], "Positive Examples": [], "Negative Examples": []}
        return task, words, [draw.randint(5, 120) for _ in range(500)], words[:50]
    task = json.loads(sources[number % len(sources)].read_bytes())
    rows = [row for row in task["Instances"][:_SOURCE_ROWS] if isinstance(row["input"], str) and row["input"].strip()]
    words = [word for row in rows for word in row["input"].split()]
    outputs = [row["output"][0] for row in rows if row["output"] and row["output"][0].strip()]
    return task, words, [len(row["input"].split()) for row in rows], outputs
