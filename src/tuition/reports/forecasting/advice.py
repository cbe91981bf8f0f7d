"""A forecast in words: one sentence of advice, and the warnings that belong beside it."""

from __future__ import annotations

from tuition.reports.forecasting.answers import Expected, Need, Worth
from tuition.reports.forecasting.measured import Measured

LARGEST_LEARNT = 1_000_000

_DOUBT = 1.2816


def rounded(labels: float) -> str:
    """Return a number of labels to two digits, with separators: a forecast knows no more.

    Examples:
        >>> rounded(12_345)
        '12,000'
    """
    size = max(len(str(int(labels))) - 2, 0)
    return f"{int(round(labels, -size)):,}"


def score_text(score: float, top: float) -> str:
    """Return a score with one digit on the scale 0-100, with three on 0-1."""
    digits = 1 if top > 1 else 3
    return f"{round(score, digits) + 0.0:.{digits}f}"  # adding 0 takes the sign off a rounded -0.0


def advise(need: Need | None, worth: Worth, plateau: Expected, last: Expected, top: float) -> str:
    """Return one plain sentence: what the target takes, or what the next labels would buy."""
    if need is None:
        return _buy(worth, top)
    target = score_text(need.target, top)
    low, high = score_text(plateau.low80, top), score_text(plateau.high80, top)
    within = f"{need.within:,}"
    if need.reached:
        here = f"{score_text(last.low80, top)} to {score_text(last.high80, top)}"
        return f"{target} is reached: with your {last.labels:,} labels the expected score is {here} (80%)."
    if not need.reachable:
        return (
            f"{target} is not reachable with this curve: it is heading for {low} to {high} (80%), and the chance of "
            f"{target} within {within} labels is {need.chance:.0%}; change the model or the task, not the labels."
        )
    if need.labels is None:
        first = "" if need.low80 is None else f", and hardly before {rounded(need.low80)}"
        return f"{target} is doubtful: the chance of it within {within} labels is {need.chance:.0%}{first}."
    end = f"more than {within}" if need.high80 is None else rounded(need.high80)
    start = rounded(need.labels if need.low80 is None else need.low80)
    text = f"{target} needs about {rounded(need.labels)} labels in all (80%: {start} to {end})"
    wide = need.high80 is None or need.high80 > 8 * max(need.low80 or 1, 1)
    return text + (f"; label {worth.labels} more and ask again before you plan on it." if wide else ".")


def _buy(worth: Worth, top: float) -> str:
    gain = (
        f"{score_text(worth.gain, top)} points (80%: {score_text(worth.low80, top)} to {score_text(worth.high80, top)})"
    )
    if worth.high80 < 0.01 * top:
        return f"More labels will hardly help: the next {worth.labels} are worth {gain}."
    if worth.low80 < 0:
        return f"The next {worth.labels} labels may help or not: they are worth {gain}."
    return f"The next {worth.labels} labels are worth {gain}."


def warn(curve: Measured, wild: float, usual: float, farthest: float, counted: bool, top: float) -> tuple[str, ...]:
    """Return the warnings that a curve deserves.

    Args:
        curve: The points.
        wild: The curve's posterior share of the largest wiggles.
        usual: The share that one calibration curve in fifty exceeds.
        farthest: The largest size asked for.
        counted: Whether the number of test instances was given.
        top: The top of the metric's range.
    """
    found = [*_few(curve), *_shape(curve, top)]
    if len(curve.sizes) > 2 and wild > usual:
        found.append(
            "the curve is unlike 98 of 100 that the forecaster was calibrated on: its intervals may be too narrow"
        )
    last = float(curve.sizes[-1])
    if farthest > 64 * max(last, 16.0):
        found.append(f"{farthest:,.0f} labels are over 64 times your largest size: nothing was calibrated so far out")
    if max(last, farthest) > LARGEST_LEARNT:
        found.append(f"sizes above {LARGEST_LEARNT:,} were not calibrated on")
    if not counted:
        found.append(f"the number of test instances is not given (column n): {curve.n:.0f} were assumed")
    return tuple(found)


def _few(curve: Measured) -> list[str]:
    count = len(curve.sizes)
    if count == 1:
        return ["one size is no curve: this is what curves in general do from such a score, no more"]
    if count == 2:
        return ["two sizes only: the intervals are those of two-point curves; a third size says far more"]
    if count == 3 and curve.sizes[0] == 0:
        return ["the score without labels says little about how fast a model learns: this rests on the other two sizes"]
    return []


def _shape(curve: Measured, top: float) -> list[str]:
    if len(curve.sizes) < 2:
        return []
    drop = curve.values[-1] - curve.values
    own = curve.noise.diagonal() + curve.noise[-1, -1] - 2 * curve.noise[-1]
    deviation = own.clip(min=1e-12) ** 0.5
    found = []
    if (drop < -_DOUBT * deviation).any():
        best = int(curve.values.argmax())
        found.append(
            f"the curve falls: {score_text(top * curve.values[best], top)} at {curve.sizes[best]:,.0f} labels, "
            f"{score_text(top * curve.values[-1], top)} at {curve.sizes[-1]:,.0f}; look into that before labelling more"
        )
    elif abs(drop[0]) < _DOUBT * deviation[0]:
        error = score_text(_DOUBT * top * float(deviation[0]), top)
        found.append(
            f"from first to last size the score moved less than noise may (±{error}): more test instances or seeds "
            "would say more than more labels"
        )
    return found
