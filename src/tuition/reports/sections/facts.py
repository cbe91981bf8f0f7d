"""About this study: how it was run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuition.reports.sections.section import PageData, Section, packaged


def _context(page: PageData) -> Mapping[str, Any] | None:
    return {"facts": page.results.facts} if page.results.facts else None


SECTION = Section("About this study", packaged("facts.html.jinja"), _context)
