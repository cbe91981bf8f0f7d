"""Notices: what a reader should know before the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuition.reports.sections.section import PageData, Section, packaged


def _context(page: PageData) -> Mapping[str, Any] | None:
    return {"notices": page.results.notices} if page.results.notices else None


SECTION = Section("", packaged("notices.html.jinja"), _context)
