"""The options for remote models, as settings of a study."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.base.errors import UserError, clip


def remote_settings(prices: str | None, budget: str | None, others: Sequence[str]) -> tuple[str, ...]:
    """Return settings as `KEY=VALUE`; `others` come last and override prices and budget.

    Args:
        prices: the price of a million prompt tokens and of a million answer tokens, separated by a comma.
        budget: an amount of money, or of tokens.
        others: settings that are `KEY=VALUE` already.

    Raises:
        UserError: prices are not two numbers.
    """
    settings = []
    if prices is not None:
        prompt, answer = two_prices(prices)
        settings.append(f"remote.prices={{prompt: {prompt!r}, answer: {answer!r}}}")
    if budget is not None:
        settings.append(f"remote.budget={budget!r}")
    return (*settings, *others)


def two_prices(text: str) -> tuple[float, float]:
    """Parse the price of a million prompt tokens and of a million answer tokens, separated by a comma.

    Raises:
        UserError: the text is not two numbers.
    """
    try:
        prompt, answer = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--prices {clip(text, 40)!r}: give two numbers, such as 0.15,0.6") from None
    return prompt, answer
