"""How reports say things: names, numbers, intervals and counts, the same in every report."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from tuition.evaluation.metrics import METRICS
from tuition.evaluation.options.rankings import RANK_METRICS

# Characters that turn the direction of the text around them: inside a name they would reorder a whole sentence.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_NAME_LIMIT = 160


def metric_title(metric: str) -> str:
    """Return a metric's name as papers write it: `rouge_l` is ROUGE-L, an unknown one loses its underscores."""
    known = METRICS[metric] if metric in METRICS else RANK_METRICS.get(metric)
    return shown_name(known.heading if known else metric.replace("_", " "))


def shown_name(name: str, limit: int = _NAME_LIMIT) -> str:
    r"""Return a name on one line: control and direction characters escaped, at most `limit` characters of it.

    Letters of every script and emoji stay as they are.

    Examples:
        >>> shown_name("a\nb\u202e")
        'a\\nb\\u202e'
    """
    head = name[:limit]
    safe = "".join(c if _is_plain(c) else c.encode("unicode_escape").decode("ascii") for c in head)
    return (f"{safe}…" if len(name) > limit else safe) or "(no name)"


def score_text(value: float, low: float, high: float) -> str:
    """Return a score with its interval.

    Examples:
        >>> score_text(48.21, 41.0, 55.149)
        '48.2 (41.0 – 55.1)'
    """
    return f"{value:.1f} {interval_text(low, high)}"


def interval_text(low: float, high: float) -> str:
    """Return an interval in brackets, with one decimal."""
    return f"({low:.1f} – {high:.1f})"


def count(number: int, noun: str) -> str:
    """Return `number` with its noun, in the plural where it is due.

    Examples:
        >>> count(1, "seed"), count(1200, "label")
        ('1 seed', '1,200 labels')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(items: Sequence[str]) -> str:
    """Return the items as a sentence lists them.

    Examples:
        >>> listed(["0", "16", "64"])
        '0, 16 and 64'
    """
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def _is_plain(character: str) -> bool:
    return character not in _BIDI and unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
