"""`tuition forecast` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.test_cli import refused, tuition

ROWS = "labels,value\n0,4\n16,31\n64,48\n128,55\n"


def test_four_rows_of_a_csv_are_answered_for_people_and_machines(tmp_path: Path) -> None:
    source = tmp_path / "curve.csv"
    source.write_text(ROWS)
    shown = tuition("forecast", source, "--target", 70, "--at", "200,500")
    assert shown.returncode == 0, shown.stderr
    assert "95% interval" in shown.stdout
    told = json.loads(tuition("forecast", source, "--target", 70, "--at", "200,500", "--json").stdout)
    assert [at["labels"] for at in told[0]["at"]] == [200, 500]
    assert told[0]["need"] is not None
    assert told[0]["advice"]


def test_mistakes_are_told_in_plain_lines(tmp_path: Path) -> None:
    source = tmp_path / "curve.csv"
    source.write_text(ROWS)
    assert "counts separated by commas" in refused(tuition("forecast", source, "--at", "many"))
    assert "no such" in refused(tuition("forecast", tmp_path / "none.csv"))
    assert "target" in refused(tuition("forecast", source, "--target", 170))
