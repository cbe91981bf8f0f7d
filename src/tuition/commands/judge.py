"""The profile `judge` of `tuition score` (LLM-as-judge): a remote model grades answers against their references."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.markup import escape

from tuition.base.errors import UserError, clip
from tuition.commands.console import notes
from tuition.commands.remote import two_prices
from tuition.evaluation.metrics import Metric
from tuition.evaluation.scoring import ScoreChoice

JUDGE = "judge"
"""The profile's name."""


@dataclass(frozen=True, slots=True)
class JudgeChoice:
    """The judge model, its scale, prices and budget, as given on the command line."""

    model: str
    scale: str = "grade"
    prices: str | None = None
    budget: str | None = None


def with_judge(choice: ScoreChoice, judge: JudgeChoice | None) -> ScoreChoice:
    """Return the choice with the judge's metric instead of its name.

    Raises:
        UserError: only one of the judge and its profile is given, or `chosen_judge` raises it.
    """
    if judge is not None and JUDGE not in choice.profiles:
        raise UserError(f"a judge model is for --profile {JUDGE}; give that too")
    profiles = tuple(chosen_judge(judge) if name == JUDGE else name for name in dict.fromkeys(choice.profiles))
    return replace(choice, profiles=profiles)


def chosen_judge(choice: JudgeChoice | None) -> Metric:
    """Return the LLM-as-judge metric, and print the judge's prompt.

    Raises:
        UserError: no model is given, it is not a remote one, or the scale, the prices or the budget are invalid.
    """
    if choice is None:
        raise UserError(f"--profile {JUDGE} needs a judge: --judge openai:NAME@URL")
    from tuition.evaluation.remote import Budget, Ledger, Prices, parse_budget, parse_endpoint
    from tuition.evaluation.remote.judge import SCALES, judge_metric

    if choice.scale not in SCALES:
        raise UserError(f"--scale {clip(choice.scale, 40)!r} is not known; use {' or '.join(SCALES)}")
    prices = None if choice.prices is None else Prices(*two_prices(choice.prices))
    budget = Budget() if choice.budget is None else parse_budget(choice.budget)
    metric = judge_metric(parse_endpoint(choice.model), choice.scale, Ledger(prices, budget), _say)
    _say(metric.description)
    return metric


def _say(text: str) -> None:
    notes().print(escape(text), style="dim")
