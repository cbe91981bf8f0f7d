from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.commands.index import index_and_print
from tuition.tasks.index import source
from tuition.tasks.readers import open_collection


def test_a_small_collection_needs_no_index(write_task: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert index_and_print(write_task(), None) == 0
    assert "needs no index" in capsys.readouterr().out


def test_what_can_be_indexed_is_and_the_rest_is_named(
    write_task: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(source, "MIN_BYTES", 0)
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    for number in (1, 2):
        folder = write_task(number)
    (folder / "task003_broken.json").write_text('{"Definition": ["x"], "Instances": [{"input": 3}]}')
    time.sleep(2.1)  # files younger than two seconds may still be written to, and are not indexed
    assert index_and_print(folder, None) == 1
    told = capsys.readouterr().out
    assert "not indexed: task003_broken" in told
    assert "2 of 3 tasks indexed" in told
    read = open_collection(folder).read_task
    assert isinstance(read, source.IndexedFiles)
    assert read.has("task001_colours")
