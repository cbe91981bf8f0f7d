"""All scores: one table of every task, arm, number of labels and seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuition.reports.curves import Curve, CurvePoint, best_arms
from tuition.reports.sections.section import PageData, Section, packaged
from tuition.reports.wording import interval_text
from tuition.studies.results import ScoreRow


@dataclass(frozen=True, slots=True)
class _Cell:
    """One metric's score in a row of the table."""

    value: str
    interval: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table of all scores: a point, or one seed's share of it (`is_part`)."""

    labels: int
    arm: str
    seeds: str
    n: str
    cells: tuple[_Cell | None, ...]
    is_part: bool


@dataclass(frozen=True, slots=True)
class _TaskScores:
    """The rows of one task."""

    name: str
    rows: tuple[_Row, ...]


def _context(page: PageData) -> Mapping[str, Any]:
    scores: dict[str, list[ScoreRow]] = {}
    for row in page.results.scores:
        scores.setdefault(row.task, []).append(row)
    tasks = []
    for name, own in scores.items():
        curves = [curve for curve in page.curves if curve.task == name]
        tasks.append(_TaskScores(name, tuple(_rows(curves, own, page.charted, page.metrics))))
    return {"tasks": tasks}


def _rows(
    curves: Sequence[Curve], scores: Sequence[ScoreRow], arms: Sequence[str], metrics: Sequence[str]
) -> Iterator[_Row]:
    """Yield the rows of one task by labels, then arm; a point of several seeds is followed by each of them."""
    by_seed = {(row.labels, row.arm, row.metric, row.seed): row for row in scores}
    for labels in sorted({row.labels for row in scores}):
        best = {metric: best_arms(curves, metric, labels) for metric in metrics}
        for arm in arms:
            points = {c.metric: point for c in curves if c.arm == arm and (point := c.at(labels))}
            if not points:
                continue
            seeds = sorted({seed for point in points.values() for seed in point.seeds})
            cells = tuple(_cell(points.get(m), arm in best[m]) for m in metrics)
            seed_text = f"mean of {len(seeds)}" if len(seeds) > 1 else str(seeds[0])
            yield _Row(labels, arm, seed_text, _n(points.values()), cells, is_part=False)
            for seed in seeds if len(seeds) > 1 else ():
                parts = [by_seed.get((labels, arm, metric, seed)) for metric in metrics]
                cells = tuple(_cell(part) for part in parts)
                yield _Row(labels, arm, str(seed), _n(filter(None, parts)), cells, is_part=True)


def _cell(score: CurvePoint | ScoreRow | None, best: bool = False) -> _Cell | None:
    return (
        score if score is None else _Cell(f"{score.value:.1f}", interval_text(score.low, score.high).strip("()"), best)
    )


def _n(scores: Iterable[CurvePoint | ScoreRow]) -> str:
    return " / ".join(f"{n:,}" for n in sorted({score.n for score in scores}))


SECTION = Section("All scores", packaged("scores.html.jinja"), _context)
