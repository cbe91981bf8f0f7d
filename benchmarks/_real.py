"""Real prompts for the benchmarks of training and generation."""

from __future__ import annotations

import os
from pathlib import Path

from tuition.models.load import LoadedModel
from tuition.models.tokens import TokenizedPrompt
from tuition.prompts import ENCODINGS, encode
from tuition.splits.budgets import split_task
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

SHARED = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))
TASKS = ("task039", "task1344", "task1152")
STARTER_TASKS = ("task001", "task004", "task006")


def tasks(*, quick: bool = False) -> tuple[Path, tuple[str, ...], str]:
    """Return a collection's path, task names in it, and their source.

    With `quick` it is one task of the starter collection, which is always available.
    """
    if quick:
        return STARTER_PATH, STARTER_TASKS[:1], "the starter collection"
    if (SHARED / "superni").is_dir():
        return SHARED / "superni", TASKS, "Super-NaturalInstructions"
    return STARTER_PATH, STARTER_TASKS, "the starter collection, as there is no Super-NaturalInstructions here"


def prompts(loaded: LoadedModel, collection: Path, task: str, split: str, rows: int) -> list[TokenizedPrompt]:
    """Return the first `rows` prompts of a task's `test` or `train` rows, in the thesis's encoding, as tokens."""
    opened = open_collection(collection)[task]
    divided = split_task(opened, test=100, validation=10, order="file")
    chosen = (divided.test if split == "test" else divided.pool)[:rows]
    return loaded.tokens([encode(opened, row, ENCODINGS["quick-learners"]) for row in chosen])
