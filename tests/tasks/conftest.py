"""Small tasks in the schema of Super-NaturalInstructions, as dictionaries and as files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def superni(instances: int = 3, **changes: Any) -> dict[str, Any]:
    """A sound task's object in the key order of the source; a change to `...` takes the key out."""
    told: dict[str, Any] = {
        "Contributors": ["Nobody"],
        "Source": ["bard"],
        "Categories": ["Word Analogy"],
        "Reasoning": [],
        "Definition": ["Complete the analogy.", "Say what follows."],
        "Input_language": ["English"],
        "Output_language": ["English"],
        "Instruction_language": ["English"],
        "Domains": ["Commonsense"],
        "Positive Examples": [{"input": "throw : fly. aspire : ?", "output": "attain", "explanation": "It follows."}],
        "Negative Examples": [{"input": "drop : fall. cut : ?", "output": "paper", "explanation": "It does not."}],
        "Instances": [{"id": f"t-{n}", "input": f"in {n}", "output": [f"out {n}"]} for n in range(instances)],
        "Instance License": ["Unknown"],
    }
    told.update(changes)
    return {key: value for key, value in told.items() if value is not ...}


@pytest.fixture
def task_file(tmp_path: Path) -> Callable[..., Path]:
    """Write one task: from an object, text or bytes; returns its path."""

    def write(content: object, name: str = "task1_x.json") -> Path:
        if isinstance(content, (dict, list)):
            content = json.dumps(content, indent=1)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        return path

    return write


@pytest.fixture
def superni_task() -> Callable[..., dict[str, Any]]:
    """Make a task's object; see `superni`."""
    return superni
