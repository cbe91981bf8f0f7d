"""The sections of the report page, by the order in which they are on it; packages add theirs by entry points."""

from __future__ import annotations

from tuition.base.registry import Registry
from tuition.reports.sections.section import Section

SECTIONS: Registry[Section] = Registry("report section", plugins="tuition.report_sections")
for _name in ("notices", "curves", "tasks", "scores", "probes", "facts"):
    SECTIONS.add(_name, f"tuition.reports.sections.{_name}:SECTION")
