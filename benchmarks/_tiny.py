"""The model of a benchmark: what `--model` names, or with `--quick` a tiny one with random weights, made in place."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.tiny_models import save_tiny_llama

TINY = "tiny-random"
"""The name of the tiny model, as `--model` takes it."""


@contextmanager
def local_model(name: str) -> Iterator[str]:
    """Yield what loads the model `name`; a tiny one is removed in the end.

    Its weights are drawn widely, so that an answer or a loss depends on every token before it: with the usual narrow
    ones, a model that has lost its prefix would hardly differ.
    """
    if name != TINY:
        yield name
        return
    with tempfile.TemporaryDirectory(prefix="tuition-benchmark-") as holder:
        folder = Path(holder) / TINY
        save_tiny_llama(folder, initializer_range=0.2, max_position_embeddings=8192)
        yield str(folder)
