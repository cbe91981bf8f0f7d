"""Studies with many arms: which arms a report shows at first, and short names of arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from tuition.reports.curves import Curve

MANY_ARMS = 12
"""With more arms than this, a report shows the leading ones and hides the others in folded sections."""
_LEADING = 5


def leading_arms(curves: Sequence[Curve], baseline: str = "") -> tuple[str, ...]:
    """Return the arms that a report shows at first: all up to `MANY_ARMS`; of more, the baseline and the highest.

    Arms are ranked by their mean over tasks in the first metric at the most labels; of arms with equal scores, only
    one is shown.

    Args:
        curves: the curves of a study.
        baseline: the arm that others are compared with; the first arm if it is empty or has no curve.
    """
    primary = [curve for curve in curves if curve.metric == curves[0].metric]
    ends: dict[str, list[float]] = {}
    for curve in primary:
        ends.setdefault(curve.arm, []).append(curve.points[-1].value)
    arms = list(ends)
    if len(arms) <= MANY_ARMS:
        return tuple(arms)
    chosen = {tuple(ends[arm]): arm for arm in [baseline if baseline in ends else arms[0]]}
    most = max(map(len, ends.values()))
    for arm in sorted(arms, key=lambda arm: (len(ends[arm]) < most, -fmean(ends[arm]))):
        if len(chosen) <= _LEADING:
            chosen.setdefault(tuple(ends[arm]), arm)
    shown = set(chosen.values())
    return tuple(arm for arm in arms if arm in shown)


def varying_names(arms: Iterable[str]) -> dict[str, str]:
    """Return a short name for each of many arms, without the comma-separated parts that all of them share.

    Up to `MANY_ARMS` arms keep their names, and so do arms whose names have different numbers of parts.

    Examples:
        >>> list(varying_names([f"t5, P{n}, single-task" for n in range(13)]).values())[:2]
        ['P0', 'P1']
    """
    listed = list(arms)
    parts = [[part.strip() for part in arm.split(",")] for arm in listed]
    kept = [at for at, own in enumerate(zip(*parts, strict=False)) if len(set(own)) > 1]
    if len(listed) <= MANY_ARMS or len({len(own) for own in parts}) > 1 or not kept:
        return {arm: arm for arm in listed}
    return {arm: ", ".join(own[at] for at in kept) for arm, own in zip(listed, parts, strict=True)}
