"""The page as a reader meets it: in a real browser, from a file, with no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tuition.reports.forecast_summary import forecast_summaries
from tuition.reports.page import write_report
from tuition.studies.results import PredictionRow, ScoreRow, StudyResults

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAITS = 400
MEASURED = ".scatterlayer .trace:has(path.point)"
SHADES = ".scatterlayer .trace:has(path.js-fill)"
DASHES = ".scatterlayer .trace:has(path.js-line):not(:has(path.point)):not(:has(path.js-fill))"
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'><b>b</b>%{x}<a href='http://x.test'>a</a>"


@dataclass
class Opened:
    """A page that has been opened, with all that it asked for and said."""

    page: Any
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def colour(self, selector: str, name: str) -> str:
        return str(self.page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']"))

    def until(self, read: str, selector: str, expected: object, given: object = None) -> None:
        """Wait until the script `read` gives `expected` of the first such element; fail with what it gave last."""
        # Playwright's own wait_for_function evaluates text inside the page, which the page's policy forbids.
        for _ in range(WAITS):
            given_back = self.page.locator(selector).first.evaluate(read, given)
            if given_back == expected:
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"{selector}: found {given_back!r} and waited in vain for {expected!r}")

    def until_count(self, selector: str, expected: int) -> None:
        self.until("(e, selector) => e.querySelectorAll(selector).length", "body", expected, selector)

    def marks(self, chart: int, trace: int = 0) -> list[float]:
        """Return the heights at which a trace's points stand, in pixels."""
        read = "es => es.map(e => e.getBoundingClientRect().y)"
        points = self.page.locator(".chart").nth(chart).locator(MEASURED).nth(trace).locator("path.point")
        return [float(y) for y in points.evaluate_all(read)]


