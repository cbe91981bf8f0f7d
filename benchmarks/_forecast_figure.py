"""The reliability diagram, as plain SVG."""

from __future__ import annotations

from typing import Any

_SIDE, _MARGIN = 320, 56


def _x(share: float) -> float:
    return round(_MARGIN + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_MARGIN / 2 + (1 - share) * _SIDE, 1)


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{text}</text>'


def place(dot: dict[str, Any]) -> tuple[str, str]:
    """Return the position of a dot in the figure."""
    return f"{_x(dot['stated'])}", f"{_y(dot['came'])}"


def reliability_svg(diagram: list[dict[str, Any]]) -> str:
    """Return the diagram of predicted against observed frequency; a dot's area is its number of forecasts."""
    width, height = _SIDE + 1.5 * _MARGIN, _SIDE + 1.6 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif" '
        'font-size="12" fill="#222" role="img" aria-labelledby="title">',
        '<title id="title">Reliability: how often a target came, by the chance stated</title>',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
    ]
    for tenth in range(0, 11, 2):
        share = tenth / 10
        parts.append(f'<path d="M{_x(share)} {_y(0)}V{_y(1)}M{_x(0)} {_y(share)}H{_x(1)}" stroke="#ddd"/>')
        parts.append(_text(_x(share), _y(0) + 17, f"{share:.0%}"))
        parts.append(_text(_x(0) - 6, _y(share) + 4, f"{share:.0%}", "end"))
    parts.append(f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#888" stroke-dasharray="5 4"/>')
    line = "L".join(f"{_x(d['stated'])} {_y(d['came'])}" for d in diagram)
    parts.append(f'<path d="M{line}" fill="none" stroke="#0b62a4" stroke-width="2"/>')
    most = max(d["answers"] for d in diagram)
    for d in diagram:
        radius = round(2 + 8 * (d["answers"] / most) ** 0.5, 1)
        label = f"stated {d['stated']:.0%}, came {d['came']:.0%}, {d['answers']:,} answers"
        parts.append(
            f'<circle cx="{_x(d["stated"])}" cy="{_y(d["came"])}" r="{radius}" fill="#0b62a4">'
            f"<title>{label}</title></circle>"
        )
    parts.append(_text(_x(0.5), height - 8, "chance stated that the target comes within reach"))
    turned = f' transform="rotate(-90 14 {_y(0.5)})"'
    parts.append(_text(14, _y(0.5), "share of targets that came", more=turned))
    return "\n".join([*parts, "</svg>", ""])
