"""Tiny models and real tasks that many tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_models import byte_tokenizer, save_tiny_llama

__all__ = ["byte_tokenizer"]

# Tiny models gain nothing from threads, and lose much where cores are shared with other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))


@pytest.fixture(scope="session")
def superni() -> Path:
    """The 119 test tasks of Super-NaturalInstructions."""
    folder = SHARED / "superni"
    if not folder.is_dir():
        pytest.skip("the shared data is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with a byte-level tokenizer, as the folder that save_pretrained writes."""
    folder = tmp_path_factory.mktemp("tiny-llama")
    save_tiny_llama(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random T5 of two layers with ByT5's tokenizer, which needs no files, as save_pretrained writes it."""
    import torch
    from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("tiny-t5")
    torch.manual_seed(0)
    config = T5Config(vocab_size=384, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    ByT5Tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def write_task(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small task in Super-NaturalInstructions' format and returns its folder."""

    def write(number: int = 1, rows: int = 40, folder: str = "tasks", definition: str = "Say the colour.") -> Path:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        colours = ["red", "green", "blue"]
        task = {
            "Contributors": [],
            "Source": ["made"],
            "Categories": ["Colour"],
            "Definition": [definition],
            "Positive Examples": [
                {"input": "a red thing", "output": "red", "explanation": "It says red."},
                {"input": "a blue thing", "output": "blue", "explanation": ""},
            ],
            "Negative Examples": [],
            "Instances": [
                {"id": f"task{number:03}-{i}", "input": f"thing {i} is {colours[i % 3]}", "output": [colours[i % 3]]}
                for i in range(rows)
            ],
        }
        (place / f"task{number:03}_colours.json").write_text(json.dumps(task), encoding="utf-8")
        return place

    return write
