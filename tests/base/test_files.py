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
