"""The model of a benchmark: the one named by `--model`, or with `--quick` a new tiny one with random weights."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.tiny_models import save_tiny_llama

TINY = "tiny-random"
"""The name of the tiny model, as a value of `--model`."""


@contextmanager
def local_model(name: str) -> Iterator[str]:
    """Yield the path or name of the model to load; a tiny one is removed at the end.

    Its weights have a large standard deviation, so that an answer or a loss depends on every token before it: with the
    usual small one, a model without its prefix would hardly differ.
    """
    if name != TINY:
        yield name
        return
    with tempfile.TemporaryDirectory(prefix="tuition-benchmark-") as holder:
        folder = Path(holder) / TINY
        save_tiny_llama(folder, initializer_range=0.2, max_position_embeddings=8192)
        yield str(folder)
