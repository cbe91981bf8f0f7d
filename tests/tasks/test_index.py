"""The index gives what plain reading gives, whatever becomes of the files and of the index itself."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tasks.conftest import superni
from tuition.base.errors import ProblemsError
from tuition.splits import content as splits_content
from tuition.tasks.collection import Collection
from tuition.tasks.content import content_hash, content_key
from tuition.tasks.index import build, many, source
from tuition.tasks.index.many import index_collection
from tuition.tasks.index.source import IndexedFiles
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.common import json_task as jsontask
from tuition.tasks.readers.instruction_induction import INDUCTION
from tuition.tasks.starter import STARTER_PATH
from tuition.tasks.types import Instance, task_fingerprint

ROWS = 12
MIN_BYTES = source.MIN_BYTES
TASKS = 4


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MIN_BYTES", 0)
    monkeypatch.setattr(build, "_TICK_NS", -1)  # files made a moment ago count as settled


def _write(folder: Path, number: int, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"task{number}_x.json"
    rows = [
        {"id": f"t{number}-{k}", "input": f"Zeile {k} — “ß” {number}\n{'x' * (k * 7 % 5)}", "output": [f"ö{k}", "b"]}
        for k in range(ROWS)
    ]
    told = superni(**{"Instances": rows, **changes})
    path.write_text(json.dumps(told, indent=number % 3 or None, ensure_ascii=number % 2 == 0), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(1, TASKS + 1):
        _write(tmp_path / "tasks", number)
    return tmp_path / "tasks"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks whose files are read whole by their rows, as it happens."""
    seen: list[str] = []
    plain = jsontask._members

    def counting(schema: Any, cursor: Any, found: Any, told: Any, rows: bool) -> Iterator[Instance]:
        if rows:
            seen.append(found.task)
        return plain(schema, cursor, found, told, rows)

    monkeypatch.setattr(jsontask, "_members", counting)
    return seen


def _entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.idx"))


