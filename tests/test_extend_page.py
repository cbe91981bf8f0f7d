"""The page on extending Tuition: its package is installed as shown, and its commands use what it adds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "how-to" / "extend.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ title=\"([^\"]+)\"\n(.+?)^```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^\$ tuition (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path, tiny_model: Path) -> Path:
    """A folder with the page's package, installed as pip leaves it on disk, and what the commands are given."""
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("smollm2-135m", str(tiny_model)), encoding="utf-8")
    info = tmp_path / f"tuition_extras-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    (tmp_path / "answers.csv").write_text("prediction,reference\na red apple,red apple\nblue,blue\n")
    quiz = "".join(f"What is the capital of country {i}? = city {i % 3}\n" for i in range(24))
    (tmp_path / "capitals.quiz").write_text("Name the capital.\n" + quiz)
    return tmp_path


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(place), str(ROOT / "src")])
    env = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "tuition", *arguments], cwd=place, env=env, capture_output=True, text=True
    )


@pytest.mark.slow
def test_every_command_of_the_page_runs_with_the_package_installed(place: Path) -> None:
    printed = {}
    for command in COMMANDS:
        done = run(place, *shlex.split(command))
        assert done.returncode == 0, (command, done.stderr)
        printed[command.split()[0]] = done.stdout
        said = done.stderr if "--engine timed" in command else ""
    assert list(printed) == ["score", "check", "show", "run", "export"]
    assert "word_count" in printed["score"]
    assert "24 sound instances" in printed["check"]
    assert "Name the capital." in printed["show"]
    assert "word_count" in (place / "runs" / "norms" / "scores.csv").read_text()
    assert re.search(r"\d+ steps took \d+\.\d s", said)
    assert '<section id="label_counts">' in (place / "runs" / "norms" / "report.html").read_text()
    assert (place / "norms-model" / "model.safetensors").is_file()


def test_a_wrong_row_of_the_readers_format_is_reported_with_its_line(place: Path) -> None:
    with (place / "capitals.quiz").open("a") as stream:
        stream.write("And of nowhere?\n")
    done = run(place, "check", "capitals.quiz")
    assert done.returncode == 2
    assert "capitals.quiz:26" in done.stdout
    assert "has no answer" in done.stdout


def test_every_entry_point_group_is_on_the_page() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    groups = set(re.findall(r"plugins=\"(tuition\.[a-z_]+)\"", source))
    assert len(groups) >= 6
    assert groups == set(re.findall(r"^\| `(tuition\.[a-z_]+)` \|", PAGE, re.MULTILINE))
