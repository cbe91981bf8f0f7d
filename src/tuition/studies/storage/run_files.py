"""Which study a folder's scores.csv belongs to, so that readers know whether it is of the current study.json."""

from __future__ import annotations

from pathlib import Path

import orjson

from tuition.base.files import write_atomically
from tuition.base.fingerprints import file_sha256

_FILE, _STUDY, _SCORES = "results.json", "study.json", "scores.csv"


def mark_results(folder: Path) -> None:
    """Record the study of the folder's `scores.csv`; called just after that is written.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(folder / _FILE, orjson.dumps(_state(folder)))


def results_are_current(folder: Path) -> bool:
    """Whether `scores.csv` belongs to the folder's study, and not to an earlier form of it or an unfinished run.

    The files' contents decide, since clocks can go back; in old folders without a record, the files' times.
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
