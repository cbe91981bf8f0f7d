"""Predictions as models give them, made of real outputs: right, another instance's, shortened, noisy, empty."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

DATA = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data"))
UGLY = [
    "",
    " ",
    "?!",
    "None",
    "שלום עולם",
    "مرحبا بالعالم",
    "👩‍👩‍👧 🎉",
    "是的，没错",
    "naïve café",
    "a\u200bb",
    "x" * 5000,
    "a b " * 2000,
]


def real_rows(a_task: int = 6) -> list[tuple[str, list[str]]]:
    """Some predictions of each of the 119 tasks, with the references that their instances have."""
    files = sorted((DATA / "superni" / "tasks").glob("*.json"))
    if not files:
        pytest.skip(f"no tasks in {DATA / 'superni' / 'tasks'}")
    draw = random.Random(5)
    rows = []
    for file in files:
        instances = json.loads(file.read_bytes())["Instances"][:200]
        for at in range(a_task):
            instance, other = draw.choice(instances), draw.choice(instances)
            right = instance["output"][0]
            kept = " ".join(word for word in right.split() if draw.random() < 0.8)
            prediction = (right, other["output"][0], kept, f"{right.upper()}.", f"The answer is {right}", "")[at % 6]
            rows.append((prediction, instance["output"]))
    return rows
