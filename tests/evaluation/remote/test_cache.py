"""Responses on disk: whole, shared, and never another program's file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.remote.cache import ResponseCache, response_key

BODY = {"model": "m", "prompt": "Пожалуйста 🦊"}


def test_what_is_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "responses.sqlite"
    with ResponseCache(place) as cache:
        assert cache.get("a") is None
        cache.put("a", "http://h", BODY, '{"text": "🦊"}')
        cache.put("a", "http://h", BODY, '{"text": "🦊🦊"}')
    with ResponseCache(place) as cache:
        assert cache.get("a") == {"text": "🦊🦊"}


def test_a_key_changes_with_all_that_decides_a_response_and_with_nothing_else() -> None:
    keys = {
        response_key("http://h/v1", "/completions", BODY),
        response_key("http://other/v1", "/completions", BODY),
        response_key("http://h/v1", "/chat/completions", BODY),
        response_key("http://h/v1", "/completions", {**BODY, "model": "n"}),
        response_key("http://h/v1", "/completions", {**BODY, "seed": 1}),
    }
    assert len(keys) == 5
    assert response_key("http://h/v1", "/completions", dict(reversed(BODY.items()))) in keys


@pytest.mark.parametrize("junk", [b"not a database, and long enough to be looked at " * 40, b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, junk: bytes) -> None:
    place = tmp_path / "responses.sqlite"
    place.write_bytes(junk)
    with pytest.raises(UserError, match=r"responses\.sqlite"):
        ResponseCache(place)
    assert place.read_bytes() == junk


def test_another_program_s_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "precious.sqlite"
    with sqlite3.connect(place) as other:
        other.execute("CREATE TABLE photographs (id)")
    before = place.read_bytes()
    with pytest.raises(UserError, match="something else"):
        ResponseCache(place)
    assert place.read_bytes() == before


def test_a_newer_version_s_cache_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "responses.sqlite"
    ResponseCache(place).__exit__(None, None, None)
    with sqlite3.connect(place) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer version"):
        ResponseCache(place)


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another file"):
        ResponseCache(tmp_path / "file" / "responses.sqlite")
    with pytest.raises(UserError, match="choose another"):
        ResponseCache(tmp_path)


def test_a_row_that_was_damaged_counts_as_not_there(tmp_path: Path) -> None:
    place = tmp_path / "responses.sqlite"
    with ResponseCache(place) as cache:
        cache.put("a", "http://h", BODY, "{}")
    with sqlite3.connect(place) as other:
        other.execute("UPDATE responses SET response = x'00ff'")
    with ResponseCache(place) as cache:
        assert cache.get("a") is None


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    place = tmp_path / "responses.sqlite"
    with ResponseCache(place) as cache:
        cache.put("a", "http://h", BODY, '{"a": 1}')
        pages = cache._store.execute("PRAGMA page_count").fetchone()[0]
        cache._store.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UserError, match="full"):
            cache.put("b", "http://h", BODY, f'"{os.urandom(100_000).hex()}"')
        assert cache.get("a") == {"a": 1}


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    place = tmp_path / "responses.sqlite"
    code = (
        "import sys; from pathlib import Path\n"
        "from tuition.evaluation.remote.cache import ResponseCache\n"
        "with ResponseCache(Path(sys.argv[1])) as cache:\n"
        "    for at in range(50): cache.put(f'{sys.argv[2]}-{at}', 'u', {'model': 'm'}, '{\"at\": %d}' % at)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(place), name]) for name in "abcd"]
    assert [writer.wait() for writer in writers] == [0] * 4
    with ResponseCache(place) as cache:
        assert all(cache.get(f"{name}-{at}") == {"at": at} for name in "abcd" for at in range(50))
