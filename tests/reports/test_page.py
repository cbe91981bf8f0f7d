from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.reports.curves import learning_curves
from tuition.reports.forecast_summary import forecast_summaries, prospect
from tuition.reports.page import render_report, script_json, write_report
from tuition.reports.scores_csv import write_scores_csv
from tuition.studies.results import PredictionRow, ScoreRow, StudyResults

HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
    "\"'`<!-- \u2028\u2029\u202e{{7*7}}&lt;\0"
)


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, the text of each script, and all other text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def hostile_study() -> StudyResults:
    scores = tuple(ScoreRow(HOSTILE, HOSTILE, n, 1, HOSTILE, 40.0 + n / 4, 40.0, 60.0, 9) for n in (0, 16, 64))
    row = PredictionRow(HOSTILE, HOSTILE, 16, 1, HOSTILE, HOSTILE * 9, HOSTILE, (HOSTILE,), {HOSTILE: 0.5})
    return StudyResults(HOSTILE, scores, (row,), {HOSTILE: HOSTILE}, ((HOSTILE, HOSTILE),), (HOSTILE,))


def test_the_page_is_whole_and_asks_for_nothing(results: StudyResults, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report(results, path)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    tags = [tag for tag, _ in page.elements]
    assert tags.count("main") == tags.count("h1") == 1
    assert dict(page.elements)["html"]["lang"] == "en"
    outside = [v for tag, a in page.elements for k, v in a.items() if k in {"src", "href", "action", "srcset"} and v]
    assert all(link.startswith("#") or link == "data:," for link in outside)
    css = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in css
    assert "@import" not in css


def test_the_policy_lets_only_the_pages_own_scripts_run(results: StudyResults) -> None:
    page = Page(render_report(results))
    [policy] = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    run = [text for text in page.scripts if not text.startswith("{")]
    assert allowed == [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert "script-src 'unsafe-inline'" not in policy


def test_the_same_results_give_the_same_page(results: StudyResults) -> None:
    assert render_report(results) == render_report(results)


def test_every_score_stands_in_the_table_with_interval_and_n(make_results: Callable[..., StudyResults]) -> None:
    results = make_results(seeds=(1, 2, 3))
    html = render_report(results)
    table = html[html.index('<table class="scores">') :]
    for row in results.scores:
        assert f'>{row.value:.1f}</td><td class="interval">{row.low:.1f} – {row.high:.1f}</td>' in table
    assert table.count('class="part') == 3 * 2 * 3 * 3
    assert table.count("mean of 3") == 3 * 2 * 3
    assert ">50</td>" in table


def test_facts_notices_definitions_and_findings_are_shown(results: StudyResults) -> None:
    text = Page(render_report(results)).text
    for told in (
        "What an instruction is worth",
        "Decide what the causation is.",
        "smollm2-135m",
        "3 of 114 prompts were longer",
        "3 of 10 right",
        "Showing 8 of 10 stored answers.",
        "up to 8 of its answers",
        "“without instruction” scored 10.0 (6.0 – 16.0) ROUGE-L with no labels",
    ):
        assert told in text, told


def test_right_and_wrong_answers_are_marked_and_empty_ones_told(results: StudyResults) -> None:
    answers = (
        PredictionRow("causation", "with instruction", 16, 1, "i1", "in", "", ("yes",), {"exact_match": 0.0}),
        PredictionRow("causation", "with instruction", 16, 1, "i2", "in", " \n", ("yes",), {"exact_match": 0.0}),
        PredictionRow("causation", "with instruction", 16, 1, "i3", "in", "yes", ("yes",), {"exact_match": 1.0}),
        PredictionRow("causation", "with instruction", 16, 1, "i4", "in", "yes", ()),
    )
    text = Page(render_report(replace(results, predictions=answers))).text
    assert text.count("✓ right") == 1
    assert text.count("✗ wrong") == 2
    for told in ("empty", "white space only", "not scored", "none recorded", "1 of 4 right"):
        assert told in text


def test_long_text_is_clipped_with_the_whole_behind_it(results: StudyResults) -> None:
    long = "word " * 500 + "END"
    row = replace(results.predictions[0], input=long, references=tuple(f"reference {n}" for n in range(9)))
    html = render_report(replace(results, predictions=(row,)))
    assert "show all 2,503 characters" in html
    assert html.count("word END</div>") == 1
    assert "<summary>6 more</summary>" in html


def test_hostile_text_never_becomes_markup() -> None:
    html = render_report(hostile_study())
    page = Page(html)
    assert len(page.scripts) == 3
    assert not any(tag == "img" or any(k.startswith("on") for k in a) for tag, a in page.elements)
    assert "<script>window.hacked" not in html
    assert "window.hacked=1" in page.text
    assert "{{7*7}}" in page.text


def test_hostile_text_cannot_leave_the_data_of_the_charts() -> None:
    html = render_report(hostile_study())
    block = html[html.index('id="curves-data">') + len('id="curves-data">') :]
    block = block[: block.index("</script>")]
    assert not set(block) & set("<>&\u2028\u2029")
    assert block.isascii()
    data = json.loads(block)
    assert data["charts"][0]["task"].startswith("</script><script>window.hacked=1</script>")


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "\u2028\u2029", "a&b", '"\\', "👩‍🔬", "\ud800"])
def test_script_json_reads_back_and_holds_no_markup(text: str) -> None:
    written = script_json([text])
    assert json.loads(written) == [text]
    assert written.isascii()
    assert not set(written) & set("<>&")


