"""Tasks and answers: each task's definition, and some of the answers at each of its points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuition.reports.samples import Samples, choose_samples
from tuition.reports.sections.section import PageData, Section, packaged
from tuition.reports.wording import metric_title, score_text
from tuition.studies.results import PredictionRow

ANSWERS_SHOWN = 8
"""How many answers the page shows of each point, as long as they stay below `_MOST_ANSWERS` in all."""

_MOST_ANSWERS = 4000
_FEWEST_SHOWN = 2


@dataclass(frozen=True, slots=True)
class _TaskAnswers:
    """A task's definition and the answers that are shown of each of its points."""

    name: str
    definition: str
    samples: tuple[Samples, ...]


def _context(page: PageData) -> Mapping[str, Any]:
    results = page.results
    points = len({(row.task, row.arm, row.labels) for row in results.predictions})
    shown = max(_FEWEST_SHOWN, min(ANSWERS_SHOWN, _MOST_ANSWERS // max(points, 1)))
    samples = choose_samples(results.predictions, shown)
    return {
        "tasks": [
            _TaskAnswers(name, results.tasks.get(name, ""), tuple(one for one in samples if one.task == name))
            for name in page.tasks
        ],
        "shown": shown,
        "score_at": {
            (curve.task, curve.arm, point.labels): score_text(point.value, point.low, point.high)
            for curve in page.curves
            if curve.metric == page.metrics[0]
            for point in curve.points
        },
        "answer_scores": _answer_scores,
    }


def _answer_scores(row: PredictionRow) -> str:
    """Return an answer's graded scores in 0-100; exact match is already shown by its mark."""
    return ", ".join(f"{metric_title(m)} {100 * score:.0f}" for m, score in row.scores.items() if m != "exact_match")


SECTION = Section("Tasks and answers", packaged("tasks.html.jinja"), _context)
