"""A forecast in words: one sentence of advice, and its warnings."""

from __future__ import annotations

from tuition.reports.forecasting.answers import Expected, Need, Worth
from tuition.reports.forecasting.measured import Measured

MAX_CALIBRATED = 1_000_000

_Z90 = 1.2816


def rounded(labels: float) -> str:
    """Return a number of labels rounded to two digits, the precision of a forecast, with separators.

    Examples:
        >>> rounded(12_345)
        '12,000'
    """
    size = max(len(str(int(labels))) - 2, 0)
    return f"{int(round(labels, -size)):,}"


def score_text(score: float, top: float) -> str:
    """Return a score with one decimal on the scale 0-100, with three on 0-1."""
    digits = 1 if top > 1 else 3
    return f"{round(score, digits) + 0.0:.{digits}f}"  # adding 0 removes the sign of a rounded -0.0


def advise(need: Need | None, worth: Worth, plateau: Expected, last: Expected, top: float) -> str:
    """Return one plain sentence: the labels that the target needs, or the gain of the next labels."""
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
        first = "" if need.low80 is None else f", and unlikely before {rounded(need.low80)}"
        return f"{target} is doubtful: the chance of it within {within} labels is {need.chance:.0%}{first}."
    end = f"more than {within}" if need.high80 is None else rounded(need.high80)
    start = rounded(need.labels if need.low80 is None else need.low80)
    text = f"{target} needs about {rounded(need.labels)} labels in all (80%: {start} to {end})"
    wide = need.high80 is None or need.high80 > 8 * max(need.low80 or 1, 1)
    return text + (f"; label {worth.labels} more and forecast again before you rely on it." if wide else ".")


def _buy(worth: Worth, top: float) -> str:
    gain = (
        f"{score_text(worth.gain, top)} points (80%: {score_text(worth.low80, top)} to {score_text(worth.high80, top)})"
    )
    if worth.high80 < 0.01 * top:
        return f"More labels will help little: the next {worth.labels} are worth {gain}."
    if worth.low80 < 0:
        return f"The next {worth.labels} labels may help or not: they are worth {gain}."
    return f"The next {worth.labels} labels are worth {gain}."


def warn(curve: Measured, wild: float, usual: float, farthest: float, counted: bool, top: float) -> tuple[str, ...]:
    """Return the warnings for a curve's forecast.

    Args:
        curve: The points.
        wild: The curve's posterior share of the largest wiggles.
        usual: The share that one calibration curve in fifty exceeds.
        farthest: The largest requested size.
        counted: Whether the number of test instances was given.
        top: The top of the metric's range.
    """
    found = [*_few(curve), *_shape(curve, top)]
    if len(curve.sizes) > 2 and wild > usual:
        found.append(
            "the curve is less regular than 98 of 100 curves of the calibration: its intervals may be too narrow"
        )
    last = float(curve.sizes[-1])
    if farthest > 64 * max(last, 16.0):
        found.append(f"{farthest:,.0f} labels are over 64 times your largest size, farther than the calibration")
    if max(last, farthest) > MAX_CALIBRATED:
        found.append(f"sizes above {MAX_CALIBRATED:,} are outside the calibration")
    if not counted:
        found.append(f"the number of test instances is not given (column n): {curve.n:.0f} were assumed")
    return tuple(found)


def _few(curve: Measured) -> list[str]:
    count = len(curve.sizes)
    if count == 1:
        return ["one size is not a curve: the forecast is that of an average curve with this score"]
    if count == 2:
        return ["there are only two sizes: the intervals are those of two-point curves; measure a third size"]
    if count == 3 and curve.sizes[0] == 0:
        return ["the score without labels says little about how fast a model learns: only the other two sizes count"]
    return []


def _shape(curve: Measured, top: float) -> list[str]:
    if len(curve.sizes) < 2:
        return []
    drop = curve.values[-1] - curve.values
    own = curve.noise.diagonal() + curve.noise[-1, -1] - 2 * curve.noise[-1]
    deviation = own.clip(min=1e-12) ** 0.5
    found = []
    if (drop < -_Z90 * deviation).any():
        best = int(curve.values.argmax())
        found.append(
            f"the curve falls: {score_text(top * curve.values[best], top)} at {curve.sizes[best]:,.0f} labels, "
            f"{score_text(top * curve.values[-1], top)} at {curve.sizes[-1]:,.0f}; look into that before labelling more"
        )
    elif abs(drop[0]) < _Z90 * deviation[0]:
        error = score_text(_Z90 * top * float(deviation[0]), top)
        found.append(
            f"from first to last size the score changed by less than the noise (±{error}): more test instances or "
            "seeds would show more than more labels"
        )
    return found
