"""The report page is a list of sections: each shows itself, and a new one needs no other edit."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tuition.reports.page import render_report
from tuition.reports.sections import SECTIONS
from tuition.reports.sections.section import PageData, Section
from tuition.studies.results import StudyResults

SCRIPT = "document.title = document.getElementById('label-counts-data').textContent;"


def label_counts(page: PageData) -> dict[str, object] | None:
    counts = sorted({row.labels for row in page.results.scores})
    return {"counts": counts} if len(counts) > 1 else None


TOY = Section(
    title="Label counts",
    template="""{% from "sections/macros.html.jinja" import swatch %}
<section id="label-counts"><h2>Label counts of {{ study }}</h2>
{% for name in charted %}{{ swatch(arms[name]) }}{% endfor %}
<ul>{% for count in counts %}<li>{{ count }}</li>{% endfor %}</ul></section>""",
    context=label_counts,
    css="#label-counts li { color: red; }",
    script=SCRIPT,
    data=lambda page: {"arms": page.charted},
)


@pytest.fixture
def toy() -> Iterator[None]:
    SECTIONS.add("label-counts", TOY)
    yield
    SECTIONS.remove("label-counts")


def links(page: str) -> list[str]:
    return re.findall(r'<a href="#([a-z-]+)">', page[page.index("<nav") : page.index("</nav>")])


@pytest.mark.usefixtures("toy")
def test_a_registered_section_is_on_the_page_without_another_edit(make_results: Callable[..., StudyResults]) -> None:
    results = replace(make_results(), study="<b>toy</b>")
    page = render_report(results)
    assert "<h2>Label counts of &lt;b&gt;toy&lt;/b&gt;</h2>" in page
    assert "<ul><li>0</li><li>16</li><li>64</li></ul>" in page
    assert page.count("#label-counts li { color: red; }") == 1
    assert links(page)[-1] == "label-counts"
    assert '<script type="application/json" id="label-counts-data">{"arms":["without instruction","with' in page
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[0]
    assert base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode() in policy.replace("&#43;", "+")


@pytest.mark.usefixtures("toy")
def test_a_section_with_nothing_to_show_leaves_no_trace(make_results: Callable[..., StudyResults]) -> None:
    page = render_report(make_results(labels=(16,)))
    assert "label-counts" not in page


def test_every_section_of_ours_is_linked_where_it_is_on_the_page(make_results: Callable[..., StudyResults]) -> None:
    full = replace(make_results(), facts=(("Model", "tiny"),), notices=("One seed only.",))
    page = render_report(full)
    assert links(page) == ["curves", "tasks", "scores", "facts"]
    for name in links(page):
        assert page.count(f'id="{name}"') == 1
    assert page.index('class="notices"') < page.index('id="curves"')
    assert "facts" not in links(render_report(replace(full, facts=())))


def test_a_chart_links_to_its_own_task_where_an_earlier_task_has_no_scores(
    make_results: Callable[..., StudyResults],
) -> None:
    made = make_results(tasks=("first", "second"))
    scores = tuple(row for row in made.scores if row.task == "second")
    only = replace(made, scores=scores, predictions=tuple(reversed(made.predictions)))
    page = render_report(only)
    assert '<figcaption><a href="#task-1" dir="auto">second</a>' in page
    assert re.search(r'<article id="task-1">\s*<h3 dir="auto">second</h3>', page)
