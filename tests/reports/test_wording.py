from __future__ import annotations

import pytest

from tuition.reports.wording import count, interval_text, listed, metric_title, score_text, shown_name


@pytest.mark.parametrize(
    ("metric", "title"), [("rouge_l", "ROUGE-L"), ("exact_match", "exact match"), ("token_f1", "token f1")]
)
def test_metrics_are_written_as_papers_write_them(metric: str, title: str) -> None:
    assert metric_title(metric) == title


def test_a_score_is_told_with_its_interval() -> None:
    assert score_text(48.21, 41.0, 55.149) == "48.2 (41.0 – 55.1)"
    assert interval_text(0, 100) == "(0.0 – 100.0)"


def test_names_keep_every_script_and_lose_what_reorders_or_breaks_a_line() -> None:
    assert shown_name("Übung 文 שלום 👩‍🔬") == "Übung 文 שלום 👩‍🔬"
    assert shown_name("a\u202eb\u2066c\u2028d\ne\x1b[31m") == "a\\u202eb\\u2066c\\u2028d\\ne\\x1b[31m"
    assert shown_name("half \ud800 pair") == "half \\ud800 pair"


def test_a_long_name_is_clipped_and_an_empty_one_is_told() -> None:
    assert shown_name("x" * 500, 10) == "x" * 10 + "…"
    assert shown_name("x" * 10, 10) == "x" * 10
    assert shown_name("") == "(no name)"


def test_counts_and_lists_read_as_english() -> None:
    assert [count(0, "label"), count(1, "label"), count(1200, "label")] == ["0 labels", "1 label", "1,200 labels"]
    assert [listed([]), listed(["0"]), listed(["0", "16"]), listed(["0", "16", "64"])] == [
        "",
        "0",
        "0 and 16",
        "0, 16 and 64",
    ]
