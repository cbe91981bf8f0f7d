from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.csv_cells import unguarded
from tuition.base.errors import ProblemsError, UserError
from tuition.reports import tables
from tuition.reports.scores_csv import read_scores_csv, write_scores_csv
from tuition.studies.results import ScoreRow, StudyResults

ROW = ScoreRow("task1152", "with instruction", 16, 1, "rouge_l", 48.2, 41.0, 55.1, 50)
HEADER = "task,arm,labels,seed,metric,value,low,high,n\n"
UGLY = (
    'say "hi", now',
    "one\rtwo",
    "one\r\ntwo\n",
    " lead",
    "trail ",
    "",
    "NA",
    "None",
    "1.0",
    "=1+1",
    "文 👩‍🔬",
    "a\0b",
)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scores = st.floats(0, 100)


@st.composite
def score_rows(draw: st.DrawFn) -> ScoreRow:
    low, high = sorted((draw(scores), draw(scores)))
    return ScoreRow(
        draw(names),
        draw(names),
        draw(st.integers(0, 2**63)),
        draw(st.integers(-(2**63), 2**63)),
        draw(names),
        draw(scores),
        low,
        high,
        draw(st.integers(1, 10**9)),
    )


def test_the_file_is_what_the_format_says(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores_csv(path, [ROW, replace(ROW, task='a "b", c', value=1 / 3)])
    assert path.read_bytes().decode() == (
        HEADER
        + "task1152,with instruction,16,1,rouge_l,48.2,41.0,55.1,50\n"
        + '"a ""b"", c",with instruction,16,1,rouge_l,0.3333333333333333,41.0,55.1,50\n'
    )


@given(st.lists(score_rows(), max_size=5))
def test_whatever_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[ScoreRow]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "scores.csv"
    write_scores_csv(path, rows)
    assert read_scores_csv(path) == tuple(rows)


@pytest.mark.parametrize("text", UGLY)
def test_ugly_text_survives_in_every_name(tmp_path: Path, text: str) -> None:
    rows = (ScoreRow(text, text, 0, 1, text, 1.0, 0.5, 2.0, 3), ROW)
    write_scores_csv(tmp_path / "scores.csv", rows)
    assert read_scores_csv(tmp_path / "scores.csv") == rows


def test_other_readers_find_the_same_cells(tmp_path: Path, results: StudyResults) -> None:
    path = tmp_path / "scores.csv"
    rows = (*results.scores, *(replace(ROW, task=text) for text in UGLY if "\0" not in text))
    write_scores_csv(path, rows)
    with path.open(encoding="utf-8", newline="") as stream:
        assert [unguarded(line["task"]) for line in csv.DictReader(stream, strict=True)] == [row.task for row in rows]
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=False),
    )
    assert [unguarded(cell) for cell in table["task"].to_pylist()] == [row.task for row in rows]
    assert table["value"].to_pylist() == [row.value for row in rows]


def test_no_rows_leave_a_header_that_reads_back_as_no_rows(tmp_path: Path) -> None:
    write_scores_csv(tmp_path / "scores.csv", [])
    assert (tmp_path / "scores.csv").read_text() == HEADER
    assert read_scores_csv(tmp_path / "scores.csv") == ()


def test_a_spreadsheets_mark_and_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + "t,a,16,1,m,48,41,55,50\n\n").replace("\n", "\r\n").encode())
    assert read_scores_csv(path) == (ScoreRow("t", "a", 16, 1, "m", 48.0, 41.0, 55.0, 50),)


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    bad = ["t,a,sixteen,1,m,48,41,55,50", "t,a,16,1,m,48", "t,a,16,1,m,nan,41,55,50", "t,a,16,1,m,4x,41,55,50",
           "t,a,-1,1,m,48,55,41,0", "t,a,16,1,m,148,41,55,50"]  # fmt: skip
    path.write_text(HEADER + "t,a,16,1,m,48,41,55,50\n" + "\n".join(bad) + "\n")
    with pytest.raises(ProblemsError) as caught:
        read_scores_csv(path)
    told = [(p.line, p.found) for p in caught.value.problems]
    assert told == [
        (3, 'labels is "sixteen"'),
        (4, "found 6 cells"),
        (5, "value is nan"),
        (6, 'value is "4x"'),
        (7, "low 55.0 is above high 41.0"),
        (7, "labels is -1"),
        (7, "n is 0"),
        (8, "value is 148.0"),
    ]
    assert f"{path}:3, task t" in str(caught.value)


def test_another_header_is_told_and_the_right_one_with_it(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("task;arm\n")
    with pytest.raises(UserError, match="found task;arm; the first line of a scores file is task,arm,labels"):
        read_scores_csv(path)
    path.write_text("")
    with pytest.raises(UserError, match="found nothing"):
        read_scores_csv(path)


def test_a_file_cut_short_within_a_quote_is_told(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(HEADER + 't,a,16,1,m,48,41,55,50\n"t,a,16')
    with pytest.raises(ProblemsError, match=r"scores\.csv:3: the quoting is broken"):
        read_scores_csv(path)


def test_a_bare_carriage_return_outside_quotes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(HEADER.encode() + b"t\rx,a,16,1,m,48,41,55,50\n")
    with pytest.raises(ProblemsError, match=r"scores\.csv:2: the quoting is broken"):
        read_scores_csv(path)


def test_a_missing_file_and_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_scores_csv(tmp_path / "none.csv")
    (tmp_path / "scores.csv").write_bytes(HEADER.encode() + b"\xff\xfe,a")
    with pytest.raises(UserError, match="not UTF-8"):
        read_scores_csv(tmp_path / "scores.csv")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"value": float("nan")}, "value is nan"),
        ({"high": float("inf")}, "high is inf"),
        ({"task": "half \ud800"}, "half a surrogate pair"),
        ({"arm": "x" * 200_000}, "over 131,072 characters"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, change: dict[str, object], found: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("as before")
    with pytest.raises(ProblemsError, match=found):
        write_scores_csv(path, [ROW, replace(ROW, **change)])  # type: ignore[arg-type]
    assert path.read_text() == "as before"


def test_a_mean_of_full_scores_may_exceed_100_by_rounding(tmp_path: Path) -> None:
    full = replace(ROW, value=100.00000000000001, high=100.00000000000001)
    write_scores_csv(tmp_path / "scores.csv", [full])
    assert read_scores_csv(tmp_path / "scores.csv") == (full,)


def test_tables_offers_the_csv_functions_too() -> None:
    assert tables.read_scores_csv is read_scores_csv
    assert tables.write_scores_csv is write_scores_csv
