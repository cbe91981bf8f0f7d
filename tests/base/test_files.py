import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.base.files import atomic_path, write_atomically


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


def test_what_a_killed_process_left_of_a_path_goes_when_it_is_written_again_and_no_other(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tuition.base.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as made:\n"
        "    made.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("f[1].txt", "f1.txt"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    assert len(list(tmp_path.glob(".partial-*"))) == 2
    for holder in tmp_path.glob(".partial-*"):
        os.utime(holder, (0, 0))
    with atomic_path(tmp_path / "f[1].txt") as made:
        made.write_text("whole")
        os.utime(made.parent, (0, 0))
        write_atomically(tmp_path / "f[1].txt", "by another, while the first is at work")
        assert made.read_text() == "whole"
    assert (tmp_path / "f[1].txt").read_text() == "whole"
    assert [holder.name.startswith(".partial-f1.txt-") for holder in tmp_path.glob(".partial-*")] == [True]


def test_where_locks_are_not_to_be_had_files_are_written_all_the_same(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no flock on this file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    left = tmp_path / ".partial-f-left"
    left.mkdir()
    os.utime(left, (0, 0))
    write_atomically(tmp_path / "f", "whole")
    assert (tmp_path / "f").read_text() == "whole"
    assert left.is_dir()  # whether its process lives cannot be told
