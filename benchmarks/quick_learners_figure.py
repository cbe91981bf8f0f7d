"""Mean scores against labels, a panel for each fine-tuning setting, as plain SVG.

    tuition compare RUN --factors --json | python benchmarks/quick_learners_figure.py > FIGURE.svg
    python benchmarks/quick_learners_figure.py --quick [--json]

Each line is an arm: its colour shows how it was pre-finetuned; dashed lines have the first level of `encoding`. Bands
are the 95% intervals for these tasks; a study without the factors `setting`, `encoding` or `pre-finetuning` has one
panel, line style or colour. Means are read back from the figure; the exit status is 1 if they differ from the input.
With `--quick`, synthetic scores are compared by `tuition compare` and drawn, and the means are those of the scores.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from _table import argument_parser, report

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 320, 280, 52, 34, 34
_COLOURS = ("#555555", "#d17a00", "#0b62a4", "#2e8540", "#8e3b8e", "#b3261e")
Point = Mapping[str, Any]


def curves_svg(comparison: Mapping[str, Any]) -> str:
    """Return the figure of the output of `tuition compare --factors --json`."""
    arms: Mapping[str, Mapping[str, str]] = comparison["factorial"]["arms"]
    points = [point for point in comparison["curves"] if point["arm"] in arms]
    panels, colours, styles = (_levels(arms, name) for name in ("setting", "pre-finetuning", "encoding"))
    sizes = sorted({point["labels"] for point in points})
    top = _top(points)
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 44 + 18 * len(colours) + 18 * (len(styles) > 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12" fill="#222" role="img" aria-labelledby="title">',
        f'<title id="title">Mean {escape(comparison["metric"])} over tasks by labels, for each arm</title>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for at, panel in enumerate(panels):
        parts.append(f'<g transform="translate({_LEFT + at * (_WIDTH + _GAP)} {_TOP})">')
        parts += _frame(panel, sizes, top)
        for arm, levels in arms.items():
            if levels.get("setting", panel) == panel:
                colour = _COLOURS[colours.index(levels.get("pre-finetuning", "")) % len(_COLOURS)]
                own = [point for point in points if point["arm"] == arm]
                parts += _line(arm, own, sizes, top, colour, dashed=styles.index(levels.get("encoding", "")) == 0)
        parts.append("</g>")
    return "\n".join([*parts, *_legend(colours, styles), "</svg>", ""])


def _top(points: Sequence[Point]) -> int:
    return 10 * math.ceil(max(point["high"] for point in points) / 10)


def _levels(arms: Mapping[str, Mapping[str, str]], factor: str) -> list[str]:
    return list(dict.fromkeys(levels.get(factor, "") for levels in arms.values()))


def _x(labels: int, sizes: Sequence[int]) -> float:
    """Return the position of a number of labels: logarithmic from the smallest positive one on, zero next to it."""
    positive = [size for size in sizes if size]
    scale = [math.log2(1 + 3 * size / (positive[0] if positive else 1)) for size in (labels, sizes[-1])]
    return round(12 + (_WIDTH - 24) * scale[0] / (scale[1] or 1), 1)


def _y(value: float, top: float) -> float:
    return round(_HEIGHT * (1 - value / top), 1)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(panel: str, sizes: Sequence[int], top: int) -> list[str]:
    parts = [_text(_WIDTH / 2, -12, panel), _text(_WIDTH / 2, _HEIGHT + 34, "labels a task")]
    for value in range(0, top + 1, 10):
        parts.append(f'<path d="M0 {_y(value, top)}H{_WIDTH}" stroke="#ddd"/>')
        parts.append(_text(-6, _y(value, top) + 4, f"{value}", "end"))
    return parts + [_text(_x(size, sizes), _HEIGHT + 17, f"{size:,}") for size in sizes]


def _line(
    arm: str, points: Sequence[Point], sizes: Sequence[int], top: float, colour: str, *, dashed: bool
) -> list[str]:
    def path(name: str, own: Sequence[Point]) -> str:
        return "L".join(f"{_x(point['labels'], sizes)} {_y(point[name], top)}" for point in own)

    if not points:
        return []
    band = f"M{path('low', points)}L{path('high', points[::-1])}Z"
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    parts = [
        f'<path d="{band}" fill="{colour}" fill-opacity="0.1"/>',
        f'<path d="M{path("mean", points)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
    ]
    for point in points:
        title = f"{arm}, {point['labels']} labels: {point['mean']:.1f} ({point['low']:.1f} to {point['high']:.1f})"
        place = f'cx="{_x(point["labels"], sizes)}" cy="{_y(point["mean"], top)}"'
        parts.append(f'<circle {place} r="3" fill="{colour}"><title>{escape(title)}</title></circle>')
    return parts


def _legend(colours: Sequence[str], styles: Sequence[str]) -> list[str]:
    rows = [(f"pre-finetuning: {name}", _COLOURS[at % len(_COLOURS)], "") for at, name in enumerate(colours) if name]
    if len(styles) > 1:
        rows.append(
            (f"dashed: fine-tuned {styles[0]}; whole: {', '.join(styles[1:])}", "#222", ' stroke-dasharray="5 4"')
        )
    parts = []
    for at, (text, colour, dash) in enumerate(rows):
        y = _TOP + _HEIGHT + 56 + 18 * at
        parts.append(f'<path d="M{_LEFT} {y - 4}h28" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(_text(_LEFT + 36, y, text, "start"))
    return parts


Means = dict[tuple[str, int], float]
"""Mean scores by arm and labels."""
_FACTORS = {
    "pre-finetuning": ("none", "without", "with"),
    "encoding": ("plain", "instructed"),
    "setting": ("single-task", "multi-task"),
}
_SIZES = (0, 16, 64)


def drawn_means(svg: str, top: float) -> Means:
    """Return the means given by the heights of a figure's dots, whatever their titles say."""
    found: Means = {}
    for circle in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}circle"):
        [title] = circle
        arm, labels = re.fullmatch(r"(.*), (\d+) labels: .*", str(title.text)).groups()  # type: ignore[union-attr]
        found[arm, int(labels)] = top * (1 - float(circle.attrib["cy"]) / _HEIGHT)
    return found


