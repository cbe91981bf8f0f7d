"""What another tool said of its answers is shown beside our scores, with the answers on which both differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuition.commands.score import score_and_print
from tuition.evaluation.scoring import ScoreChoice, score_predictions


def samples(folder: Path, *rows: dict[str, object]) -> Path:
    file = folder / "samples_gsm8k_2026-11-21T08-45-58.633110.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


ROW = {"doc_id": 0, "target": "so #### 4", "resps": [["4"]], "filtered_resps": ["4"], "filter": "strict-match"}


def test_the_harness_own_verdict_is_shown_beside_ours_with_where_they_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = samples(tmp_path, {**ROW, "exact_match": 1.0}, {**ROW, "doc_id": 1, "target": "4", "exact_match": 1.0})
    scored = score_predictions(ScoreChoice(file))
    [verdict] = scored.verdicts
    assert (verdict.name, verdict.value, verdict.n, verdict.ours) == ("exact_match", 100, 2, "exact_match")
    assert (verdict.own_value, verdict.differ, verdict.example) == (50, 1, "gsm8k 0")
    score_and_print(ScoreChoice(file), as_json=False)
    said = " ".join(capsys.readouterr().err.split())
    assert "exact_match as stored with the answers is 100.00 over 2 answers; our exact_match" in said
    assert "is 50.00, and 1 answer differs, such as gsm8k 0" in said
    score_and_print(ScoreChoice(file), as_json=True)
    assert json.loads(capsys.readouterr().out)["verdicts"][0]["differ"] == 1


def test_a_verdict_that_we_share_says_so_without_a_difference(tmp_path: Path) -> None:
    file = samples(tmp_path, {**ROW, "target": "4", "metrics": ["exact_match", "odd"], "exact_match": True, "odd": 3})
    shared, odd = score_predictions(ScoreChoice(file)).verdicts
    assert (shared.own_value, shared.differ) == (100, 0)
    assert (odd.name, odd.own_value) == ("odd", None)
    assert "Tuition has no such metric" in str(odd)


def test_what_is_no_number_is_no_verdict(tmp_path: Path) -> None:
    file = samples(tmp_path, {**ROW, "exact_match": "yes", "acc": None, "f1": [0.5, 1], "bleu": {"a": 1}})
    assert score_predictions(ScoreChoice(file)).verdicts == ()


def test_percentages_are_told_from_shares(tmp_path: Path) -> None:
    file = samples(tmp_path, {**ROW, "target": "4", "bleu": 100.0}, {**ROW, "doc_id": 1, "target": "4", "bleu": 40.0})
    [verdict] = score_predictions(ScoreChoice(file)).verdicts
    assert verdict.value == 70
