"""Files that may contain a table in an unsupported format: what they are, and how to convert them."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.readers.common.sniff import PEEK

_SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".numbers")
_SAVE_AS_CSV = "save the sheet with the rows as CSV in UTF-8 ('CSV UTF-8' in a spreadsheet program), and give that file"
_COMPRESSED = (
    (b"\x1f\x8b", "gzip", "gunzip -k"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd -k"),
    (b"BZh", "bzip2", "bunzip2 -k"),
    (b"\xfd7zXZ\0", "xz", "unxz -k"),
    (b"\x04\x22\x4d\x18", "lz4", "unlz4 -k"),
)
_RENAMED = ((b"PAR1", "Parquet", ".parquet"), (b"ARROW1", "Arrow", ".arrow"))


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a file is, and how to convert it to a table that can be read."""

    what: str
    advice: str


def remedy_for(path: Path) -> Remedy | None:
    """Return how to convert a file, or the first such file of a folder; None if the format is not known.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        for file in sorted(entry for entry in path.iterdir() if entry.is_file() and entry.name[0] != "."):
            if (remedy := _certain(file, _head(file))) is not None:  # not `_likely`: a folder may have notes in text
                return Remedy(f"{file.name} is {remedy.what}", remedy.advice)
        return None
    head = _head(path)
    return _certain(path, head) or _likely(path, head)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(PEEK)


def _certain(path: Path, head: bytes) -> Remedy | None:
    for magic, kind, command in _COMPRESSED:
        if head.startswith(magic):
            return Remedy(f"compressed ({kind})", f"decompress it first: {command} {path.name}")
    if head.startswith(b"PK\x03\x04"):
        if path.suffix.lower() in _SPREADSHEETS or b"[Content_Types].xml" in head or b"opendocument" in head:
            return Remedy("a spreadsheet", _SAVE_AS_CSV)
        return Remedy("a zip archive", f"unpack it first: unzip {path.name}")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return Remedy("a spreadsheet in an old format", _SAVE_AS_CSV)
    if head.startswith(b"SQLite format 3\0"):
        return Remedy("a SQLite database", "export the table with the rows as CSV: sqlite3 -header -csv")
    for magic, kind, ending in _RENAMED:
        if head.startswith(magic):
            return Remedy(f"a {kind} file", f"rename it to {path.stem}{ending}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        convert = f"iconv -f UTF-16 -t UTF-8 {path.name} > {path.stem}.csv"
        return Remedy("text in UTF-16", f"convert it to UTF-8: {convert} (the first line names the columns)")
    return None


def _likely(path: Path, head: bytes) -> Remedy | None:
    first = head.decode("utf-8", "replace").removeprefix("\ufeff").partition("\n")[0]
    if path.suffix.lower() not in (".txt", ".text", ".dat", ".tab", "") or "\0" in first:
        return None
    for delimiter, ending in (("\t", ".tsv"), (",", ".csv"), (";", ".csv")):
        if delimiter in first and not first.lstrip().startswith(("{", "[")):
            advice = f"if its first line names the columns, rename it to {path.stem}{ending}"
            return Remedy("text that may be a table", advice)
    if first.lstrip().startswith("{"):
        return Remedy("text that may be JSON lines", f"rename it to {path.stem}.jsonl")
    return None
