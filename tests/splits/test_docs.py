from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tuition.splits import MIXTURES
from tuition.splits.seen import TASK_SPLITS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "splits.md").read_text(encoding="utf-8")


def test_the_pages_code_runs_and_its_counts_are_those_shown() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/how-to/splits.md", "exec"), names)
    assert str(names["one"].realised.counts) in code
    shown = ", ".join(f"{rate:.3f}" for rate in MIXTURES["flan"].rates(names["sizes"]))
    assert shown in code


def test_every_kind_of_split_and_every_mixture_stands_on_the_page() -> None:
    for name in TASK_SPLITS:
        assert f"| `{name}" in PAGE
    for name in MIXTURES:
        assert f"| `{name}` |" in PAGE
