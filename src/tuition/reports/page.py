"""The report page: one HTML file that shows a study's curves, scores and answers, and needs nothing else.

The page is a list of sections; each is a module and a template in `sections/`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from tuition.base.errors import UserError
from tuition.base.files import write_atomically
from tuition.reports.forecast_summary import prospect
from tuition.reports.samples import is_right
from tuition.reports.sections import SECTIONS
from tuition.reports.sections.section import ArmView, PageData, Section
from tuition.reports.summary import overview
from tuition.reports.wording import shown_name
from tuition.studies.results import StudyResults

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A section as it is put into the page."""

    name: str
    title: str
    html: Markup
    data: Markup


def write_report(results: StudyResults, path: Path) -> None:
    """Write the study's report to `path`: one HTML file that opens without a network.

    It holds plotly.js (MIT licence) as the installed plotly package ships it. The same results give the same file.

    Raises:
        UserError: there are no scores, two scores claim the same place, or the file cannot be written.
    """
    # Half surrogate pairs cannot be written as UTF-8; what was no text to begin with becomes a question mark.
    write_atomically(path, render_report(results).encode("utf-8", errors="replace"))


def render_report(results: StudyResults) -> str:
    """Return the page of `write_report` as text.

    Raises:
        UserError: there are no scores, or two scores claim the same place.
    """
    if not results.scores:
        raise UserError(f"study {shown_name(results.study)} has no scores yet; run it before writing its report")
    page, environment = PageData(results), _environment()
    sections, rendered = [], []
    for name in SECTIONS:
        section = SECTIONS[name]
        values = section.context(page)
        if values is None:
            continue
        html = environment.from_string(section.template).render(**page.shared(), **values)
        sections.append(section)
        rendered.append(_Rendered(name, section.title, Markup(html), _data(section, page)))  # noqa: S704 - escaped
    scripts = [_plotly_js(), *(section.script for section in sections if section.script)]
    css = "\n".join([_packaged("page.css").rstrip("\n"), *(section.css for section in sections if section.css)])
    return environment.get_template("page.html.jinja").render(
        study=results.study,
        overview=" ".join(filter(None, [overview(results), prospect(page.forecasts, page.curves)])),
        sections=rendered,
        policy=_policy(scripts),
        css=Markup(css),  # noqa: S704 - files of packages
        scripts=[Markup(text) for text in scripts],  # noqa: S704 - files of packages
    )


def _environment() -> Environment:
    """Return the environment that renders the page and its sections."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tuition.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        name=shown_name, readable=_readable, breakable=_breakable, unbroken=_unbroken, others=_others
    )
    environment.tests["right"] = is_right
    return environment


def _data(section: Section, page: PageData) -> Markup:
    """Return the JSON that a section's script reads; empty where there is none."""
    return Markup(script_json(section.data(page)) if section.data else "")  # noqa: S704 - script_json escapes it


def _others(names: Iterable[str], arms: Mapping[str, ArmView]) -> list[str]:
    """Return the names of arms that are not among the leading ones."""
    return [name for name in names if not arms[name].leads]


def script_json(value: object) -> str:
    r"""Return JSON that is safe inside a `<script>` element: ASCII, with `<`, `>` and `&` written as `\u003c`…."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _breakable(name: str) -> Markup:
    """Return an escaped name that may be broken behind its underscores, where long task names should be."""
    return Markup("<wbr>").join(escape(part) for part in re.split("(?<=_)(?=[^_])", shown_name(name)))


def _unbroken(text: str) -> Markup:
    """Return escaped text in which no line ends inside an interval or between "n =" and its number."""
    kept = re.sub(
        r"\((?:80%: )?-?\d+\.\d (?:–|to) -?\d+\.\d\)|\(n = [\d,]+\)",
        r'<span class="unbroken">\g<0></span>',
        str(escape(text)),
    )
    return Markup(kept)  # noqa: S704 - escaped above


def _readable(text: str) -> str:
    return text.replace("\0", "␀")  # HTML cannot hold the null character


def _policy(scripts: Iterable[str]) -> str:
    """Return the Content-Security-Policy: nothing is fetched, and no script runs but these, known by their hashes."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    # plotly sets style attributes, and makes an image of a chart through data: and blob: addresses.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _packaged(name: str) -> str:
    return resources.files("tuition.reports").joinpath(name).read_text(encoding="utf-8")


def _plotly_js() -> str:
    from plotly.offline import get_plotlyjs

    # The text must come out of the HTML parser as it went in (its hash is in the policy) and must not end its element.
    text: str = get_plotlyjs()
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")
