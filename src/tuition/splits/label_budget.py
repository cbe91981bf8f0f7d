"""Label budgets: a count, a percentage of the available labels, or all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tuition.base.errors import UserError, clip

_EXPECTED = "write a whole number such as 100, a percentage such as '6%', or 'all'"
_COUNT = re.compile(r"[0-9]{1,12}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class LabelBudget:
    """A requested number of labels: either a `count`, or a `share` of those available (1 for `all`)."""

    count: int | None = None
    share: Fraction | None = None

    def of(self, size: int) -> int:
        """Return the number of labels if `size` are available; a count may be more than that.

        A percentage is rounded to the nearest whole number, half upwards, and is at least one label if it is above zero
        and a label is available. A greater percentage never gives fewer labels.
        """
        if self.share is None:
            return self.count or 0
        rounded = int(size * self.share + _HALF)
        return max(rounded, 1) if self.share and size else rounded

    def __str__(self) -> str:
        """Return the budget as it is written: `100`, `6%`, `all`."""
        if self.share is None:
            return str(self.count)
        return "all" if self.share == 1 else f"{float(self.share * 100):.6f}".rstrip("0").rstrip(".") + "%"


def parse_label_budget(value: int | str | LabelBudget) -> LabelBudget:
    """Parse `100`, `"100"`, `"6%"`, `"5.91%"` or `"all"` (`"100%"` is all).

    A bare fraction such as 0.06 is refused: it may mean 6% or be a mistake.

    Raises:
        UserError: it is none of these.

    Examples:
        >>> parse_label_budget("6%").of(200)
        12
    """
    if isinstance(value, LabelBudget):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return LabelBudget(count=value)
    if isinstance(value, str):
        text = value.strip()
        if text == "all":
            return LabelBudget(share=Fraction(1))
        if _COUNT.fullmatch(text):
            return LabelBudget(count=int(text))
        match = _PERCENT.fullmatch(text)
        if match and (share := Fraction(match[1]) / 100) <= 1:
            return LabelBudget(share=share)
    raise UserError(f"labels are {clip(repr(value))}; {_EXPECTED}")
