"""What remote answers cost: prices, what was spent, and a budget that is never exceeded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from tuition.base.errors import UserError, clip

_MILLION = 1_000_000
_TOKENS = re.compile(r"(\d[\d_,]*(?:\.\d+)?)\s*([kKM]?)\s*tokens?")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of prompts and of answers, which are priced apart."""

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
    """A model's prices per million tokens, in any one currency. Discounts for cached input are not known."""

    prompt: float
    answer: float

    def __post_init__(self) -> None:
        """Check that they are amounts.

        Raises:
            UserError: one is negative, or no number.
        """
        for price in (self.prompt, self.answer):
            if not (math.isfinite(price) and price >= 0):
                raise UserError(f"a price of {price} per million tokens is none; give 0 or more")

    def cost(self, tokens: Tokens) -> float:
        """Return what so many tokens cost."""
        return (tokens.prompt * self.prompt + tokens.answer * self.answer) / _MILLION


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent: an amount of money, in the prices' currency, or tokens of prompts and answers."""

    money: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        """Check that they are amounts.

        Raises:
            UserError: one is negative, or no number.
        """
        for amount in (self.money, self.tokens):
            if amount is not None and not (math.isfinite(amount) and amount >= 0):
                raise UserError(f"a budget of {amount} is none; give 0 or more")

    def __str__(self) -> str:
        """The budget as `parse_budget` reads it."""
        return f"{self.tokens} tokens" if self.tokens is not None else f"{self.money:g}"


def parse_budget(text: str) -> Budget:
    """Return the budget that a text says: an amount of money (`2.50`), or tokens (`300000 tokens`, `300k tokens`).

    Raises:
        UserError: it says neither.

    Examples:
        >>> parse_budget("1.5M tokens").tokens
        1500000
    """
    if told := _TOKENS.fullmatch(text.strip()):
        number = float(told[1].replace("_", "").replace(",", ""))
        return Budget(tokens=round(number * {"": 1, "k": 1000, "K": 1000, "M": _MILLION}[told[2]]))
    try:
        return Budget(money=float(text))
    except ValueError:
        raise UserError(f"a budget of {clip(text, 40)!r} is none; say `2.50` (money) or `300k tokens`") from None


@dataclass(slots=True)
class Ledger:
    """What was asked and spent, over as many calls as share the ledger; one call after another.

    Before a request is sent, the most that it can take is set aside; what was paid, set aside and perhaps lost never
    exceeds the budget together.

    Attributes:
        prices: what tokens cost; None where nobody says.
        budget: the most that may be spent; by default as much as it takes.
        paid: the tokens of all answers that came, as the server counts them.
        lost: the most tokens of answers that may have been paid for and were lost on their way (a timeout, half a
            line), or came without a count.
        requests: requests sent, the failed ones too.
        asked: answers that were asked for and came.
        cached: answers that were there already.
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
        """Check that a budget of money can be kept.

        Raises:
            UserError: there are no prices to keep it by.
        """
        if self.budget.money is not None and self.prices is None:
            raise UserError(
                f"a budget of {self.budget} needs the model's prices, by which money is counted; give them, or a "
                "budget of tokens, such as `300k tokens`"
            )

    def reserve(self, most: Tokens) -> bool:
        """Set aside the most that a request can take; return False, and set nothing aside, if the budget forbids it."""
        whole = self.paid + self.lost + self._reserved + most
        if self.budget.tokens is not None and whole.total > self.budget.tokens:
            return False
        if self.budget.money is not None and self.cost(whole) > self.budget.money:
            return False
        self._reserved += most
        return True

    def release(self, most: Tokens) -> None:
        """Take back what was set aside."""
        self._reserved -= most

    def count(self, told: Tokens | None, most: Tokens) -> None:
        """Count an answer that came: the tokens that the server tells, or else the most that it can have taken."""
        self.asked += 1
        if told is None:
            self.lost += most
        else:
            self.paid += told

    def cost(self, tokens: Tokens) -> float:
        """Return what tokens cost; 0 without prices."""
        return self.prices.cost(tokens) if self.prices else 0.0

    def __str__(self) -> str:
        """What was spent, in words."""
        told = f"{self.asked:,} answers for {_amount(self, self.paid)}"
        if self.lost.total:
            told += (
                f" (and at most {_amount(self, self.lost)} for what the server did not count, or was lost on its way)"
            )
        return told + (f"; {self.cached:,} answers were there already" if self.cached else "")


def _amount(ledger: Ledger, tokens: Tokens) -> str:
    told = f"{tokens.prompt:,} + {tokens.answer:,} tokens"
    return f"{told}, {ledger.cost(tokens):.4g}" if ledger.prices else told
