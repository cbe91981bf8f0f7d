from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tuition.tasks.check import check_collection
from tuition.tasks.readers import find_reader, open_collection
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table import json_list as table_json
from tuition.tasks.readers.table.json_list import is_json_table, json_list_rows

ALPACA = [
    {"instruction": "Say hi.", "input": "", "output": "hi"},
    {"instruction": "Repeat.", "input": "x\u2028", "output": "x"},
]


def put(tmp_path: Path, content: object, name: str = "x.json") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return path


def read(path: Path) -> tuple[list[tuple[int | None, dict[str, object]]], list[tuple[str, int | None]]]:
    found = Findings(path)
    rows = list(json_list_rows(path, path, found))
    return rows, [(finding.kind, finding.line) for finding in found.all()]


def test_a_list_of_objects_is_a_table_with_its_lines(tmp_path: Path) -> None:
    path = put(tmp_path, ALPACA)
    rows, faults = read(path)
    assert (rows, faults) == ([(2, ALPACA[0]), (7, ALPACA[1])], [])
    assert find_reader(path).name == "table"
    (task,) = open_collection(path)
    assert [row.input for row in task.instances()] == ["Say hi.", "Repeat.\n\nx\u2028"]


def test_numbers_stay_as_they_were_written(tmp_path: Path) -> None:
    assert read(put(tmp_path, '[{"a": 1.10, "b": 1}]'))[0] == [(1, {"a": "1.10", "b": 1})]


@pytest.mark.parametrize(
    ("content", "rows", "faults"),
    [
        ("[]", 0, []),
        ('[{"a": 1}, 2,\n "b"]', 1, [("wrong-type", 1), ("wrong-type", 2)]),
        ('[{"a": 1},\n{"a": ', 1, [("truncated-json", 2)]),
        ('[{"a": 1}] x', 1, [("broken-json", 1)]),
        ('[{"a": 1, "a": 2}]', 1, [("duplicate-key", 1)]),
        ('{"a": 1}', 0, [("wrong-type", 1)]),
        ("[" * 100_000, 0, [("deep-nesting", 1)]),
        ("", 0, [("empty-file", 1)]),
    ],
)
def test_what_is_wrong_is_reported_with_its_line(
    content: str, rows: int, faults: list[tuple[str, int]], tmp_path: Path
) -> None:
    read_rows, found = read(put(tmp_path, content))
    assert (len(read_rows), found) == (rows, faults)


def test_a_list_too_large_to_hold_is_sent_to_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_json, "_LARGEST", 10)
    (problem,) = check_collection(put(tmp_path, ALPACA)).errors
    assert "jq -c '.[]' x.json > x.jsonl" in problem.expected


def test_only_lists_are_tables(tmp_path: Path) -> None:
    assert is_json_table(put(tmp_path, " \n[\n {"))
    assert not is_json_table(put(tmp_path, [1]))
    assert not is_json_table(put(tmp_path, {"a": 1}))
    assert not is_json_table(put(tmp_path, [1], "x.txt"))
    os.mkfifo(tmp_path / "pipe.json")  # opening it would wait for ever
    assert not is_json_table(tmp_path / "pipe.json")


def test_other_json_beside_a_table_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, {"description": "what the columns are"}, "dataset_info.json")
    put(tmp_path, "text,label\na,b\n", "x.csv")
    assert open_collection(tmp_path).names == ("x",)
