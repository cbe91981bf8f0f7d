"""The page on Python: every block runs, and it shows every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tuition

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "from-python.md"
BLOCKS = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_every_block_of_the_page_runs(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block.replace("smollm2-135m", str(tiny_model)), str(PAGE), "exec"), names)
    assert (tmp_path / "runs" / "notebook" / "report.html").is_file()
    assert (tmp_path / "my-model" / "README.md").is_file()
    assert names["run"].arms == ("input-only", "definition+2-positive")
    assert len(names["run"].predictions(task="task004", labels=8)) == 2 * 20
    assert not names["run_of_study"].failed
    shown = [names[name]._repr_html_() for name in ("tasks", "prompt", "scores", "run", "elsewhere")]
    assert all(html.startswith(("<table>", "<pre")) for html in shown)
    assert names["figure"].data


def test_the_page_shows_every_public_name() -> None:
    shown = set(re.findall(r"\btuition\.([A-Za-z_]+)", PAGE.read_text(encoding="utf-8")))
    assert shown == set(tuition.__all__)


def test_the_readme_uses_public_names_alone() -> None:
    readme = (PAGE.parents[2] / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.+?)```", readme, re.DOTALL)
    assert not re.search(r"(from|import) tuition\.", block)
    assert set(re.findall(r"\btuition\.([A-Za-z_]+)", block)) <= set(tuition.__all__)


def test_every_public_name_loads_and_is_listed() -> None:
    for name in tuition.__all__:
        assert getattr(tuition, name) is not None
        assert name in dir(tuition)
    assert set(tuition._MODULES) == set(tuition.__all__)


def test_importing_the_package_loads_none_of_its_libraries() -> None:
    code = "import sys, tuition; print([m for m in ('torch', 'numpy', 'pyarrow', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'lern'; its names are .*learn"):
        tuition.lern  # noqa: B018
