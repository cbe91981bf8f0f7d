from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, ipc, parquet

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import LINE_LIMIT
from tuition.tasks.readers.table.files import Part, columns_of, rows_of, split_names, table_parts

Rows = list[dict[str, object]]


def read(path: Path) -> tuple[Rows, Findings]:
    found = Findings(path)
    return [cells for _, cells in rows_of(Part(path, path), found)], found


def sound(path: Path) -> Rows:
    rows, found = read(path)
    assert not found.all()
    return rows


def faults(path: Path) -> list[tuple[str, int | None]]:
    return [(finding.kind, finding.line) for finding in read(path)[1].all()]


def put(tmp_path: Path, content: bytes | str, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ---- CSV


def test_every_cell_is_the_text_that_it_is(tmp_path: Path) -> None:
    cells = ["None", "NA", "null", "NaN", "1.0", "007", "", " ", "TRUE", "1e5", "-", "ä\u2028b", "=1+1", "a\x85b"]
    path = put(tmp_path, "a,b\n" + "".join(f"{cell},x\n" for cell in cells))
    assert [row["a"] for row in sound(path)] == cells


def test_rows_end_at_line_feeds_alone_and_carriage_returns_live_inside(tmp_path: Path) -> None:
    path = put(tmp_path, 'a,b\r\none\rtwo,"three\r\nfour"\r\n"\r",\r\r\nlast,x\r')
    assert sound(path) == [
        {"a": "one\rtwo", "b": "three\r\nfour"},
        {"a": "\r", "b": "\r"},
        {"a": "last", "b": "x\r"},
    ]


def test_the_lines_of_rows_are_those_where_they_begin(tmp_path: Path) -> None:
    path = put(tmp_path, 'a,b\n"x\ny\nz",1\n2,3\n')
    assert [line for line, _ in rows_of(Part(path, path), Findings(path))] == [2, 5]


def test_ragged_rows_are_listed_together_and_the_others_are_read(tmp_path: Path) -> None:
    path = put(tmp_path, 'a,b\n1,2\n3\n"x\ny",4,5\n6,7\n,\n')
    rows, found = read(path)
    assert [(f.kind, f.line, f.found) for f in found.all()] == [
        ("ragged-row", 3, "1 cell where the first line has 2"),
        ("ragged-row", 4, "3 cells where the first line has 2"),
    ]
    assert [row["a"] for row in rows] == ["1", "6", ""]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [("empty-file", 1)]),
        ("\na,b\n", [("no-header", 1)]),
        (",,\n1,2,3\n", [("no-header", 1)]),
        ("a,b,a,a\n1,2,3,4\n", [("duplicate-column", 1)]),
        ("a,,b, \n1,2,3,4\n", [("empty-column-name", 1), ("empty-column-name", 1)]),
        ("a,b\rc,d\re,f\r", [("no-line-feeds", 1)]),
        ('a,b\n1,"2\n3,4\n', [("unclosed-quote", 2)]),
        ('a,b\n"1"x,2\n3,4\n', [("broken-csv", 2)]),
        ('"a"x,b\n"c"y,d\n', [("broken-csv", 1)]),
        ("a,b\n\n1,2\n\n", [("blank-line", 2), ("blank-line", 4)]),
        ("a,b\n1,\0\n3,4\n", [("nul-byte", 2)]),
        (b"PK\x03\x04\0\0", [("nul-byte", 1)]),
        ("a,b\n1,2\n".encode("utf-16"), [("not-utf8", 1)]),
        ("a,b\n1,2\n".encode("utf-16-le"), [("nul-byte", 1)]),
        (b"a,b\n\xe9,2\n3,\xff\n", [("not-utf8", 2), ("not-utf8", 3)]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    content: bytes | str, expected: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert faults(put(tmp_path, content)) == expected


def test_the_mark_that_spreadsheets_write_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = put(tmp_path, b'\xef\xbb\xbf"a",b\n1,2\n')
    assert sound(path) == [{"a": "1", "b": "2"}]
    assert columns_of(Part(path, path), Findings(path)) == ("a", "b")


@pytest.mark.parametrize(
    ("header", "delimiter"), [("a;b", ";"), ("a\tb", "\t"), ('"a,x";b;c', ";"), ("a,b;c,d", ","), ("a", ",")]
)
def test_the_first_line_tells_the_delimiter_which_is_said(header: str, delimiter: str, tmp_path: Path) -> None:
    width = len(next(csv.reader([header], delimiter=delimiter)))
    rows, found = read(put(tmp_path, f"{header}\n" + delimiter.join("1" * width) + "\n"))
    assert [*rows[0].values()] == ["1"] * width
    assert [f.kind for f in found.all()] == ([] if delimiter == "," else ["other-delimiter"])


@pytest.mark.parametrize(("sign", "other"), [(";", "a,b"), ("\t", "a;b;c"), ("|", "a,b"), (",", "a;b;c")])
@pytest.mark.parametrize("first", ["sep={}\n", '"sep={}"\r\n', "SEP={}\n"])
def test_the_line_in_which_excel_names_the_delimiter_is_no_header(
    first: str, sign: str, other: str, tmp_path: Path
) -> None:
    path = put(tmp_path, f"{first.format(sign)}{other}{sign}d\n1{sign}2\n")
    rows, found = read(path)
    assert rows == [{other: "1", "d": "2"}]
    assert [f.kind for f in found.all()] == ([] if sign == "," else ["other-delimiter"])
    assert [line for line, _ in rows_of(Part(path, path), Findings(path))] == [3]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sep=;\n", [("no-header", None), ("other-delimiter", 1)]),
        ("sep=,\n\na,b\n", [("no-header", 2)]),
        ("sep=,\na,a\n1,2\n", [("duplicate-column", 2)]),
        ('sep=,\n"a"x,b\n1,2\n', [("broken-csv", 2)]),
        ("sep=,\na,b\n1\n", [("ragged-row", 3)]),
    ],
)
def test_faults_below_that_line_keep_their_lines(
    content: str, expected: list[tuple[str, int | None]], tmp_path: Path
) -> None:
    assert sorted(faults(put(tmp_path, content))) == expected


