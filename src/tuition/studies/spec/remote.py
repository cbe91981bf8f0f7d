"""How a study asks a remote model: what its file says of prices, limits and requests, and what a report tells of it."""

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
"""Stands where a model computes elsewhere."""


def _budget(value: object) -> object:
    """Read a budget: an amount of money, or a text as `parse_budget` takes it."""
    if value is None or value == "":
        return ""
    try:
        return str(parse_budget(str(value)))
    except UserError as error:
        raise ValueError(str(error)) from error


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemotePrices(_Strict):
    """What a million tokens cost, of prompts and of answers, in any one currency."""

    prompt: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    answer: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Remote(_Strict):
    """How a remote model is asked, where the study's `model` is one (`openai:NAME@URL`).

    `budget` is the most that one run spends: money (`2.50`, which needs `prices`) or tokens (`300k tokens`). At most
    `concurrency` requests run at once, and so many requests and tokens begin within a minute; each may take `timeout`
    seconds and is sent at most `attempts` times. `key_variable` is the NAME of the environment variable that holds the
    key, or `none`. `system` is a chat's system message, and `fields` are further fields of each request, of which null
    takes one of ours away. `tokenizer` is a local model whose tokenizer counts tokens; without one they are guessed.
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
            UserError: it is no such name, or a setting cannot be.
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
        """Return what decides the model's answers, and how its prompts are cut to length."""
        identity = self.endpoint(model).identity
        return f"{identity}, counted by {self.tokenizer}" if self.tokenizer else identity

    def ledger(self) -> Ledger:
        """Return the account of one run.

        Raises:
            UserError: a budget of money, and no prices.
        """
        prices = None if self.prices is None else Prices(self.prices.prompt, self.prices.answer)
        return Ledger(prices, parse_budget(self.budget) if self.budget else Budget())


def remote_facts(remote: Remote, judged: Iterable[tuple[EvaluateStep, Finished]]) -> list[tuple[str, str]]:
    """Return what a report tells of a remote model: what answered, and how many tokens that took."""
    told = [finished.details["remote"] for _, finished in judged if "remote" in finished.details]
    if not told:
        return []
    names = dict.fromkeys(name for one in told for name in one["answered_by"])
    taken = sum((Tokens(one["prompt_tokens"], one["answer_tokens"]) for one in told), Tokens())
    words = f"{sum(one['answers'] for one in told):,} answers of {taken.prompt:,} + {taken.answer:,} tokens"
    if uncounted := sum(one["uncounted"] for one in told):
        words += f", besides {uncounted:,} that the server did not count"
    if prices := remote.ledger().prices:
        words += f"; {prices.cost(taken):.4g} at {prices.prompt:g} and {prices.answer:g} a million"
    facts = [("Remote answers", words)]
    return [("Answered by", ", ".join(names)), *facts] if names else facts


def remote_notices(judged: Iterable[tuple[EvaluateStep, Finished]]) -> list[str]:
    """Return what makes a remote model's scores less than they look."""
    notices = []
    for step, finished in judged:
        told = finished.details.get("remote", {})
        place, rows = f"{step.task.name}, {step.arm}", len(step.instances)
        if told.get("empty"):
            notices.append(
                f"{place}: {told['empty']} of {rows} answers are empty because the model used up its "
                f"{finished.details['new_tokens']} tokens before it answered; raise evaluate.new_tokens"
            )
        ranked = told.get("ranked", {})
        if ranked.get("method") == "first-token":
            words = (
                f"{place}: options were ranked by the first token of a chat's answer, so by no other way than rank_sum"
            )
            if ranked["unlisted"]:
                words += f"; in {ranked['unlisted']} of {rows} rows no likely token begins one, and none is chosen"
            notices.append(words)
        elif ranked.get("inexact"):
            notices.append(
                f"{place}: in {ranked['inexact']} of {rows} rows a token reaches over the place where options begin; "
                "their order by rank_sum is right, other ways are approximate"
            )
    return notices
