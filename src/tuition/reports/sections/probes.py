"""What the model follows: how scores change when one part of the prompt changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuition.reports.probes import ProbeSpread, probe_spreads
from tuition.reports.sections.section import PageData, Section, packaged
from tuition.reports.wording import metric_title


def _context(page: PageData) -> Mapping[str, Any] | None:
    spreads = probe_spreads(page.results.predictions)
    if not spreads:
        return None
    # One metric is enough here: the first that has any spread.
    by_task: dict[str, list[ProbeSpread]] = {}
    for spread in spreads:
        if spread.metric == spreads[0].metric:
            by_task.setdefault(spread.task, []).append(spread)
    return {"probes": by_task, "probe_metric": metric_title(spreads[0].metric)}


SECTION = Section("What the model follows", packaged("probes.html.jinja"), _context)