def test_a_tsv_is_divided_by_tabs_whatever_else_stands_in_it(tmp_path: Path) -> None:
    assert sound(put(tmp_path, 'a,b;c\td\n1,2\t"3\t4"\n', "x.tsv")) == [{"a,b;c": "1,2", "d": "3\t4"}]


def test_a_line_of_200_megabytes_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n1,2\n")
        for _ in range(200):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n3,4\n")
    program = (
        "peak = lambda: next(int(s.split()[1]) for s in open('/proc/self/status') if s.startswith('VmHWM'));"
        "from pathlib import Path; from tuition.tasks.readers.table.delimited import csv_rows;"
        "from tuition.tasks.readers.common.findings import Findings; p = Path(r'''" + str(path) + "''');"
        "used = peak(); f = Findings(p);"
        "rows = [c for _, c in csv_rows(p, p, f)]; print([r['a'] for r in rows], [(x.kind, x.line) for x in f.all()]);"
        "assert peak() - used < 60_000"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['1', '3'] [('line-too-long', 3)]\n"


def test_a_quote_that_is_never_closed_ends_the_reading_soon(tmp_path: Path) -> None:
    line = b"x" * 999 + b"\n"
    path = put(tmp_path, b'a,b\n1,2\n3,"' + line * (2 * LINE_LIMIT // len(line)))
    rows, found = read(path)
    assert [row["a"] for row in rows] == ["1"]
    assert [(f.kind, f.line) for f in found.all()] == [("unclosed-quote", 3)]


def test_a_long_cell_below_the_limit_is_read_whatever_the_csv_module_allows(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    assert sound(put(tmp_path, f"a,b\n{'x' * 500_000},1\n"))[0]["a"] == "x" * 500_000


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
CELLS = st.one_of(TEXT, st.sampled_from(['"', "\r", "\n", "\r\n", ",", ";", "\t", "", "NA", "1.0", '""', "\ufeff"]))


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6), ending=st.sampled_from([".csv", ".tsv"]))
def test_any_table_comes_back_exactly_as_it_was_written(
    rows: list[tuple[str, str, str]], ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n", delimiter="\t" if ending == ".tsv" else ",")
    # The csv module quotes no carriage return before Python 3.13: one at a row's very end would be the row's own.
    writer.writerows([("first", "second", "third", "end"), *((*row, ".") for row in rows)])
    path = put(tmp_path_factory.mktemp("t"), written.getvalue(), f"x{ending}")
    assert [tuple(row.values()) for row in sound(path)] == [(*row, ".") for row in rows]


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.text(st.sampled_from('a,;\t"\r\nb \ufeff\0é'), max_size=40).map(str.encode),
        st.text(st.sampled_from('{}[]":,a1.e-\n\r nult'), max_size=40).map(str.encode),
    ),
    name=st.sampled_from(["x.csv", "x.tsv", "x.jsonl", "x.parquet", "x.arrow", "x.feather"]),
)
def test_arbitrary_bytes_are_read_or_told_and_nothing_is_raised(
    data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = put(tmp_path_factory.mktemp("t"), data, name)
    found = Findings(path)
    columns = columns_of(Part(path, path), found)
    rows, heard = read(path)
    assert all(str(finding).isprintable() for finding in heard.all())
    assert columns is not None or (found.failed and heard.failed and not rows)


# ---- JSON lines


def test_numbers_in_json_are_kept_as_they_were_written(tmp_path: Path) -> None:
    written = ["1.0", "1.10", "1e5", "-0", "12", "123456789012345678901", "0.1", "1E-2", "-0.0", "1e999"]
    path = put(tmp_path, "".join(f'{{"n": {number}}}\n' for number in written), "x.jsonl")
    assert [str(row["n"]) for row in sound(path)] == written


def test_what_is_no_row_is_told_line_by_line(tmp_path: Path) -> None:
    path = put(tmp_path, '{"a": 1}\n[1]\n"x"\n{"a": \n{"a": 2}\n', "x.jsonl")
    rows, found = read(path)
    assert rows == [{"a": 1}, {"a": 2}]
    assert [(f.kind, f.line) for f in found.all()] == [("wrong-type", 2), ("wrong-type", 3), ("broken-json", 4)]


def test_the_columns_of_json_lines_are_those_of_its_first_rows(tmp_path: Path) -> None:
    path = put(tmp_path, '{"b": 1}\n3\n{"a": 2, "b": 3}\n', "x.jsonl")
    assert columns_of(Part(path, path), Findings(path)) == ("b", "a")


# ---- Parquet and Arrow

TABLE: dict[str, Any] = {
    "text": ["None", "1.0", "a\r\nb", ""],
    "n": [1, 2, None, 4],
    "x": [0.5, float("nan"), 1e20, -0.0],
}


def write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    elif path.suffix == ".feather":
        feather.write_feather(table, path)
    else:
        make = ipc.new_stream if path.stem == "stream" else ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    return path


FILES = ["x.parquet", "x.feather", "x.arrow", "stream.arrow"]


@pytest.mark.parametrize("name", FILES)
def test_the_rows_of_a_file_of_columns_are_read_with_their_text_as_it_is(name: str, tmp_path: Path) -> None:
    path = write(pa.table(TABLE), tmp_path / name)
    assert columns_of(Part(path, path), Findings(path)) == ("text", "n", "x")
    assert sound(path) == [
        {"text": "None", "n": 1, "x": 0.5},
        {"text": "1.0", "n": 2, "x": None},
        {"text": "a\r\nb", "n": None, "x": 1e20},
        {"text": "", "n": 4, "x": -0.0},
    ]


def test_other_kinds_of_columns_become_text_or_are_left_out(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "single": pa.array([0.1], pa.float32()),
            "price": pa.array([decimal.Decimal("1.50")]),
            "when": pa.array([when]),
            "day": pa.array([when.date()]),
            "tags": pa.array([["a", "b"]]),
            "kind": pa.array(["k"]).dictionary_encode(),
            "picture": pa.array([b"\xff"]),
            "nested": pa.array([{"bytes": b"x", "path": "p"}]),
        }
    )
    rows, found = read(write(table, tmp_path / "x.parquet"))
    dated = {"when": "2024-01-02 03:04:05", "day": "2024-01-02"}
    assert rows == [{"single": 0.1, "price": "1.50", **dated, "tags": ["a", "b"], "kind": "k"}]
    assert [(f.kind, f.severity) for f in found.all()] == [("bytes-column", "warning")] * 2


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "x.arrow")
    assert faults(path) == [("duplicate-column", None)]