def found() -> str:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and os.environ.get("TUITION_REQUIRE_BROWSER") == "1":
        pytest.fail(f"none of {', '.join(NAMES)} is installed, and TUITION_REQUIRE_BROWSER=1 asks for one")
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    executable = found()
    if os.environ.get("TUITION_REQUIRE_BROWSER") != "1":
        pytest.importorskip("playwright", reason="playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_report(results: StudyResults, **settings: Any) -> Opened:
        path = tmp_path / "report.html"
        write_report(results, path)
        context = chromium.new_context(**{"offline": True, "viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        opened = Opened(context.new_page())
        context.on("request", lambda request: opened.asked.append(request.url))
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.goto(path.as_uri())
        opened.page.evaluate(
            "document.addEventListener('securitypolicyviolation', e => console.error(e.violatedDirective))"
        )
        return opened

    yield open_report
    for context in contexts:
        context.close()


def wait_for_charts(opened: Opened, charts: int) -> None:
    for chart in opened.page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
    opened.until_count(".chart .scatterlayer", charts)


def test_each_task_has_a_chart_with_its_arms_and_points(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    for chart in opened.page.locator(".chart").all():
        assert chart.locator(MEASURED).count() == 2
        assert chart.locator(".scatterlayer path.point").count() == 2 * 3
        assert chart.locator(".scatterlayer .errorbar").count() == 2 * 3
        assert chart.locator(".xtick text").all_text_contents() == ["0", "16", "64", "128", "256", "512"]


def test_the_page_asks_for_nothing_and_says_nothing(
    show: Callable[..., Opened], results: StudyResults, tmp_path: Path
) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    opened.page.get_by_text("exact match", exact=True).first.click()
    for point in opened.page.locator(".answer-set > summary").all():
        point.click()
    assert opened.asked == [(tmp_path / "report.html").as_uri()]
    assert opened.said == []


def test_the_metric_switch_changes_what_is_drawn(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    opened.page.get_by_role("checkbox", name="forecast").uncheck(force=True)  # the measured scores share a scale
    opened.until_count(DASHES, 0)
    before = opened.marks(0)
    opened.page.get_by_role("radio", name="exact match").focus()
    opened.page.keyboard.press("Space")
    opened.until("e => e.textContent", ".ytitle", "exact match")
    opened.until("e => e.textContent", ".chart >> nth=2 >> .ytitle", "exact match")
    assert all(now > then for now, then in zip(opened.marks(0), before, strict=True))  # 5 less: further down
    assert opened.page.locator(".ytitle").all_text_contents() == ["exact match"] * 3
    opened.page.get_by_role("radio", name="ROUGE-L").check(force=True)
    opened.until("e => e.textContent", ".ytitle", "ROUGE-L")
    assert opened.marks(0) == pytest.approx(before)


def test_an_arm_can_be_hidden_and_shown_again(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    box = opened.page.get_by_role("checkbox", name="without instruction")
    box.uncheck(force=True)
    opened.until_count(MEASURED, 3)
    opened.until_count(DASHES, 3)
    box.check(force=True)
    opened.until_count(MEASURED, 6)
    opened.until_count(DASHES, 6)


def test_a_point_tells_its_score_interval_and_n(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    told = told_at(opened, opened.page.locator(".chart").first.locator(MEASURED).nth(1).locator("path.point").nth(1))
    for part in ("with instruction", "45.0", "(41.0 – 51.0)", "16 labels, n = 50"):
        assert part in told


def told_at(opened: Opened, mark: Any, across: float = 0.5) -> str:
    """Return what the page tells where the mouse is on `mark`, at that share of its width."""
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box is not None
    opened.page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] / 2)
    opened.page.wait_for_selector(".hoverlayer .hovertext")
    return " ".join(opened.page.locator(".hoverlayer .hovertext tspan").all_text_contents())


def test_each_arm_has_a_forecast_band_and_dashes_beyond_its_last_point(
    show: Callable[..., Opened], results: StudyResults
) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    for chart in opened.page.locator(".chart").all():
        assert chart.locator(SHADES).count() == chart.locator(DASHES).count() == 2
        assert chart.locator(".annotation").all_text_contents() == ["forecast"]
        for arm in range(2):
            last = chart.locator(MEASURED).nth(arm).locator("path.point").last.bounding_box()
            shade = chart.locator(SHADES).nth(arm).locator("path.js-fill")
            dashes = chart.locator(DASHES).nth(arm).locator("path.js-line")
            assert shade.is_visible()
            assert "dasharray" in (dashes.get_attribute("style") or "")
            for mark in (shade.bounding_box(), dashes.bounding_box()):
                assert mark["x"] == pytest.approx(last["x"] + last["width"] / 2, abs=2)
                assert mark["width"] > 50
    strokes = [opened.colour(f"{kind} >> nth=1 >> path.js-line", "stroke") for kind in (MEASURED, DASHES)]
    assert strokes[0] == strokes[1]


def test_a_chart_of_one_arm_shows_both_intervals_and_one_of_many_arms_bars(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    opened = show(make_results(tasks=("t",), arms=("a", "b", "c", "d")))
    wait_for_charts(opened, 1)
    assert (opened.count(SHADES), opened.count(f"{DASHES} .errorbar path.yerror")) == (0, 4 * 7)
    for arm, shades in (("d", 3), ("c", 2), ("b", 2)):
        opened.page.get_by_role("checkbox", name=arm, exact=True).uncheck(force=True)
        opened.until_count(SHADES, shades)
    opened.until_count(DASHES, 1)


def test_a_forecast_tells_that_it_is_one_and_the_last_point_what_was_measured(
    show: Callable[..., Opened], results: StudyResults
) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    chart = opened.page.locator(".chart").first
    told = told_at(opened, chart.locator(MEASURED).nth(1).locator("path.point").last)
    assert "64 labels, n = 50" in told
    assert "forecast" not in told
    told = told_at(opened, chart.locator(DASHES).nth(1).locator("path.js-line"), across=0.99)
    band = forecast_summaries(results.scores)["causation", "with instruction", "rouge_l"].band
    assert band is not None
    assert "with instruction, forecast" in told
    assert f"{band.score[-1]:.1f}" in told
    assert f"(80%: {band.low80[-1]:.1f} – {band.high80[-1]:.1f})" in told
    assert "512 labels" in told


def test_each_chart_has_its_arms_sentences_in_the_metric_shown(
    show: Callable[..., Opened], results: StudyResults
) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    made = forecast_summaries(results.scores)
    for metric, title in (("rouge_l", "ROUGE-L"), ("exact_match", "exact match")):
        opened.page.get_by_role("radio", name=title).check(force=True)
        opened.until("e => e.textContent", ".ytitle", title)
        said = opened.page.locator(".below").first.inner_text()
        for arm in ("without instruction", "with instruction"):
            assert f"{arm}: {made['causation', arm, metric].sentence}" in said
        assert said.count("labels are worth") + said.count("labels may help") == 2


def test_the_toggle_hides_all_of_the_forecasts_and_shows_them_again(
    show: Callable[..., Opened], results: StudyResults
) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    box = opened.page.get_by_role("checkbox", name="forecast")
    box.focus()
    opened.page.keyboard.press("Space")
    for part in (SHADES, DASHES, ".chart .annotation"):
        opened.until_count(part, 0)
    assert opened.page.locator(".chart").first.locator(".xtick text").all_text_contents() == ["0", "16", "64"]
    assert not any(part.is_visible() for part in opened.page.locator(".ahead").all())
    assert opened.count(MEASURED) == 6
    opened.page.keyboard.press("Space")
    opened.until_count(SHADES, 6)
    assert opened.page.locator(".below ul").first.is_visible()
    assert opened.said == []


def test_where_no_forecast_can_be_made_nothing_is_drawn_and_the_reason_told(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    opened = show(make_results(labels=(0, 16)))
    wait_for_charts(opened, 3)
    assert opened.count(SHADES) == opened.count(DASHES) == opened.count("input[name=forecast]") == 0
    assert opened.page.get_by_text("No forecast: two numbers of labels").first.is_visible()
    assert opened.page.locator(".chart").first.locator(".xtick text").all_text_contents() == ["0", "16"]
    assert opened.said == []


def test_dark_mode_is_followed_live_by_the_page_and_its_charts(
    show: Callable[..., Opened], results: StudyResults
) -> None:
    opened = show(results, color_scheme="light")
    wait_for_charts(opened, 3)
    watched = (("body", "backgroundColor"), (".xtick text", "fill"), (".chart .main-svg", "backgroundColor"))
    light = [opened.colour(*place) for place in watched]
    line = opened.colour(".scatterlayer .js-line", "stroke")
    opened.page.emulate_media(color_scheme="dark")
    opened.until("(e, was) => getComputedStyle(e).fill !== was", ".xtick text", True, light[1])
    dark = [opened.colour(*place) for place in watched]
    assert all(a != b for a, b in zip(light, dark, strict=True))
    assert opened.colour(".scatterlayer .js-line", "stroke") != line


def test_hostile_text_is_inert(show: Callable[..., Opened]) -> None:
    scores = tuple(ScoreRow(HOSTILE, HOSTILE, n, 1, HOSTILE, 40.0 + n / 4, 40.0, 60.0, 9) for n in (0, 16, 64))
    row = PredictionRow(HOSTILE, HOSTILE, 16, 1, HOSTILE, HOSTILE * 9, HOSTILE, (HOSTILE,), {HOSTILE: 0.5})
    opened = show(StudyResults(HOSTILE, scores, (row,), {HOSTILE: HOSTILE}, ((HOSTILE, HOSTILE),), (HOSTILE,)))
    wait_for_charts(opened, 1)
    opened.page.locator(".answer-set > summary").click()
    opened.page.locator("path.point").first.scroll_into_view_if_needed()
    box = opened.page.locator("path.point").first.bounding_box()
    assert box is not None
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.page.wait_for_selector(".hoverlayer .hovertext")
    assert opened.page.evaluate("window.hacked") is None
    assert opened.count("img") == opened.count("main a[href^=http]") == opened.count(".hoverlayer a") == 0
    assert "<img src=x" in opened.page.locator(".hoverlayer .hovertext").first.inner_html().replace("&lt;", "<")
    assert opened.page.locator("td[data-name=Answer]").inner_text() == HOSTILE
    assert HOSTILE[:60] in opened.page.locator(".below").inner_text()
    assert "<img" in told_at(opened, opened.page.locator(DASHES).first.locator("path.js-line"), across=0.99)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.count(".hoverlayer a") == 0
    assert opened.said == []


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_the_page_never_scrolls_sideways(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults], width: int
) -> None:
    results = make_results(
        tasks=("task_with_a_long_name_" * 12, "x" * 300), arms=("a" * 90, "with the instruction " * 6), seeds=(1, 2)
    )
    opened = show(results, viewport={"width": width, "height": 900})
    wait_for_charts(opened, 2)
    opened.page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chart, card = (opened.page.locator(name).first.bounding_box() for name in (".chart .main-svg", ".card"))
    assert chart["width"] <= card["width"]


def test_many_charts_are_drawn_when_they_come_near(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    opened = show(make_results(tasks=tuple(f"task {n}" for n in range(40)), answers=0))
    opened.page.wait_for_selector(".chart .scatterlayer")
    assert 0 < opened.count(".chart .scatterlayer") < 40
    wait_for_charts(opened, 40)


def test_a_change_reaches_charts_that_were_far_away(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    opened = show(make_results(tasks=tuple(f"task {n}" for n in range(40)), answers=0))
    wait_for_charts(opened, 40)
    opened.page.evaluate("scrollTo(0, 0)")
    opened.page.get_by_role("radio", name="exact match").check(force=True)
    opened.page.locator(".chart").last.scroll_into_view_if_needed()
    opened.until("e => e.textContent", ".chart >> nth=39 >> .ytitle", "exact match")


def test_printing_draws_every_chart_in_light_colours_and_goes_back(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    opened = show(make_results(tasks=tuple(f"task {n}" for n in range(40)), answers=0), color_scheme="dark")
    opened.page.wait_for_selector(".chart .scatterlayer")
    dark = opened.colour(".xtick text", "fill")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.count(".chart .scatterlayer") == 40
    assert opened.colour(".xtick text", "fill") != dark
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    opened.until("e => getComputedStyle(e).fill", ".xtick text", dark)


def test_without_javascript_the_numbers_and_answers_can_be_read(
    show: Callable[..., Opened], results: StudyResults, chromium: Any, tmp_path: Path
) -> None:
    write_report(results, tmp_path / "report.html")
    context = chromium.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("#curves noscript p").is_visible()
    assert not page.locator(".chart").first.is_visible()
    assert not page.locator(".controls").is_visible()
    assert page.get_by_role("cell", name="45.0", exact=True).first.is_visible()
    page.locator(".answer-set > summary").first.click()
    assert page.get_by_text("question", exact=False).first.is_visible()
    context.close()


def test_the_keyboard_reaches_switch_arms_and_answers(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    wait_for_charts(opened, 3)
    reached = set()
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        reached.add(opened.page.evaluate("document.activeElement.name || document.activeElement.tagName"))
        if {"metric", "arm", "SUMMARY"} <= reached:
            break
    assert {"A", "metric", "arm", "SUMMARY"} <= reached
    opened.page.keyboard.press("Enter")
    assert opened.page.locator(".answer-set[open] td.mark").first.is_visible()


def test_a_missing_library_is_told_instead_of_empty_charts(show: Callable[..., Opened], results: StudyResults) -> None:
    opened = show(results)
    page = opened.page
    broken = Path(page.url.removeprefix("file://"))
    text = broken.read_text(encoding="utf-8")
    broken.write_text(text.replace("plotly.js v", "plotly.js V", 1), encoding="utf-8")  # its hash no longer matches
    page.reload()
    assert page.locator("#failed").is_visible()
    assert not page.locator(".chart").first.is_visible()


def test_a_page_of_a_hundred_arms_is_short_and_its_arms_can_be_found(
    show: Callable[..., Opened], make_results: Callable[..., StudyResults]
) -> None:
    arms = tuple(f"P{first} > D{second}" for first in range(10) for second in range(10))
    opened = show(make_results(arms=arms, answers=2))
    wait_for_charts(opened, 3)
    assert opened.page.evaluate("document.documentElement.scrollHeight") < 12_000
    shown = opened.page.locator(".chart").first.locator(MEASURED).count()
    assert shown == 6
    opened.page.locator(".others summary").click()
    opened.page.locator("#find").fill("p3 > d7")
    visible = [one for one in opened.page.locator(".others label:not(.find)").all() if one.is_visible()]
    assert [one.inner_text().strip() for one in visible] == ["P3 > D7"]
    visible[0].click()
    opened.page.locator(".chart").first.scroll_into_view_if_needed()
    opened.page.wait_for_function(
        "count => document.querySelector('.chart').querySelectorAll('.scatterlayer .errorbars').length > 0"
        " && document.querySelectorAll('input[name=arm]:checked').length === count",
        arg=7,
    )
    assert opened.said == []