def _alike(found: Means, wanted: Means, top: float) -> bool:
    """Return whether means are equal up to the tenth of a unit to which the figure's positions are rounded."""
    return found.keys() == wanted.keys() and all(abs(found[at] - wanted[at]) <= 0.06 * top / _HEIGHT for at in wanted)


def made_scores(file: Path) -> Means:
    """Write synthetic scores of arms that cross three factors, as `tuition compare` reads them; return their means."""
    means: Means = {}
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("task", "arm", "labels", "seed", "instance", "value"))
        for number, levels in enumerate(itertools.product(*_FACTORS.values())):
            for labels in _SIZES:
                values = {
                    (task, at): 0.2 + 0.03 * number + labels / 256 + 0.01 * ((7 * task + 3 * at + number) % 10)
                    for task in range(4)
                    for at in range(10)
                }
                means[", ".join(levels), labels] = 100 * statistics.fmean(values.values())
                table.writerows((f"t{task}", ", ".join(levels), labels, 1, at, v) for (task, at), v in values.items())
    return means


def check_quickly(*, as_json: bool) -> int:
    """Compare synthetic scores, draw them, print whether the figure shows their means, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scores.csv"
        wanted = made_scores(file)
        command = [sys.executable, "-m", "tuition", "compare", str(file), "--json", "--resamples", "100"]
        named = [part for name in _FACTORS for part in ("--factor", name)]
        printed = subprocess.run([*command, *named], check=True, stdout=subprocess.PIPE, text=True).stdout
        comparison = json.loads(printed)
    top = _top(comparison["curves"])
    found = drawn_means(curves_svg(comparison), top)
    rows = [
        {"arm": arm, "labels": labels, "mean score": mean, "in the figure": found.get((arm, labels))}
        for (arm, labels), mean in wanted.items()
    ]
    checks = {"the figure shows the mean of every arm's scores": _alike(found, wanted, top)}
    return report("The figure of quick learners", rows, {"points": len(rows)}, checks, as_json=as_json)


def main() -> int:
    """Draw the JSON from standard input, or with `--quick` synthetic scores; return the exit status."""
    options = argument_parser(str(__doc__).splitlines()[0]).parse_args()
    if options.quick:
        return check_quickly(as_json=options.json)
    comparison = json.load(sys.stdin)
    svg = curves_svg(comparison)
    sys.stdout.write(svg)
    points = [point for point in comparison["curves"] if point["arm"] in comparison["factorial"]["arms"]]
    wanted = {(point["arm"], point["labels"]): point["mean"] for point in points}
    top = _top(points)
    if _alike(drawn_means(svg, top), wanted, top):
        return 0
    print("the figure does not show the means that it was given", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
