"""The report page: one HTML file that shows a study's curves, scores and answers, and needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from markupsafe import Markup, escape

from tuition.base.errors import UserError
from tuition.base.files import write_atomically
from tuition.reports.charts import COLOURS, ArmStyle, arm_style, chart_data
from tuition.reports.curves import Curve, CurvePoint, best_arms, learning_curves
from tuition.reports.forecast_summary import CurveKey, ForecastSummary, common_cautions, forecast_summaries, prospect
from tuition.reports.many_arms import MANY_ARMS, leading_arms, varying_names
from tuition.reports.probes import ProbeSpread, probe_spreads
from tuition.reports.samples import Samples, choose_samples, is_right
from tuition.reports.summary import findings, overview
from tuition.reports.wording import interval_text, metric_title, score_text, shown_name
from tuition.studies.results import PredictionRow, ScoreRow, StudyResults

ANSWERS_SHOWN = 8
"""How many answers the page shows of each point, as long as they stay below `_MOST_ANSWERS` in all."""

_MOST_ANSWERS = 4000
_FEWEST_SHOWN = 2


@dataclass(frozen=True, slots=True)
class _Cell:
    """One metric's score in a row of the table."""

    value: str
    interval: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table of all scores: a point, or one seed's share of it (`seed` is set)."""

    labels: int
    arm: str
    arm_index: int
    seeds: str
    n: str
    cells: tuple[_Cell | None, ...]
    is_part: bool


@dataclass(frozen=True, slots=True)
class _OutlookLine:
    """A sentence below a chart; `arm` is "" where it holds for all of the chart's arms."""

    arm: str
    sentence: str
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What the page says of one metric's forecasts: for all of them, then by task."""

    metric: int
    drawn: bool
    reason: str
    cautions: tuple[str, ...]
    lines: Mapping[str, tuple[_OutlookLine, ...]]


@dataclass(frozen=True, slots=True)
class _TaskView:
    """What the page says of one task."""

    name: str
    definition: str
    finding: str
    rows: tuple[_Row, ...]
    samples: tuple[Samples, ...]