def _plain(path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    with monkeypatch.context() as patch:
        patch.setattr(source, "MIN_BYTES", 1 << 60)
        return open_collection(path)


def _assert_same(indexed: Collection, plain: Collection) -> None:
    assert indexed.names == plain.names
    assert indexed.fingerprint() == plain.fingerprint()
    for mine, theirs in zip(indexed, plain, strict=True):
        rows = list(theirs.instances())
        assert mine == theirs
        assert mine.extra == theirs.extra
        assert task_fingerprint(mine) == task_fingerprint(theirs)
        assert mine.rows.count() == len(rows)
        places = [*range(len(rows))[::-2], 0, 0]
        read = mine.rows.read(places)
        assert read == [rows[place] for place in places]
        assert [row.fields for row in read] == [rows[place].fields for place in places]
        assert mine.rows.splits() == [row.split for row in rows]
        assert list(mine.rows.content_hashes()) == [content_hash(row.input) for row in rows]


def test_what_is_read_through_the_index_is_what_plain_reading_gives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _plain(folder, monkeypatch)
    _assert_same(open_collection(folder), plain)  # made on demand
    _assert_same(open_collection(folder), plain)  # found


def test_plain_rows_answer_the_same_questions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _plain(folder, monkeypatch)
    assert all(task.row_access is None for task in plain)
    _assert_same(plain, plain)


def test_a_file_is_read_whole_once_and_then_never_again(folder: Path, passes: list[str]) -> None:
    open_collection(folder)["task1_x"].rows.read([3])
    assert passes == ["task1_x"]
    task = open_collection(folder)["task1_x"]
    assert [row.id for row in task.rows.read([5, 2])] == ["t1-5", "t1-2"]
    assert (task.rows.count(), len(task.rows.content_hashes()), len(task.rows.splits())) == (ROWS, ROWS, ROWS)
    assert passes == ["task1_x"]


def test_elements_of_an_indexed_task_are_told_without_its_file(
    folder: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index_collection(open_collection(folder))
    passes.clear()
    monkeypatch.setattr(jsontask, "read_text", lambda *_: pytest.fail("the file was read"))
    tasks = list(open_collection(folder))
    assert [task.definition for task in tasks] == ["Complete the analogy."] * TASKS
    assert not passes


def test_nothing_is_written_by_opening_and_listing(folder: Path, tmp_path: Path) -> None:
    assert len(list(open_collection(folder))) == TASKS
    assert not (tmp_path / "cache").exists()


def test_small_collections_have_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    collection = open_collection(STARTER_PATH)
    for task in collection:
        assert task.row_access is None
        task.rows.read([0, 1])
    collection.fingerprint()
    assert index_collection(collection) == ()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("places", [[ROWS], [-1], [0, 10**12]])
def test_a_row_that_is_not_there_is_refused_either_way(
    folder: Path, places: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for collection in (open_collection(folder), _plain(folder, monkeypatch)):
        with pytest.raises(IndexError, match=rf"task1_x: row {places[-1]} was requested; it has {ROWS}"):
            collection["task1_x"].rows.read(places)


def test_fingerprints_read_each_file_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_collection(folder).fingerprint()
    monkeypatch.setattr(source, "file_sha256", lambda _: pytest.fail("a file was read"))
    assert open_collection(folder).fingerprint() == first
    assert _plain(folder, monkeypatch).fingerprint() == first


def test_a_fingerprint_does_not_take_the_rows_out_of_the_index(folder: Path, passes: list[str]) -> None:
    index_collection(open_collection(folder))
    passes.clear()
    open_collection(folder).fingerprint()
    open_collection(folder)["task2_x"].rows.read([1])
    assert not passes


FAULTY = {
    "a missing output": {"Instances": [{"id": "a", "input": "x"}]},
    "an id twice": {"Instances": [{"id": "a", "input": "x", "output": ["y"]}] * 2},
    "no rows": {"Instances": []},
    "no definition": {"Definition": ...},
    "half a character": {"Instances": [{"id": "a", "input": "\ud800", "output": ["y"]}]},
}


@pytest.mark.parametrize("changes", FAULTY.values(), ids=FAULTY)
def test_faults_are_told_as_plain_reading_tells_them_and_never_indexed(
    folder: Path, tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = folder / "task2_x.json"
    told = superni(**{"Instances": [{"id": "a", "input": "x", "output": ["y"]}], **changes})
    bad.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ProblemsError) as plain:
        list(_plain(folder, monkeypatch)["task2_x"].instances())
    assert index_collection(open_collection(folder)) == ("task2_x",)
    assert len(_entries(tmp_path)) == TASKS - 1
    for ask in (lambda rows: rows.read([0]), lambda rows: rows.count(), lambda rows: rows.content_hashes()):
        with pytest.raises(ProblemsError) as told_by_index:
            ask(open_collection(folder)["task2_x"].rows)
        assert str(told_by_index.value) == str(plain.value)


def test_a_link_out_of_the_collection_is_refused_though_it_is_indexed(folder: Path, tmp_path: Path) -> None:
    index_collection(open_collection(folder))
    collection = open_collection(folder)
    task = collection["task1_x"]
    (folder / "task1_x.json").rename(tmp_path / "elsewhere.json")
    (folder / "task1_x.json").symlink_to(tmp_path / "elsewhere.json")
    for ask in (lambda: task.rows.read([0]), lambda: collection["task1_x"], collection.fingerprint):
        with pytest.raises(ProblemsError, match="leads out of the collection"):
            ask()


# What becomes of the files


def _change_text(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("Zeile 3", "Satz 333"), encoding="utf-8")


def _change_in_place(path: Path) -> None:
    """The same size and times as before; the system keeps the time of this change all the same."""
    before = path.stat()
    text = path.read_bytes()
    with path.open("r+b") as stream:
        stream.write(text.replace(b"Zeile 3", b"Seite 3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def _replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes().replace(b"Zeile 3", b"Seite 3"))
    shutil.copystat(path, other)
    other.replace(path)


@pytest.mark.parametrize("change", [_change_text, _change_in_place, _replace])
def test_a_changed_file_is_read_anew(
    folder: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index_collection(open_collection(folder))
    held = open_collection(folder)
    task = held["task1_x"]
    assert task.rows.read([3])[0].input.startswith("Zeile 3")
    before = held.fingerprint()
    change(folder / "task1_x.json")
    assert not task.rows.read([3])[0].input.startswith("Zeile")
    assert held.fingerprint() != before
    _assert_same(open_collection(folder), _plain(folder, monkeypatch))


def test_a_row_changed_behind_the_systems_back_is_noticed_when_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_collection(open_collection(folder))
    path = folder / "task1_x.json"
    task = open_collection(folder)["task1_x"]
    known = build.stamp_of(path.stat())
    path.write_bytes(path.read_bytes().replace(b"Zeile 3", b"Seite 3"))
    # The clock, the size and the file's number are made to look as they were.
    for module in ("tuition.tasks.index.build.stamp_of", "tuition.tasks.index.rows.stamp_of"):
        monkeypatch.setattr(module, lambda _: known)
    assert task.rows.read([3])[0].input.startswith("Seite 3")
    assert open_collection(folder)["task1_x"].rows.read([3])[0].input.startswith("Seite 3")


def test_a_file_changed_a_moment_ago_is_not_indexed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_TICK_NS", 3_600_000_000_000)
    collection = open_collection(folder)
    assert index_collection(collection) == collection.names
    _assert_same(collection, _plain(folder, monkeypatch))
    assert not _entries(tmp_path)


def test_a_file_that_changes_while_it_is_read_is_not_indexed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build.walk
    path = folder / "task1_x.json"

    def meddling(*args: Any, **kwargs: Any) -> Iterator[Instance]:
        yield from plain(*args, **kwargs)
        _change_text(path)

    monkeypatch.setattr(build, "walk", meddling)
    assert open_collection(folder)["task1_x"].rows.read([3])[0].input.startswith("Satz 333")
    assert not _entries(tmp_path)


def test_removed_and_added_files_are_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_collection(open_collection(folder))
    held = open_collection(folder)
    task = held["task1_x"]
    (folder / "task1_x.json").unlink()
    _write(folder, 9)
    with pytest.raises(ProblemsError, match="cannot be read"):
        task.rows.read([0])
    with pytest.raises(ProblemsError, match="cannot be read"):
        held.fingerprint()
    assert open_collection(folder).names == ("task2_x", "task3_x", "task4_x", "task9_x")
    _assert_same(open_collection(folder), _plain(folder, monkeypatch))


def test_a_moved_collection_is_indexed_anew_and_its_old_index_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_collection(open_collection(folder))
    moved = tmp_path / "moved"
    folder.rename(moved)
    _write(folder, 1, Definition="Another.")  # another task in the old place
    assert open_collection(folder)["task1_x"].definition == "Another."
    _assert_same(open_collection(moved), _plain(moved, monkeypatch))
    shutil.rmtree(folder)
    index_collection(open_collection(moved))
    assert len(_entries(tmp_path)) == TASKS


def test_the_index_of_one_format_says_nothing_to_another(folder: Path, tmp_path: Path) -> None:
    cache = source.IndexCache(tmp_path / "cache", "superni")
    other = source.IndexCache(tmp_path / "cache", "other")
    index_collection(open_collection(folder))
    path = folder / "task1_x.json"
    stamp = build.stamp_of(path.stat())
    assert cache.header(path, stamp) is not None
    assert other.header(path, stamp) is None


def test_several_lists_of_rows_keep_their_sets_and_ids(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    told = {"instructions": ["Do it."], "train": [["a", ["b"]], ["ä", ["d"]]], "name": "words", "test": [["e", ["f"]]]}
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    file = jsontask.TaskFile(path, "words", tmp_path, INDUCTION)
    plain = jsontask.read_task(file)
    files = IndexedFiles({"words": file}, source.IndexCache(tmp_path / "cache", "induction"), str)
    for _ in range(2):
        task = files("words")
        assert task == plain
        assert task.rows.read([2, 0, 1]) == [list(plain.instances())[place] for place in (2, 0, 1)]
        assert task.rows.splits() == ["train", "train", "test"]
        assert [row.id for row in task.rows.read([1, 2])] == ["words-train-1", "words-test-0"]


# What becomes of the index


@pytest.mark.parametrize("kept", [0, 5, 23, 24, 100, -1])
def test_a_truncated_index_is_made_again(folder: Path, tmp_path: Path, kept: int, passes: list[str]) -> None:
    index_collection(open_collection(folder))
    for entry in _entries(tmp_path):
        entry.write_bytes(entry.read_bytes()[:kept])
    passes.clear()
    assert [row.id for row in open_collection(folder)["task1_x"].rows.read([7])] == ["t1-7"]
    assert passes == ["task1_x"]
    open_collection(folder)["task1_x"].rows.read([7])
    assert passes == ["task1_x"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_wrong_row_is_given_whatever_the_index_holds(folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    index_collection(open_collection(folder))
    entries = _entries(tmp_path)
    entry = data.draw(st.sampled_from(entries))
    sound = entry.read_bytes()
    if data.draw(st.booleans()):
        garbled = bytearray(sound)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(sound) - 1))
            garbled[at] ^= data.draw(st.integers(1, 255))
        begin, end = sorted((data.draw(st.integers(0, len(sound))), data.draw(st.integers(0, len(sound)))))
        damaged = bytes(garbled[:begin] + garbled[end:] if data.draw(st.booleans()) else garbled)
    else:  # the entry of another file, or bytes from nowhere
        damaged = data.draw(st.one_of(st.binary(max_size=200), st.sampled_from(entries).map(Path.read_bytes)))
    entry.write_bytes(damaged)
    for number, task in enumerate(open_collection(folder), start=1):
        assert [row.id for row in task.rows.read([0, ROWS - 1])] == [f"t{number}-0", f"t{number}-{ROWS - 1}"]
        assert list(task.rows.content_hashes()) == [content_hash(row.input) for row in task.instances()]
        assert task.definition == "Complete the analogy."


def test_an_index_of_another_version_is_made_again(
    folder: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index_collection(open_collection(folder))
    passes.clear()
    monkeypatch.setattr("tuition.tasks.index.entry._VERSION", [1, "another"])
    open_collection(folder)["task3_x"].rows.read([0])
    assert passes == ["task3_x"]


def test_a_cache_that_cannot_be_written_is_done_without(
    folder: Path, tmp_path: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "file" / "cache"))
    collection = open_collection(folder)
    assert index_collection(collection) == collection.names
    _assert_same(collection, _plain(folder, monkeypatch))
    task = collection["task1_x"]
    passes.clear()
    for place in range(ROWS):
        task.rows.read([place])
    assert passes == ["task1_x"]  # what was learnt is kept as long as the task is


def test_a_folder_in_an_entrys_place_is_no_harm(folder: Path, tmp_path: Path) -> None:
    index_collection(open_collection(folder))
    for entry in _entries(tmp_path):
        entry.unlink()
        entry.mkdir()
    assert [row.id for row in open_collection(folder)["task1_x"].rows.read([7])] == ["t1-7"]


def test_a_full_disk_leaves_nothing_behind(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        if "cache" not in self.parts or self.name == "folder":
            return write(self, data)
        write(self, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    assert [row.id for row in open_collection(folder)["task1_x"].rows.read([7])] == ["t1-7"]
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["folder"]


# Many at once


_DRAW = """
import random, sys
from pathlib import Path
from tuition.tasks.index import build, source
source.MIN_BYTES, build._TICK_NS = 0, -1
from tuition.tasks.readers import open_collection
draw = random.Random(int(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    for number, task in enumerate(open_collection(Path(sys.argv[1])), start=1):
        place = draw.randrange(12)
        assert task.rows.read([place])[0].id == f"t{number}-{place}"
        if draw.random() < 0.3:
            for entry in task.rows.cache.root.rglob("*.idx"):
                entry.unlink(missing_ok=True)
print("done")
"""


def test_processes_that_write_and_remove_entries_at_once_read_right_rows(folder: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", _DRAW, str(folder), str(seed), "30"], stdout=subprocess.PIPE, text=True)
        for seed in range(2)
    ]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["done\n"] * 2


def test_a_process_killed_while_it_writes_the_index_leaves_it_usable(folder: Path, tmp_path: Path) -> None:
    draw = random.Random(3)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _DRAW, str(folder), "1", "100000"]) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.8 + draw.random() / 2)
            process.kill()
        for number, task in enumerate(open_collection(folder), start=1):
            assert [row.id for row in task.rows.read([0, 11])] == [f"t{number}-0", f"t{number}-11"]


def test_threads_may_share_a_task(folder: Path) -> None:
    task = open_collection(folder)["task1_x"]
    read: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda k=k: read.append([row.id for row in task.rows.read([k])])) for k in range(ROWS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read) == sorted([f"t1-{k}"] for k in range(ROWS))


def _big(folder: Path, tasks: int = 6) -> Path:
    """A folder that is worth an index by its size alone: workers are processes that no patch reaches."""
    for number in range(1, tasks + 1):
        path = _write(folder, number)
        path.write_bytes(path.read_bytes() + b" " * (MIN_BYTES // (tasks - 1)))
    return folder


def test_workers_index_what_one_process_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: list[str]
) -> None:
    folder = _big(tmp_path / "big")
    monkeypatch.setattr(many, "_FEW", 1)
    build.time.sleep(2.1)  # the workers' own rule: files changed a moment ago are not indexed
    (folder / "task2_x.json").write_text("{")
    told: list[tuple[int, int]] = []
    failed = index_collection(
        open_collection(folder), processes=2, progress=lambda done, total: told.append((done, total))
    )
    assert failed == ("task2_x",)
    assert told == [(done, 6) for done in range(1, 7)]
    assert set(passes) <= {"task2_x"}  # all else was done by the workers
    assert len(_entries(tmp_path)) == 5
    assert [row.id for row in open_collection(folder)["task5_x"].rows.read([4])] == ["t5-4"]


def test_what_workers_leave_undone_is_done_without_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_FEW", 1)
    monkeypatch.setattr(many.sys, "executable", shutil.which("false"))
    told: list[tuple[int, int]] = []
    collection = open_collection(folder)
    assert index_collection(collection, processes=2, progress=lambda *at: told.append(at)) == ()
    assert told == [(done, TASKS) for done in range(1, TASKS + 1)]


def test_an_index_that_is_complete_is_not_made_again(folder: Path, passes: list[str]) -> None:
    index_collection(open_collection(folder))
    passes.clear()
    told: list[object] = []
    assert index_collection(open_collection(folder), progress=lambda *at: told.append(at)) == ()
    assert not passes
    assert not told


@given(left=st.text(), right=st.text())
def test_contents_have_equal_hashes_as_they_have_equal_keys(left: str, right: str) -> None:
    assert (content_hash(left) == content_hash(right)) == (content_key(left) == content_key(right))
    assert content_hash(f" {left}\n") == content_hash(left)


@given(st.text())
def test_splits_compare_contents_by_the_same_key(text: str) -> None:
    assert splits_content.content_key(text) == content_key(text)
