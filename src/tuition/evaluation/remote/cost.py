"""The cost of remote answers: prices, what was spent, and a budget that is never exceeded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from tuition.base.errors import UserError, clip

_MILLION = 1_000_000
_TOKENS = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([kKM]?)\s*tokens?")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of prompts and of answers, which have separate prices."""

    prompt: int = 0
    answer: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.answer

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.answer + other.answer)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.answer - other.answer)


@dataclass(frozen=True, slots=True)
class Prices:
    """A model's prices per million tokens, in any one currency, without discounts for cached input."""

    prompt: float
    answer: float

    def __post_init__(self) -> None:
        """Check that the amounts are valid.

        Raises:
            UserError: one is negative, or not a finite number.
        """
        for price in (self.prompt, self.answer):
            if not (math.isfinite(price) and price >= 0):
                raise UserError(f"a price of {price} per million tokens is invalid; give 0 or more")

    def cost(self, tokens: Tokens) -> float:
        """Return the cost of the tokens."""
        return (tokens.prompt * self.prompt + tokens.answer * self.answer) / _MILLION


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent: an amount of money, in the prices' currency, or tokens of prompts and answers."""

    money: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        """Check that the amounts are valid.

        Raises:
            UserError: one is negative, or not a finite number.
        """
        for amount in (self.money, self.tokens):
            if amount is not None and not (math.isfinite(amount) and amount >= 0):
                raise UserError(f"a budget of {amount} is invalid; give 0 or more")

    def __str__(self) -> str:
        """The budget as `parse_budget` parses it."""
        return f"{self.tokens} tokens" if self.tokens is not None else f"{self.money:g}"


def parse_budget(text: str) -> Budget:
    """Parse a budget: an amount of money (`2.50`), or tokens (`300000 tokens`, `300k tokens`).

    Raises:
        UserError: the text is neither.

    Examples:
        >>> parse_budget("1.5M tokens").tokens
        1500000
    """
    if match := _TOKENS.fullmatch(text.strip()):
        number = float(match[1].replace("_", "").replace(",", ""))
        return Budget(tokens=round(number * {"": 1, "k": 1000, "K": 1000, "M": _MILLION}[match[2]]))
    try:
        return Budget(money=float(text))
    except ValueError:
        raise UserError(f"a budget of {clip(text, 40)!r} is invalid; write `2.50` (money) or `300k tokens`") from None


@dataclass(slots=True)
class Ledger:
    """Requests and costs over all calls that share the ledger, one call after another.

    Before a request is sent, the most tokens that it can take are reserved. Together, the paid, the reserved and the
    possibly lost tokens never exceed the budget.

    Attributes:
        prices: what tokens cost; None if unknown.
        budget: the most that may be spent; unlimited by default.
        paid: the tokens of all received answers, as the server counts them.
        lost: the most tokens of answers that may have been billed and were lost in transit (a timeout, a broken
            connection), or came without a count.
        requests: requests sent, including failed ones.
        asked: answers that were requested and received.
        cached: answers that were in the cache.
    """

    prices: Prices | None = None
    budget: Budget = Budget()
    paid: Tokens = Tokens()
    lost: Tokens = Tokens()
    requests: int = 0
    asked: int = 0
    cached: int = 0
    _reserved: Tokens = field(default=Tokens(), repr=False)

    def __post_init__(self) -> None:
        """Check that a budget in money has prices.

        Raises:
            UserError: there are no prices.
        """
        if self.budget.money is not None and self.prices is None:
            raise UserError(
                f"a budget of {self.budget} needs the model's prices to compute the cost; give them, or a budget of "
                "tokens, such as `300k tokens`"
            )

    def reserve(self, most: Tokens) -> bool:
        """Reserve the most tokens that a request can take; return False, and reserve nothing, if over budget."""
        whole = self.paid + self.lost + self._reserved + most
        if self.budget.tokens is not None and whole.total > self.budget.tokens:
            return False
        if self.budget.money is not None and self.cost(whole) > self.budget.money:
            return False
        self._reserved += most
        return True

    def release(self, most: Tokens) -> None:
        """Release a reservation."""
        self._reserved -= most

    def count(self, usage: Tokens | None, most: Tokens) -> None:
        """Count a received answer: the tokens that the server reports, or else the most that it can have taken."""
        self.asked += 1
        if usage is None:
            self.lost += most
        else:
            self.paid += usage

    def cost(self, tokens: Tokens) -> float:
        """Return the cost of the tokens; 0 without prices."""
        return self.prices.cost(tokens) if self.prices else 0.0

    def __str__(self) -> str:
        """What was spent, in words."""
        text = f"{self.asked:,} answers for {_amount(self, self.paid)}"
        if self.lost.total:
            text += f" (and at most {_amount(self, self.lost)} for answers without a token count or lost in transit)"
        return text + (f"; {self.cached:,} answers came from the cache" if self.cached else "")


def _amount(ledger: Ledger, tokens: Tokens) -> str:
    text = f"{tokens.prompt:,} + {tokens.answer:,} tokens"
    return f"{text}, {ledger.cost(tokens):.4g}" if ledger.prices else text