def test_half_a_surrogate_pair_does_not_stop_the_page(results: StudyResults, tmp_path: Path) -> None:
    row = replace(results.predictions[0], prediction="half \ud800 pair")
    write_report(replace(results, predictions=(row,)), tmp_path / "report.html")
    assert "half ? pair" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_one_score_and_nothing_else_is_a_page() -> None:
    html = render_report(StudyResults("s", (ScoreRow("t", "a", 16, 1, "m", 50.0, 40.0, 60.0, 1),)))
    text = Page(html).text
    assert "This study follows 1 arm on 1 task with 16 labels (1 seed); every score is over 1 test instance." in text
    assert 'name="metric"' not in html
    assert "About this study" not in text
    assert "Notice" not in text


def test_answers_of_a_task_without_scores_are_shown_all_the_same(results: StudyResults) -> None:
    stray = replace(results.predictions[0], task="stray", arm="another", prediction="stray answer")
    text = Page(render_report(replace(results, predictions=(stray,)))).text
    assert "stray answer" in text
    assert "ROUGE-L not scored" in text


def test_a_page_of_very_many_points_shows_fewer_answers_of_each(make_results: Callable[..., StudyResults]) -> None:
    results = make_results(tasks=tuple(f"task{n}" for n in range(200)), answers=6)
    html = render_report(results)
    assert "up to 3 of its answers" in html
    assert html.count('<td class="mark">') == 200 * 2 * 3 * 3


def test_no_scores_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="study empty has no scores yet"):
        write_report(StudyResults("empty", ()), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_every_curves_sentence_and_the_prospect_are_told(results: StudyResults) -> None:
    text = re.sub(r"\s", "", Page(render_report(results)).text)
    made = forecast_summaries(results.scores)
    for (_, arm, _), outlook in made.items():
        assert re.sub(r"\s", "", f"{arm}: {outlook.sentence}") in text
    assert re.sub(r"\s", "", prospect(made, learning_curves(results.scores))) in text


def test_a_caution_of_every_forecast_is_told_once_for_each_metric_and_one_of_some_beside_them(
    results: StudyResults,
) -> None:
    shared = "the score without labels says little"
    assert Page(render_report(results)).text.count(shared) == 2
    more = tuple(
        replace(row, labels=128, value=row.value + 9, low=row.low + 9, high=row.high + 9)
        for row in results.scores
        if row.labels == 64 and row.task == "causation"
    )
    text = Page(render_report(replace(results, scores=results.scores + more))).text
    assert text.count(f"Caution: {shared}") == 2 * 2 * 2  # two tasks, arms and metrics


def test_one_reason_for_all_is_told_once_and_offers_nothing_to_hide(make_results: Callable[..., StudyResults]) -> None:
    html = render_report(make_results(labels=(0, 16), metrics=("rouge_l",)))
    assert html.count("No forecast: two numbers of labels") == 1
    assert 'name="forecast"' not in html
    assert "shade" not in Page(html).text


def test_one_reason_for_a_chart_is_told_once_without_an_arm(results: StudyResults) -> None:
    cut = tuple(row for row in results.scores if row.task != "causation" or row.labels < 64)
    html = render_report(replace(results, scores=cut))
    assert html.count("No forecast: two numbers of labels") == 2  # a chart, two metrics
    assert 'name="forecast"' in html


def test_a_charts_sentences_stand_in_the_order_of_the_arms(results: StudyResults) -> None:
    last = [row for row in results.scores if row.task == "paraphrase"]
    scores = [*(row for row in results.scores if row.task != "paraphrase"), *reversed(last)]
    html = render_report(replace(results, scores=tuple(scores), baseline=""))
    charts = html[html.index('<ul class="ahead"') : html.index('<section id="tasks"')]
    told = re.findall(r"<li>.*?<bdi>(.*?)</bdi>", charts, re.DOTALL)
    assert told == ["without instruction", "with instruction"] * 3 * 2


def test_two_metrics_with_the_same_scores_keep_their_sentences_apart(results: StudyResults) -> None:
    same = [row for row in results.scores if row.metric == "rouge_l"]
    html = render_report(replace(results, scores=(*same, *(replace(row, metric="exact_match") for row in same))))
    assert html.count('<ul class="ahead" aria-label="Forecasts" data-metric="0">') == 3
    assert html.count('<ul class="ahead" aria-label="Forecasts" data-metric="1" hidden>') == 3


def test_scores_that_the_forecaster_refuses_still_make_a_page(results: StudyResults) -> None:
    wrong = tuple(replace(row, n=0) for row in results.scores)
    assert "No forecast: instance row 0: n is 0" in Page(render_report(replace(results, scores=wrong))).text


def test_a_page_is_written_without_torch(results: StudyResults, tmp_path: Path) -> None:
    write_scores_csv(tmp_path / "scores.csv", results.scores)
    code = (
        "import sys; from pathlib import Path; from tuition.reports.page import render_report; "
        "from tuition.reports.scores_csv import read_scores_csv; from tuition.studies.results import StudyResults; "
        "html = render_report(StudyResults('s', read_scores_csv(Path(sys.argv[1])))); "
        "print('labels are worth' in html, 'torch' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "scores.csv")], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "True False"


def test_reports_load_without_torch_or_plotly() -> None:
    code = (
        "import sys, tuition.reports.page, tuition.reports.tables; "
        "print([m for m in ('torch', 'transformers', 'plotly', 'jinja2', 'rich', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
