"""Rank classification by a remote model, where its server tells log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tuition.base.errors import UserError, clip
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.evaluation.remote.client import Read, RemoteError, Reply, ask
from tuition.evaluation.remote.cost import Ledger, Tokens
from tuition.evaluation.remote.echo import (
    ECHO_FIELDS,
    PROMPT_FIELDS,
    Echo,
    Weighed,
    read_echo,
    read_prompt_tokens,
    score_by_text,
    score_by_tokens,
)
from tuition.evaluation.remote.endpoint import Endpoint
from tuition.evaluation.remote.first_token import (
    FIRST_TOKEN_FIELDS,
    rank_by_first_token,
    read_first_tokens,
    refuse_shared_beginnings,
)
from tuition.evaluation.remote.requests import Question, questions_for
from tuition.prompts.fill import fill
from tuition.prompts.types import Prompt

Method = Literal["echo", "prompt_logprobs", "first-token"]


@dataclass(frozen=True, slots=True)
class RankQuestion:
    """One prompt and its options; `target` is the pattern that tells an option, and `neutral` the prompt without input.

    White space leads an option in a completion, as in the pattern; in a chat it does not count.
    """

    prompt: Prompt
    options: tuple[str, ...]
    target: str = " {output}"
    neutral: Prompt | None = None

    def told(self) -> list[str]:
        """Return the options as the pattern tells them."""
        return [fill(self.target, {"output": option, "rationale": ""}) for option in self.options]


@dataclass(frozen=True, slots=True)
class RemoteRankings:
    """How a remote model weighs options, and what that is worth.

    - `echo` and `prompt_logprobs`: the options' own log-probabilities. `inexact` rows are those where a token reaches
      over the place at which options begin; then each holds the same few last characters of the prompt too: their
      order by `sum` is right, their size is not, and the divided ones are approximate.
    - `first-token`: the log-probability that the answer begins as the option does, under `sum` alone, never exact. In
      `unlisted` rows the server lists no token that begins any option; these rows choose none.

    `usages` are the model and the tokens that the server tells of each request, those answered before among them.
    """

    rankings: tuple[Ranking, ...]
    method: Method
    inexact: int
    unlisted: int
    usages: tuple[tuple[str, Tokens | None], ...]


def rank_questions(endpoint: Endpoint, rows: Sequence[RankQuestion], *, chat: bool = False) -> list[Question]:
    """Return the requests by which options are weighed, for an outlook on them; of servers that need more, the least.

    Raises:
        UserError: a prompt has no options, an option is empty, or a chat's first token cannot tell options apart.
    """
    _check(rows)
    if chat or endpoint.kind == "chat":
        return _first_token_questions(endpoint, rows)
    neutral = _neutral(rows) or ()
    return [*_echo_questions(endpoint, rows, ECHO_FIELDS), *_echo_questions(endpoint, neutral, ECHO_FIELDS)]


def rank_remotely(
    endpoint: Endpoint,
    rows: Sequence[RankQuestion],
    *,
    chat: bool = False,
    cache: Path | None = None,
    ledger: Ledger | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> RemoteRankings:
    """Weigh each prompt's options: by their own log-probabilities in completions, by the first token in a chat.

    Completions cost a request an option (equal ones once), and the prompt's tokens each time; a chat one a prompt. The
    log-probability of an option leaves out the end token behind it.

    Args:
        endpoint: the model and its server; its kind decides between the two ways.
        rows: the prompts with their options; for `pmi`, each with its neutral prompt (completions only).
        chat: ask in a chat, whatever the endpoint's own kind is.
        cache: the file that keeps responses; by default one in the user's cache.
        ledger: counts requests, tokens and cost over several calls, and holds a budget.
        advance: is told how many prompts were weighed.

    Raises:
        RemoteError: the server does not offer log-probabilities, refuses the key, or failed too often.
        BudgetError: the budget does not allow the next request.
        UserError: a prompt has no options, an option is empty, or a chat's first token cannot tell options apart.
    """
    _check(rows)

    def asked(questions: Sequence[Question], read: Read[Any], tell: Callable[[int], None] = _quiet) -> list[Reply[Any]]:
        return ask(endpoint, questions, read, cache=cache, ledger=ledger, advance=tell)

    if chat or endpoint.kind == "chat":
        replies = asked(_first_token_questions(endpoint, rows), read_first_tokens, advance)
        ranked = [rank_by_first_token(reply.value, row.options) for row, reply in zip(rows, replies, strict=True)]
        unlisted = sum(not any(ranking.listed) for ranking in ranked)
        return RemoteRankings(tuple(ranked), "first-token", len(ranked), unlisted, _usages(replies))
    method = _offered(endpoint, rows, asked)
    weigher = _OptionScorer(endpoint, method, asked)
    found = weigher.score_options(rows, advance)
    neutral = _neutral(rows)
    priors = weigher.score_options(neutral, _quiet) if neutral is not None else [None] * len(rows)
    rankings = [
        ranking_of(row.options, own.sums, own.tokens, _less(own.sums, prior.sums) if prior else None)
        for row, own, prior in zip(rows, found, priors, strict=True)
    ]
    inexact = sum(not (own.exact and (prior is None or prior.exact)) for own, prior in zip(found, priors, strict=True))
    return RemoteRankings(tuple(rankings), method, inexact, 0, tuple(weigher.usages))


def _check(rows: Sequence[RankQuestion]) -> None:
    for at, row in enumerate(rows):
        if not row.options or any(not option.strip() for option in row.options):
            raise UserError(f"prompt {at} has no options to rank, or an empty one; give a closed set of texts")
        if "{rationale}" in row.target:
            raise UserError(
                "options cannot be ranked behind a rationale that the model has not written; use another encoding"
            )


def _neutral(rows: Sequence[RankQuestion]) -> list[RankQuestion] | None:
    """Return the questions of the options behind neutral prompts; None where some row has none."""
    made = [RankQuestion(row.neutral, row.options, row.target) for row in rows if row.neutral is not None]
    return made if made and len(made) == len(rows) else None


def _first_token_questions(endpoint: Endpoint, rows: Sequence[RankQuestion]) -> list[Question]:
    for options in dict.fromkeys(row.options for row in rows):
        refuse_shared_beginnings(options)
    names = [f"prompt {at}" for at in range(len(rows))]
    return questions_for(endpoint, names, [row.prompt.source for row in rows], FIRST_TOKEN_FIELDS, 1, kind="chat")


def _echo_questions(endpoint: Endpoint, rows: Sequence[RankQuestion], fields: dict[str, Any]) -> list[Question]:
    asked = [(at, row.prompt.source, told) for at, row in enumerate(rows) for told in row.told()]
    names = [f"prompt {at} with option {clip(told.strip(), 40)!r}" for at, _, told in asked]
    return questions_for(endpoint, names, [source + told for _, source, told in asked], fields, 1)


_ECHOES: dict[Method, tuple[dict[str, Any], Read[Echo]]] = {
    "echo": (ECHO_FIELDS, read_echo),
    "prompt_logprobs": (PROMPT_FIELDS, read_prompt_tokens),
}


def _offered(endpoint: Endpoint, rows: Sequence[RankQuestion], asked: Callable[..., list[Reply[Any]]]) -> Method:
    """Return the way in which the server tells a text's log-probabilities, by asking one question in each.

    Raises:
        RemoteError: it tells them in none.
    """
    reasons: list[str] = []
    for method, (fields, read) in _ECHOES.items():
        try:
            asked(_echo_questions(endpoint, rows[:1], fields)[:1], read)
        except RemoteError as error:
            if error.hopeless:
                raise
            reasons.append(str(error.__cause__ or error))  # it does not offer that, or refuses what it does not know
        else:
            return method
    raise RemoteError(
        f"{endpoint.url}, {endpoint.model}: the server does not tell a prompt's own log-probabilities, neither by echo "
        f"with logprobs ({reasons[0]}) nor by prompt_logprobs ({reasons[1]}); generate answers, or rank in a chat",
        0,
        len(rows),
        hopeless=False,
    )


class _OptionScorer:
    """Weighs options by their own tokens."""

    def __init__(self, endpoint: Endpoint, method: Method, asked: Callable[..., list[Reply[Any]]]) -> None:
        self._endpoint, self._asked = endpoint, asked
        self._fields, self._read = _ECHOES[method]
        self.usages: list[tuple[str, Tokens | None]] = []

    def score_options(self, rows: Sequence[RankQuestion], advance: Callable[[int], None]) -> list[Weighed]:
        """Weigh each row's options; where tokens do not spell them, by asking for the prompt alone too."""
        progress = _Progress(sum(len(row.options) for row in rows), len(rows), advance)
        replies = iter(self._echoes(_echo_questions(self._endpoint, rows, self._fields), progress.tell))
        echoes = [list(islice(replies, len(row.options))) for row in rows]
        found = [score_by_text(row.prompt.source, row.told(), own) for row, own in zip(rows, echoes, strict=True)]
        unclear = [at for at, weighed in enumerate(found) if weighed is None]
        names, sources = [f"prompt {at}" for at in unclear], [rows[at].prompt.source for at in unclear]
        alone = self._echoes(questions_for(self._endpoint, names, sources, self._fields, 1), _quiet)
        for at, own in zip(unclear, alone, strict=True):
            found[at] = score_by_tokens(own, echoes[at])
        return [weighed for weighed in found if weighed is not None]

    def _echoes(self, questions: Sequence[Question], tell: Callable[[int], None]) -> list[Echo]:
        replies = self._asked(questions, self._read, tell)
        self.usages += _usages(replies)
        return [reply.value for reply in replies]


class _Progress:
    """Tells prompts where options are counted: a prompt's share of them at a time, and all at the end."""

    def __init__(self, options: int, prompts: int, advance: Callable[[int], None]) -> None:
        self._options, self._prompts, self._advance = options, prompts, advance
        self._done = self._told = 0

    def tell(self, done: int) -> None:
        self._done += done
        whole = self._done * self._prompts // self._options
        if whole > self._told:
            self._advance(whole - self._told)
            self._told = whole


def _usages(replies: Sequence[Reply[Any]]) -> tuple[tuple[str, Tokens | None], ...]:
    return tuple((reply.model, reply.usage) for reply in replies)


def _less(sums: Sequence[float], priors: Sequence[float]) -> list[float]:
    return [own - prior for own, prior in zip(sums, priors, strict=True)]


def _quiet(done: int) -> None:
    """Tell nothing."""