def features(**told: Any) -> dict[bytes, bytes]:
    return {b"huggingface": json.dumps({"info": {"features": told}}).encode()}


def test_class_labels_become_their_names_and_those_without_one_stay_numbers(tmp_path: Path) -> None:
    meta = features(label={"_type": "ClassLabel", "names": ["no", "yes"]}, text={"_type": "Value"}, odd=3)
    table = pa.table({"text": list("abcd"), "label": [1, 0, -1, 7]}).replace_schema_metadata(meta)
    for name in FILES:
        assert [row["label"] for row in sound(write(table, tmp_path / name))] == ["yes", "no", -1, 7]


@pytest.mark.parametrize("kind", ["Sequence", "List", "LargeList", ""])
def test_lists_of_class_labels_become_lists_of_names(kind: str, tmp_path: Path) -> None:
    one = {"_type": "ClassLabel", "names": ["no", "yes"]}
    meta = features(label={"_type": kind, "feature": one} if kind else [one])
    table = pa.table({"label": [[1, 0], [], None, [-1]]}).replace_schema_metadata(meta)
    for name in FILES:
        assert [row["label"] for row in sound(write(table, tmp_path / name))] == [["yes", "no"], [], None, [-1]]


@pytest.mark.parametrize(
    "told", [b"", b"[", b"{}", b'{"info": 3}', b'{"info": {"features": [1]}}', b"\xff", b"[" * 9000]
)
def test_odd_metadata_leaves_numbers_numbers(told: bytes, tmp_path: Path) -> None:
    table = pa.table({"label": [1]}).replace_schema_metadata({b"huggingface": told})
    assert sound(write(table, tmp_path / "x.parquet")) == [{"label": 1}]


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_told_and_never_raise(name: str, tmp_path: Path) -> None:
    table = pa.table({"text": [f"row {n}" for n in range(50)], "n": range(50)})
    whole = write(table, tmp_path / name).read_bytes()
    draw = random.Random(name)
    refused = 0
    for _ in range(60):
        data = bytearray(whole[: draw.randrange(len(whole))] if draw.random() < 0.3 else whole)
        for _ in range(draw.randrange(1, 6) if data else 0):
            data[draw.randrange(len(data))] = draw.randrange(256)
        refused += read(put(tmp_path, bytes(data), f"damaged{Path(name).suffix}"))[1].failed
    assert refused > 10


