from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import LINE_LIMIT, Line, read_json_lines, walk_json_lines


def read(tmp_path: Path, data: bytes) -> tuple[list[tuple[int, object]], Findings]:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(data)
    found = Findings(file)
    return list(read_json_lines(file, tmp_path, found)), found


def test_lines_have_their_numbers_and_values(tmp_path: Path) -> None:
    rows, found = read(tmp_path, b'{"a": "None"}\n[1.0, null]\r\n"x"')
    assert rows == [(1, {"a": "None"}), (2, [1.0, None]), (3, "x")]
    assert not found.all()


def test_a_row_ends_at_a_line_feed_alone(tmp_path: Path) -> None:
    texts = ["a\rb", "c\x0bd", "e\x85f", "g\u2028h", "i\x1cj"]
    rows, found = read(tmp_path, "\n".join(json.dumps(text, ensure_ascii=False) for text in texts).encode())
    assert [row for _, row in rows] == texts
    assert not found.all()


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        (b'{"a": 1', "broken-json", "expecting ','"),
        (b"{'a': 1}", "broken-json", "column 2"),
        (b'{"a": 1} {"b": 2}', "broken-json", "column 10: something follows the value"),
        (b'{"a": "b\rc"}', "broken-json", "invalid control character"),
        (b'{"a": 1, "a": 2}', "duplicate-key", "'a' occurs twice"),
        (b'{"a": NaN}', "not-json", "NaN is not JSON"),
        (b'{"a": "\xe9"}', "not-utf8", "byte 0xE9 at offset 11 is not UTF-8 (in Latin-1: 'é')"),
        (b'{"a": "\0"}', "nul-byte", "a NUL byte at offset 11"),
        (b"[" * 100_000, "deep-nesting", "hundreds deep"),
    ],
)
def test_every_bad_line_is_told_with_its_number_and_the_others_are_read(
    line: bytes, kind: str, message: str, tmp_path: Path
) -> None:
    rows, found = read(tmp_path, b'"a"\n' + line + b'\n"b"\n' + line.replace(b"\n", b"") + b'\n"c"\n')
    assert [row for _, row in rows if isinstance(row, str)] == ["a", "b", "c"]
    assert [(finding.kind, finding.line) for finding in found.all()] == [(kind, 2), (kind, 4)]
    assert message in found.all()[0].found


def test_a_file_that_ends_inside_a_line_is_told_to_be_cut_off(tmp_path: Path) -> None:
    rows, found = read(tmp_path, b'{"a": 1}\n{"a": "be')
    assert [number for number, _ in rows] == [1]
    assert [(finding.kind, finding.line) for finding in found.all()] == [("truncated-json", 2)]


def test_blank_lines_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    rows, found = read(tmp_path, b"1\n\n \t\r\n2\n")
    assert rows == [(1, 1), (4, 2)]
    assert [(finding.kind, finding.line, finding.severity) for finding in found.all()] == [
        ("blank-line", 2, "warning"),
        ("blank-line", 3, "warning"),
    ]


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_value_is_told_to_be_empty(data: bytes, tmp_path: Path) -> None:
    rows, found = read(tmp_path, data)
    assert rows == []
    assert "empty-file" in [finding.kind for finding in found.errors()]


def test_a_byte_order_mark_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    rows, found = read(tmp_path, b'\xef\xbb\xbf{"a": 1}\n2\n')
    assert rows == [(1, {"a": 1}), (2, 2)]
    assert [(finding.kind, finding.line) for finding in found.all()] == [("byte-order-mark", 1)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_refused(encoding: str, tmp_path: Path) -> None:
    rows, found = read(tmp_path, '"a"\n"b"\n'.encode(encoding))
    assert rows == []
    assert {finding.kind for finding in found.errors()} <= {"not-utf8", "nul-byte"}
    assert found.failed


def test_a_line_at_the_limit_is_read_and_one_beyond_is_not(tmp_path: Path) -> None:
    fit = b'"' + b"x" * (LINE_LIMIT - 3) + b'"\n'
    rows, found = read(tmp_path, fit + b'"' + fit + b'"last"\n')
    assert [number for number, _ in rows] == [1, 3]
    assert [(finding.kind, finding.line) for finding in found.all()] == [("line-too-long", 2)]


def test_a_line_of_200_megabytes_costs_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with file.open("wb") as stream:
        stream.write(b'"first"\n"')
        for _ in range(200):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"\n"last"\n')
    found = Findings(file)
    tracemalloc.start()
    try:
        rows = list(read_json_lines(file, file, found))
        assert tracemalloc.get_traced_memory()[1] < 3 * LINE_LIMIT
    finally:
        tracemalloc.stop()
    assert rows == [(1, "first"), (3, "last")]
    (finding,) = found.all()
    assert (finding.kind, finding.line, finding.found) == ("line-too-long", 2, "the line has 200,000,003 bytes")


def test_what_the_caller_notes_has_the_line_that_it_was_given_last(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'1\n\n"two"\n3\n')
    found = Findings(file)
    for _, value in read_json_lines(file, file, found):
        if isinstance(value, str):
            found.error("wrong-type", "it is text", "a number")
    found.error("whole-file", "it is short", "longer")
    assert [(finding.kind, finding.line) for finding in found.errors()] == [("wrong-type", 3), ("whole-file", None)]


def test_reading_goes_on_from_any_line_that_was_yielded(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes('\ufeff1\n\n"é\r"\n{\n4\n'.encode())
    places = [line for line, _ in walk_json_lines(file, file, Findings(file))]
    assert places == [Line(1, 0), Line(5, 14)]
    file.write_bytes('"é"\r\n2\n\n{\n5'.encode())
    every = list(walk_json_lines(file, file, Findings(file)))
    assert [value for _, value in every] == ["é", 2, 5]
    for number, (line, _) in enumerate(every):
        assert list(walk_json_lines(file, file, Findings(file), line)) == every[number:]


@pytest.mark.parametrize("what", ["gone", "folder", "outside"])
def test_what_is_no_file_inside_is_told(what: str, tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    file = root / "rows.jsonl"
    if what == "folder":
        file.mkdir()
    if what == "outside":
        (tmp_path / "other").write_text("1")
        file.symlink_to(tmp_path / "other")
    found = Findings(file)
    assert not list(read_json_lines(file, root, found))
    (finding,) = found.errors()
    assert finding.kind == ("outside-link" if what == "outside" else "unreadable-file")
