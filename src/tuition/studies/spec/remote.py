"""A study's settings for a remote model: prices, limits and requests; and what a report shows of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tuition.base.errors import UserError
from tuition.evaluation.remote import (
    Budget,
    Endpoint,
    Ledger,
    Limits,
    Prices,
    Retrying,
    Tokens,
    parse_budget,
    parse_endpoint,
)

if TYPE_CHECKING:
    from tuition.studies.planning.steps import EvaluateStep
    from tuition.studies.storage.store import Finished

PRECISION = "its server's precision"
"""The precision of a model that runs on a server."""


def _budget(value: object) -> object:
    """Read a budget: an amount of money, or a text as `parse_budget` reads it."""
    if value is None or value == "":
        return ""
    try:
        return str(parse_budget(str(value)))
    except UserError as error:
        raise ValueError(str(error)) from error


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemotePrices(_Strict):
    """The price of a million tokens of prompts and of answers, in any currency."""

    prompt: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    answer: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Remote(_Strict):
    """How requests are sent to a remote model, where the study's `model` is one (`openai:NAME@URL`).

    `budget` is the most that one run spends: money (`2.50`, which needs `prices`) or tokens (`300k tokens`). At most
    `concurrency` requests run at once, and at most `requests_per_minute` and `tokens_per_minute` start in a minute;
    each may take `timeout` seconds and is sent at most `attempts` times. `key_variable` is the NAME of the environment
    variable with the key, or `none`. `system` is a chat's system message, and `fields` are further fields of each
    request; null removes a default one. `tokenizer` is a local model whose tokenizer counts tokens; without one their
    number is estimated.
    """

    prices: RemotePrices | None = None
    budget: Annotated[str, BeforeValidator(_budget)] = ""
    concurrency: Annotated[int, Field(ge=1)] = 8
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 300.0
    attempts: Annotated[int, Field(ge=1)] = 8
    key_variable: str = ""
    system: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)
    tokenizer: str = ""

    def endpoint(self, model: str) -> Endpoint:
        """Return the endpoint of a remote model's name.

        Raises:
            UserError: the name or a setting is not valid.
        """
        return parse_endpoint(
            model,
            system=self.system,
            fields=self.fields,
            key_variable=self.key_variable,
            limits=Limits(self.concurrency, self.requests_per_minute, self.tokens_per_minute),
            retrying=Retrying(self.attempts),
            timeout=self.timeout,
        )

    def identity(self, model: str) -> str:
        """Return what decides the model's answers, and how its prompts are truncated."""
        identity = self.endpoint(model).identity
        return f"{identity}, counted by {self.tokenizer}" if self.tokenizer else identity

    def ledger(self) -> Ledger:
        """Return the account of one run.

        Raises:
            UserError: the budget is money, and there are no prices.
        """
        prices = None if self.prices is None else Prices(self.prices.prompt, self.prices.answer)
        return Ledger(prices, parse_budget(self.budget) if self.budget else Budget())


def remote_facts(remote: Remote, evaluated: Iterable[tuple[EvaluateStep, Finished]]) -> list[tuple[str, str]]:
    """Return what a report shows of a remote model: which model answered, and the tokens used."""
    records = [finished.details["remote"] for _, finished in evaluated if "remote" in finished.details]
    if not records:
        return []
    names = dict.fromkeys(name for record in records for name in record["answered_by"])
    used = sum((Tokens(record["prompt_tokens"], record["answer_tokens"]) for record in records), Tokens())
    text = f"{sum(record['answers'] for record in records):,} answers of {used.prompt:,} + {used.answer:,} tokens"
    if uncounted := sum(record["uncounted"] for record in records):
        text += f", and {uncounted:,} that the server did not count"
    if prices := remote.ledger().prices:
        text += f"; {prices.cost(used):.4g} at {prices.prompt:g} and {prices.answer:g} per million"
    facts = [("Remote answers", text)]
    return [("Answered by", ", ".join(names)), *facts] if names else facts


def remote_notices(evaluated: Iterable[tuple[EvaluateStep, Finished]]) -> list[str]:
    """Return notices on a remote model's scores: empty answers, and approximate rankings."""
    notices = []
    for step, finished in evaluated:
        record = finished.details.get("remote", {})
        place, rows = f"{step.task.name}, {step.arm}", len(step.instances)
        if record.get("empty"):
            notices.append(
                f"{place}: {record['empty']} of {rows} answers are empty because the model used up its "
                f"{finished.details['new_tokens']} tokens before it answered; raise evaluate.new_tokens"
            )
        ranked = record.get("ranked", {})
        if ranked.get("method") == "first-token":
            text = f"{place}: options were ranked by the first token of a chat's answer, so only rank_sum is possible"
            if ranked["unlisted"]:
                text += f"; in {ranked['unlisted']} of {rows} rows no likely token starts one, and none is chosen"
            notices.append(text)
        elif ranked.get("inexact"):
            notices.append(
                f"{place}: in {ranked['inexact']} of {rows} rows a token spans the start of the options; "
                "their order by rank_sum is right, the other scoring rules are approximate"
            )
    return notices