# ---- folders


def saved(folder: Path, rows: dict[str, list[str]], shards: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for shard in range(shards):
        names.append({"filename": f"data-{shard:05}-of-{shards:05}.arrow"})
        part = pa.table({key: values[shard::shards] for key, values in rows.items()})
        with pa.OSFile(str(folder / names[-1]["filename"]), "wb") as sink, ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
    (folder / "state.json").write_text(json.dumps({"_data_files": names, "_split": None}))


def test_a_saved_dataset_and_its_splits_are_found(tmp_path: Path) -> None:
    saved(tmp_path / "one", {"a": ["1", "2", "3"]}, shards=2)
    parts = table_parts(tmp_path / "one", tmp_path, Findings(tmp_path))
    assert [row["a"] for part in parts for _, row in rows_of(part, Findings(tmp_path))] == ["1", "3", "2"]
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["one"]}')
    assert [part.split for part in table_parts(tmp_path, tmp_path, Findings(tmp_path))] == ["one", "one"]


@pytest.mark.parametrize(
    "state",
    ["", "[", "[]", "{}", '{"_data_files": [3]}', '{"_data_files": [{"filename": "../x.arrow"}]}',
     '{"_data_files": [{"filename": "/etc/passwd"}]}',
     '{"_data_files": [{"filename": "x"}], "_indices_data_files": ["y"]}'],
)  # fmt: skip
def test_a_saved_dataset_that_is_broken_or_leads_elsewhere_is_refused(state: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(state)
    found = Findings(tmp_path)
    assert table_parts(tmp_path, tmp_path, found) == []
    assert found.failed


@pytest.mark.parametrize("told", ['{"splits": ["../x"]}', '{"splits": [3]}', '{"splits": "train"}', "{}"])
def test_splits_that_lead_elsewhere_are_refused(told: str, tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text(told)
    found = Findings(tmp_path)
    assert table_parts(tmp_path, tmp_path, found) == []
    assert found.failed


def test_what_datasets_itself_saves_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    told = datasets.Features({"t": datasets.Value("string"), "y": datasets.ClassLabel(names=["no", "yes"])})
    rows = datasets.Dataset.from_dict({"t": ["a", "b", "c"], "y": [0, 1, 1]}, features=told)
    rows.select([2, 0]).save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "two")
    (part,) = table_parts(tmp_path / "one", tmp_path, Findings(tmp_path))
    assert [row for _, row in rows_of(part, Findings(tmp_path))] == [{"t": "c", "y": "yes"}, {"t": "a", "y": "no"}]
    assert [part.split for part in table_parts(tmp_path / "two", tmp_path, Findings(tmp_path))] == ["train", "test"]


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["train.csv", "dev.csv"], ["train", "dev"]),
        (["test-00000-of-00001.parquet", "train_1.parquet"], ["test", "train"]),
        (["train.csv", "notes.csv"], []),
        (["trainers.csv"], []),
        ([], []),
    ],
)
def test_files_are_splits_where_all_their_names_say_so(files: list[str], splits: list[str]) -> None:
    assert split_names(files) == splits


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = put(tmp_path, "a,b\n1,2\n", "outside.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").symlink_to(outside)
    found = Findings(tmp_path)
    assert list(rows_of(Part(tmp_path / "in" / "x.csv", tmp_path / "in"), found)) == []
    assert [finding.kind for finding in found.all()] == ["outside-link"]
