"""Many starts at once, folders that cannot be written, and disks that fill up: plain lines, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tuition.reports.scores_csv import read_scores_csv

STUDY = """
study: baselines
tasks: {collection: starter, names: [task001, task002]}
arms:
  copied: [{setting: heuristic, heuristic: copy-input}]
  majority: [{setting: heuristic, heuristic: majority-label}]
labels: [0, 8]
judge: {test: 20, validation: 2}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that needs no model, so that a run takes a second."""
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    return file


def start(study: Path, out: Path, before: str = "") -> subprocess.Popen[str]:
    code = f"import sys; {before}\nfrom tuition.cli import main\nsys.argv = ['tuition', *sys.argv[1:]]\nmain()"
    command = [sys.executable, "-c", code, "run", str(study), "--out", str(out), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    assert "Traceback" not in said, said
    return process.returncode, said


@pytest.fixture
def expected(study: Path, tmp_path: Path) -> object:
    """The scores of an undisturbed run."""
    assert ended(start(study, tmp_path / "undisturbed"))[0] == 0
    return read_scores_csv(tmp_path / "undisturbed" / "scores.csv")


def test_of_many_starts_in_one_folder_each_works_or_says_that_another_does(
    study: Path, tmp_path: Path, expected: object
) -> None:
    out = tmp_path / "out"
    results = [ended(process) for process in [start(study, out) for _ in range(8)]]
    codes = {code for code, _ in results}
    assert codes <= {0, 2}
    assert 0 in codes
    assert all("another run is using it" in said for code, said in results if code == 2)
    assert read_scores_csv(out / "scores.csv") == expected
    assert not list(out.rglob(".partial-*"))


# What a file may hold at most, in bytes: it stands for a disk that fills up at this write or that.
LIMITS = (0, 5_000, 50_000, 1_000_000)


def test_a_disk_that_fills_up_at_any_write_is_one_line_and_the_next_run_goes_on(
    study: Path, tmp_path: Path, expected: object
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
    out = tmp_path / "out"
    for most in LIMITS:
        code, said = ended(start(study, out, limit.format(most)))
        assert code in (1, 2), (most, said)
        assert said.strip()
    assert ended(start(study, out))[0] == 0
    assert read_scores_csv(out / "scores.csv") == expected
    assert not list(out.rglob(".partial-*"))


# Root may write anywhere; without its capabilities, rights hold for it as for everybody.
NO_CAPABILITIES = """
import ctypes
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_a_folder_that_cannot_be_written_is_one_line_and_stays_as_it_is(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ended(start(study, out))[0] == 0
    before = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    out.chmod(0o555)
    for file in out.iterdir():
        file.chmod(0o555 if file.is_dir() else 0o444)
    for folder in (out, out / "deeper", Path("/proc/nowhere")):
        code, said = ended(start(study, folder, NO_CAPABILITIES))
        assert code == 2
        assert len(said.strip().splitlines()) == 1
        assert "cannot be written" in said or "cannot write" in said or "not a usable store" in said
    out.chmod(0o755)
    assert {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()} == before
