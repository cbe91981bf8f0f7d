from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tuition.base.errors import ProblemsError, UserError
from tuition.tasks.card_draft import CardWish, draft_card
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.table.unsupported import remedy_for

TABLE = b"text,label\na,b\n"


def zipped(path: Path, member: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "x")


def put(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    made = {
        ".gz": gzip.compress(TABLE), ".bz2": bz2.compress(TABLE), ".xz": lzma.compress(TABLE),
        ".zst": b"\x28\xb5\x2f\xfd\0", ".lz4": b"\x04\x22\x4d\x18\0", ".xls": b"\xd0\xcf\x11\xe0\0",
        ".db": b"SQLite format 3\0", ".txt": TABLE, ".tab": b"text\tlabel\n", ".utf16": TABLE.decode().encode("utf-16"),
        "": b'{"text": "a"}\n',
    }  # fmt: skip
    if path.suffix in (".xlsx", ".zip"):
        zipped(path, "[Content_Types].xml" if path.suffix == ".xlsx" else "x.csv")
    elif path.suffix == ".pq":
        parquet.write_table(pa.table({"text": ["a"], "label": ["b"]}), path)
    else:
        path.write_bytes(made[path.suffix])
    return path


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x.csv.gz", "gunzip -k x.csv.gz"),
        ("x.csv.bz2", "bunzip2 -k x.csv.bz2"),
        ("x.csv.xz", "unxz -k x.csv.xz"),
        ("x.jsonl.zst", "unzstd -k x.jsonl.zst"),
        ("x.csv.lz4", "unlz4 -k x.csv.lz4"),
        ("x.xlsx", "save the sheet with the rows as CSV in UTF-8"),
        ("x.xls", "save the sheet with the rows as CSV in UTF-8"),
        ("x.zip", "unzip x.zip"),
        ("x.db", "export the table with the rows as CSV"),
        ("x.txt", "rename it to x.csv"),
        ("x.tab", "rename it to x.tsv"),
        ("x.utf16", "iconv -f UTF-16 -t UTF-8 x.utf16 > x.csv"),
        ("x", "rename it to x.jsonl"),
        ("x.pq", "rename it to x.parquet"),
    ],
)
def test_each_is_answered_with_its_remedy_and_not_with_a_list_of_formats(
    name: str, advice: str, tmp_path: Path
) -> None:
    asked = put(tmp_path, name)
    (problem,) = check_collection(asked).errors
    assert problem.kind == "unreadable-form"
    assert advice in problem.expected
    assert "superni" not in str(problem)
    with pytest.raises(ProblemsError, match="there are no tasks in it"):
        open_collection(asked)
    with pytest.raises(UserError, match="table") as caught:
        draft_card(asked, CardWish("Do."))
    assert advice in str(caught.value)


def test_a_folder_is_answered_with_the_remedy_of_its_first_such_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words, and more words\n")
    put(tmp_path, "x.csv.gz")
    (problem,) = check_collection(tmp_path).errors
    assert "x.csv.gz is compressed (gzip)" in problem.found
    assert "gunzip -k x.csv.gz" in problem.expected
    with pytest.raises(UserError, match=r"there is no table in it; x\.csv\.gz is compressed"):
        draft_card(tmp_path, CardWish("Do."))


def test_a_card_that_names_such_a_file_is_answered_likewise(tmp_path: Path) -> None:
    put(tmp_path, "x.xlsx")
    (tmp_path / "task.yaml").write_text("table: x.xlsx\ninput: text\noutput: label")
    assert "it is a spreadsheet: save the sheet" in check_collection(tmp_path).errors[0].expected


@pytest.mark.parametrize("content", [b"", b"plain words", b"\0\1\2", b"%PDF-1.7", b"a: yaml\n"])
def test_of_other_files_nothing_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    assert remedy_for(path) is None
    assert "expected a folder of" in check_collection(path).errors[0].expected
