import subprocess
import sys
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.base.files import _UMASK, atomic_path, made_once, recover, sweep, write_atomically


def test_a_file_is_there_only_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "a" / "f.txt"
    with atomic_path(target) as made:
        made.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "f.txt"
    write_atomically(target, "old")

    def fail() -> None:
        with atomic_path(target) as made:
            made.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for text in ("old", "new"):
        with atomic_path(target) as made:
            made.mkdir()
            (made / text).write_text(text)
    assert [file.name for file in target.iterdir()] == ["new"]


def test_a_full_disk_is_told_in_plain_words_and_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with atomic_path(tmp_path / "f") as made:
            made.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left on device"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write here"):
        write_atomically(tmp_path / "file" / "f", "x")


def killed(path: Path, code: str) -> None:
    """Write to a path in a process that is killed while it writes."""
    start = "import os, signal, sys; from pathlib import Path; from tuition.base.files import atomic_path\n"
    subprocess.run([sys.executable, "-c", start + code, str(path)], check=False)


KILLED = (
    "with atomic_path(Path(sys.argv[1])) as made:\n    made.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
)


def test_what_a_killed_process_left_of_a_path_goes_at_once_when_it_is_written_again_and_no_other(
    tmp_path: Path,
) -> None:
    for name in ("f[1].txt", "f1.txt"):
        killed(tmp_path / name, KILLED)
    assert len([place for place in tmp_path.glob(".partial-*") if place.is_dir()]) == 2
    with atomic_path(tmp_path / "f[1].txt") as made:
        made.write_text("whole")
        write_atomically(tmp_path / "f[1].txt", "by another, while the first is at work")
        assert made.read_text() == "whole"
    assert (tmp_path / "f[1].txt").read_text() == "whole"
    assert [place.name.startswith(".partial-f1.txt-") for place in tmp_path.glob(".partial-*")] == [True, True]
    sweep(tmp_path)
    assert [place.name for place in tmp_path.iterdir()] == ["f[1].txt"]


def test_what_is_being_written_is_not_swept(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "f") as made:
        made.write_text("whole")
        sweep(tmp_path)
    assert (tmp_path / "f").read_text() == "whole"


def test_what_an_earlier_version_left_is_swept(tmp_path: Path) -> None:
    left = tmp_path / ".partial-f-abc"
    left.mkdir()
    (left / ".lock").write_text("")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_locks_are_not_to_be_had_files_are_written_all_the_same(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no flock on this file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    left = tmp_path / ".partial-f-left"
    left.mkdir()
    write_atomically(tmp_path / "f", "whole")
    assert (tmp_path / "f").read_text() == "whole"
    assert left.is_dir()  # whether its process lives cannot be told
    with made_once(tmp_path / "once") as made:
        assert made is not None
        made.write_text("mine")
        (tmp_path / "once").write_text("another's, which was quicker")
    assert (tmp_path / "once").read_text() == "another's, which was quicker"


def test_files_are_readable_by_whom_the_umask_lets_read(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "model") as made:
        (made / "deep").mkdir(parents=True)
        (made / "deep" / "model.safetensors").write_bytes(b"x")
        (made / "deep" / "model.safetensors").chmod(0o600)
    usual = tmp_path / "usual"
    usual.write_text("")
    weights = tmp_path / "model" / "deep" / "model.safetensors"
    assert weights.stat().st_mode == usual.stat().st_mode
    assert (tmp_path / "model").stat().st_mode & 0o777 == (0o777 & ~_UMASK)


def test_names_as_long_as_file_systems_allow_can_be_written(tmp_path: Path) -> None:
    name = "n" * 255
    write_atomically(tmp_path / name, "old")
    write_atomically(tmp_path / name, "new")
    assert (tmp_path / name).read_text() == "new"
    assert [place.name for place in tmp_path.iterdir()] == [name]


# Replaces a folder in a process that ends at the n-th thing it asks of the system, counted by Python's audit events
# (rename, mkdir, remove, open, chmod, a lock) and by syncs. Ends with 0 when nothing was left to end at.
_AT = """
import os, sys
from pathlib import Path
target, at, swaps, text = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "swap", sys.argv[4]
import tuition.base.files as files
import filelock, secrets, glob, shutil
if not swaps:
    files.exchange = lambda one, other: False
counted = -1
def count(event, _args):
    global counted
    if counted >= 0 and event.split(".")[0] in ("os", "open", "shutil", "fcntl", "ctypes", "glob"):
        counted += 1
        if counted == at:
            os._exit(9)
sys.addaudithook(count)
real = os.fsync
def fsync(handle):
    count("os.fsync", ())
    real(handle)
os.fsync = fsync
counted = 0
with files.atomic_path(target) as made:
    made.mkdir()
    (made / "a").write_text(text)
    (made / "b").write_text(text)
"""


def content(folder: Path) -> set[str]:
    return {(folder / name).read_text() for name in ("a", "b")}


@pytest.mark.parametrize("how", ["swap", "rename"])
def test_a_kill_at_any_call_leaves_the_old_folder_or_the_new_and_nothing_behind(how: str, tmp_path: Path) -> None:
    target = tmp_path / "place" / "folder"
    for at in range(1, 200):
        with atomic_path(target) as made:
            made.mkdir()
            (made / "a").write_text("old")
            (made / "b").write_text("old")
        done = subprocess.run([sys.executable, "-c", _AT, str(target), str(at), how, "new"], check=False)
        if how == "rename":
            recover(target)  # as every reader of a folder that is replaced does
        assert content(target) in ({"old"}, {"new"}), at
        if done.returncode == 0:
            break
        assert done.returncode == 9
        sweep(target.parent)
        assert content(target) in ({"old"}, {"new"}), at
        assert [place.name for place in target.parent.iterdir()] == ["folder"], at
    else:
        pytest.fail("the process never came to its end")
    assert at > 15
    assert content(target) == {"new"}


def test_of_processes_that_come_at_once_one_makes_a_thing_and_none_removes_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tuition.base.files import made_once\n"
        "target = Path(sys.argv[1])\n"
        "with made_once(target) as made:\n"
        "    if made is not None:\n"
        "        print('made'); made.mkdir(); (made / 'a').write_text('a'); time.sleep(0.3)\n"
        "for _ in range(200):\n"
        "    assert (target / 'a').read_text() == 'a'; time.sleep(0.001)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 6
    assert sorted(said) == [""] * 5 + ["made\n"]
