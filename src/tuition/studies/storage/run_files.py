"""Which study a folder's scores.csv is of, so that readers know whether a run has ended since the study was written."""

from __future__ import annotations

from pathlib import Path

import orjson

from tuition.base.files import write_atomically
from tuition.base.fingerprints import file_sha256

_FILE, _STUDY, _SCORES = "results.json", "study.json", "scores.csv"


def mark_results(folder: Path) -> None:
    """Record of which study the folder's `scores.csv` is; it is called when that has just been written.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(folder / _FILE, orjson.dumps(_state(folder)))


def results_are_current(folder: Path) -> bool:
    """Whether `scores.csv` is of the study that the folder holds, and not of an earlier form or an unfinished run.

    The content decides, since clocks can go back. Folders from before it was recorded are judged by the files' times.
    """
    try:
        if (folder / _FILE).is_file():
            return bool(orjson.loads((folder / _FILE).read_bytes()) == _state(folder))
        written = (folder / _SCORES).stat().st_mtime
        return not (folder / _STUDY).is_file() or written >= (folder / _STUDY).stat().st_mtime
    except (OSError, orjson.JSONDecodeError):
        return False


def _state(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in (_STUDY, _SCORES) if (folder / name).is_file()}