@dataclass(frozen=True, slots=True)
class _ArmView:
    """How an arm is named and drawn, and whether it is one of the few that a page of many arms shows at once."""

    name: str
    colour: int
    style: ArmStyle
    leads: bool = True


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
    from jinja2 import Environment, PackageLoader, StrictUndefined

    if not results.scores:
        raise UserError(f"study {shown_name(results.study)} has no scores yet; run it before writing its report")
    curves = learning_curves(results.scores)
    made = forecast_summaries(results.scores)
    spreads = probe_spreads(results.predictions)
    points = len({(row.task, row.arm, row.labels) for row in results.predictions})
    shown = max(_FEWEST_SHOWN, min(ANSWERS_SHOWN, _MOST_ANSWERS // max(points, 1)))
    arms = dict.fromkeys([c.arm for c in curves] + [row.arm for row in results.predictions])
    leading, names = leading_arms(curves, results.baseline), varying_names(arms)
    charted = list(dict.fromkeys(curve.arm for curve in curves))
    many = len(charted) > MANY_ARMS
    scripts = {"plotly": _plotly_js(), "page": _packaged("page.js")}
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
    return environment.get_template("page.html.jinja").render(
        study=results.study,
        overview=" ".join(filter(None, [overview(results), prospect(made, curves)])),
        tasks=_task_views(results, curves, shown),
        arms={
            arm: _ArmView(shown_name(names[arm]), i % COLOURS, arm_style(i), not many or arm in leading)
            for i, arm in enumerate(arms)
        },
        many=many,
        ahead=[_ahead(made, i, metric) for i, metric in enumerate(dict.fromkeys(curve.metric for curve in curves))],
        charted=charted,
        metrics=[metric_title(metric) for metric in dict.fromkeys(curve.metric for curve in curves)],
        seed_count=len({seed for curve in curves for point in curve.points for seed in point.seeds}),
        probes=_by_task(spreads),
        probe_metric=metric_title(spreads[0].metric) if spreads else "",
        facts=results.facts,
        notices=results.notices,
        shown=shown,
        score_at={
            (c.task, c.arm, p.labels): _told(p) for c in curves if c.metric == curves[0].metric for p in c.points
        },
        answer_scores=_answer_scores,
        policy=_policy(scripts.values()),
        css=Markup(_packaged("page.css")),  # noqa: S704 - our own file
        data=Markup(script_json(chart_data(curves, made, names))),  # noqa: S704 - script_json escapes it
        scripts={name: Markup(text) for name, text in scripts.items()},  # noqa: S704 - our own file and plotly's
    )


def _others(names: Iterable[str], arms: Mapping[str, _ArmView]) -> list[str]:
    """Return the names of arms that are not among the leading ones."""
    return [name for name in names if not arms[name].leads]


def _by_task(spreads: Sequence[ProbeSpread]) -> dict[str, list[ProbeSpread]]:
    """Return the spreads by task, in the first metric that has any."""
    by_task: dict[str, list[ProbeSpread]] = {}
    for spread in spreads:
        if spread.metric == spreads[0].metric:
            by_task.setdefault(spread.task, []).append(spread)
    return by_task


def script_json(value: object) -> str:
    r"""Return JSON that may stand inside a `<script>` element: ASCII, with `<`, `>` and `&` written as `\u003c`…."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _ahead(made: Mapping[CurveKey, ForecastSummary], index: int, metric: str) -> _Ahead:
    """Return the sentences on one metric's forecasts; what holds for all of the page, or of a chart, is said once."""
    mine = {(task, arm): outlook for (task, arm, of), outlook in made.items() if of == metric}
    drawn = any(outlook.band for outlook in mine.values())
    if not drawn and len({outlook.sentence for outlook in mine.values()}) == 1:
        return _Ahead(index, drawn, next(iter(mine.values())).sentence, (), {})
    shared = common_cautions(list(mine.values()))
    arms = list(dict.fromkeys(arm for _, arm, _ in made))
    lines: dict[str, list[_OutlookLine]] = {}
    for (task, arm), outlook in sorted(mine.items(), key=lambda item: arms.index(item[0][1])):
        cautions = tuple(caution for caution in outlook.cautions if caution not in shared)
        lines.setdefault(task, []).append(_OutlookLine(arm, outlook.sentence, cautions))
    return _Ahead(index, drawn, "", shared, {task: _merged(told) for task, told in lines.items()})


def _merged(lines: Sequence[_OutlookLine]) -> tuple[_OutlookLine, ...]:
    same = len({(line.sentence, line.cautions) for line in lines}) == 1
    return (replace(lines[0], arm=""),) if same and len(lines) > 1 else tuple(lines)


def _task_views(results: StudyResults, curves: Sequence[Curve], shown: int) -> list[_TaskView]:
    told = findings(results)
    samples = choose_samples(results.predictions, shown)
    scores: dict[str, list[ScoreRow]] = {}
    for row in results.scores:
        scores.setdefault(row.task, []).append(row)
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    metrics = list(dict.fromkeys(curve.metric for curve in curves))
    return [
        _TaskView(
            name=name,
            definition=results.tasks.get(name, ""),
            finding=told.get(name, ""),
            rows=tuple(_rows([c for c in curves if c.task == name], scores.get(name, []), arms, metrics)),
            samples=tuple(sample for sample in samples if sample.task == name),
        )
        for name in dict.fromkeys([*scores, *(row.task for row in results.predictions)])
    ]


def _rows(
    curves: Sequence[Curve], scores: Sequence[ScoreRow], arms: Sequence[str], metrics: Sequence[str]
) -> Iterator[_Row]:
    """Yield the rows of one task by labels, then arm; a point of several seeds is followed by each of them."""
    by_seed = {(row.labels, row.arm, row.metric, row.seed): row for row in scores}
    for labels in sorted({row.labels for row in scores}):
        best = {metric: best_arms(curves, metric, labels) for metric in metrics}
        for index, arm in enumerate(arms):
            points = {c.metric: point for c in curves if c.arm == arm and (point := c.at(labels))}
            if not points:
                continue
            seeds = sorted({seed for point in points.values() for seed in point.seeds})
            cells = tuple(_cell(points.get(m), arm in best[m]) for m in metrics)
            told = f"mean of {len(seeds)}" if len(seeds) > 1 else str(seeds[0])
            yield _Row(labels, arm, index, told, _n(points.values()), cells, is_part=False)
            for seed in seeds if len(seeds) > 1 else ():
                parts = [by_seed.get((labels, arm, metric, seed)) for metric in metrics]
                cells = tuple(_cell(part) for part in parts)
                yield _Row(labels, arm, index, str(seed), _n(filter(None, parts)), cells, is_part=True)


def _cell(score: CurvePoint | ScoreRow | None, best: bool = False) -> _Cell | None:
    return (
        score if score is None else _Cell(f"{score.value:.1f}", interval_text(score.low, score.high).strip("()"), best)
    )


def _told(point: CurvePoint) -> str:
    return score_text(point.value, point.low, point.high)


def _n(scores: Iterable[CurvePoint | ScoreRow]) -> str:
    return " / ".join(f"{n:,}" for n in sorted({score.n for score in scores}))


def _answer_scores(row: PredictionRow) -> str:
    """Return an answer's graded scores in 0-100; exact match is told by its mark already."""
    return ", ".join(f"{metric_title(m)} {100 * score:.0f}" for m, score in row.scores.items() if m != "exact_match")


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
