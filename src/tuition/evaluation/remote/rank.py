"""Rank classification with a remote model, if its server returns log-probabilities."""

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
    OptionScores,
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
    """One prompt and its options; `target` is the pattern that formats an option, `neutral` the prompt without input.

    In a completion, an option has the leading white space of the pattern; in a chat, white space is ignored.
    """

    prompt: Prompt
    options: tuple[str, ...]
    target: str = " {output}"
    neutral: Prompt | None = None

    def formatted_options(self) -> list[str]:
        """Return the options formatted with the target pattern."""
        return [fill(self.target, {"output": option, "rationale": ""}) for option in self.options]


@dataclass(frozen=True, slots=True)
class RemoteRankings:
    """A remote model's rankings of options, and how exact they are.

    - `echo` and `prompt_logprobs`: the options' own log-probabilities. In `inexact` rows a token crosses the start of
      the options, so each score includes the same last characters of the prompt: the order by `sum` is right, its
      values are not, and the length-normalised scores are approximate.
    - `first-token`: the log-probability that the answer starts like the option, only under `sum`, never exact. In
      `unlisted` rows no token that the server lists is a prefix of any option; these rows choose no option.

    `usages` are the model and the tokens that the server reports for each request, including cached ones.
    """

    rankings: tuple[Ranking, ...]
    method: Method
    inexact: int
    unlisted: int
    usages: tuple[tuple[str, Tokens | None], ...]


def rank_questions(endpoint: Endpoint, rows: Sequence[RankQuestion], *, chat: bool = False) -> list[Question]:
    """Return the requests that rank options, for an estimate; some servers need more.

    Raises:
        UserError: a prompt has no options, an option is empty, or a chat's first token cannot distinguish options.
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
    """Rank each prompt's options: by their own log-probabilities with completions, by the first token in a chat.

    Completions need one request per distinct option, with the prompt's tokens each time; a chat needs one per prompt.
    The log-probability of an option does not include the end token after it.

    Args:
        endpoint: the model and its server; its kind decides between completions and chat.
        rows: the prompts with their options; for `pmi`, each with its neutral prompt (completions only).
        chat: use the chat API, whatever the endpoint's own kind is.
        cache: the file that stores responses; by default one in the user's cache.
        ledger: counts requests, tokens and cost over several calls, and enforces a budget.
        advance: called with the number of prompts ranked since the last call.

    Raises:
        RemoteError: the server does not offer log-probabilities, refuses the key, or failed too often.
        BudgetError: the budget does not allow the next request.
        UserError: a prompt has no options, an option is empty, or a chat's first token cannot distinguish options.
    """
    _check(rows)

    def send(
        questions: Sequence[Question], read: Read[Any], report: Callable[[int], None] = _ignore
    ) -> list[Reply[Any]]:
        return ask(endpoint, questions, read, cache=cache, ledger=ledger, advance=report)

    if chat or endpoint.kind == "chat":
        replies = send(_first_token_questions(endpoint, rows), read_first_tokens, advance)
        ranked = [rank_by_first_token(reply.value, row.options) for row, reply in zip(rows, replies, strict=True)]
        unlisted = sum(not any(ranking.listed) for ranking in ranked)
        return RemoteRankings(tuple(ranked), "first-token", len(ranked), unlisted, _usages(replies))
    method = _offered_method(endpoint, rows, send)
    scorer = _OptionScorer(endpoint, method, send)
    found = scorer.score_options(rows, advance)
    neutral = _neutral(rows)
    priors = scorer.score_options(neutral, _ignore) if neutral is not None else [None] * len(rows)
    rankings = [
        ranking_of(row.options, own.sums, own.tokens, _less(own.sums, prior.sums) if prior else None)
        for row, own, prior in zip(rows, found, priors, strict=True)
    ]
    inexact = sum(not (own.exact and (prior is None or prior.exact)) for own, prior in zip(found, priors, strict=True))
    return RemoteRankings(tuple(rankings), method, inexact, 0, tuple(scorer.usages))


def _check(rows: Sequence[RankQuestion]) -> None:
    for at, row in enumerate(rows):
        if not row.options or any(not option.strip() for option in row.options):
            raise UserError(f"prompt {at} has no options to rank, or an empty one; give a closed set of texts")
        if "{rationale}" in row.target:
            raise UserError(
                "options cannot be ranked after a rationale that the model has not written; use another encoding"
            )


def _neutral(rows: Sequence[RankQuestion]) -> list[RankQuestion] | None:
    """Return the same options after the neutral prompts; None if some row has no neutral prompt."""
    neutral = [RankQuestion(row.neutral, row.options, row.target) for row in rows if row.neutral is not None]
    return neutral if neutral and len(neutral) == len(rows) else None


def _first_token_questions(endpoint: Endpoint, rows: Sequence[RankQuestion]) -> list[Question]:
    for options in dict.fromkeys(row.options for row in rows):
        refuse_shared_beginnings(options)
    names = [f"prompt {at}" for at in range(len(rows))]
    return questions_for(endpoint, names, [row.prompt.source for row in rows], FIRST_TOKEN_FIELDS, 1, kind="chat")


def _echo_questions(endpoint: Endpoint, rows: Sequence[RankQuestion], fields: dict[str, Any]) -> list[Question]:
    pairs = [(at, row.prompt.source, option) for at, row in enumerate(rows) for option in row.formatted_options()]
    names = [f"prompt {at} with option {clip(option.strip(), 40)!r}" for at, _, option in pairs]
    return questions_for(endpoint, names, [source + option for _, source, option in pairs], fields, 1)


_ECHOES: dict[Method, tuple[dict[str, Any], Read[Echo]]] = {
    "echo": (ECHO_FIELDS, read_echo),
    "prompt_logprobs": (PROMPT_FIELDS, read_prompt_tokens),
}


def _offered_method(endpoint: Endpoint, rows: Sequence[RankQuestion], send: Callable[..., list[Reply[Any]]]) -> Method:
    """Return the method by which the server returns a text's log-probabilities, by trying one request with each.

    Raises:
        RemoteError: the server supports none.
    """
    reasons: list[str] = []
    for method, (fields, read) in _ECHOES.items():
        try:
            send(_echo_questions(endpoint, rows[:1], fields)[:1], read)
        except RemoteError as error:
            if error.hopeless:
                raise
            reasons.append(str(error.__cause__ or error))  # the server does not offer the field, or rejects it
        else:
            return method
    raise RemoteError(
        f"{endpoint.url}, {endpoint.model}: the server does not return a prompt's log-probabilities, neither by echo "
        f"with logprobs ({reasons[0]}) nor by prompt_logprobs ({reasons[1]}); generate answers, or rank in a chat",
        0,
        len(rows),
        hopeless=False,
    )


class _OptionScorer:
    """Scores options by the log-probabilities of their own tokens."""

    def __init__(self, endpoint: Endpoint, method: Method, send: Callable[..., list[Reply[Any]]]) -> None:
        self._endpoint, self._send = endpoint, send
        self._fields, self._read = _ECHOES[method]
        self.usages: list[tuple[str, Tokens | None]] = []

    def score_options(self, rows: Sequence[RankQuestion], advance: Callable[[int], None]) -> list[OptionScores]:
        """Score each row's options; where tokens do not spell the text, request the prompt alone too."""
        progress = _Progress(sum(len(row.options) for row in rows), len(rows), advance)
        replies = iter(self._echoes(_echo_questions(self._endpoint, rows, self._fields), progress.count))
        echoes = [list(islice(replies, len(row.options))) for row in rows]
        found = [
            score_by_text(row.prompt.source, row.formatted_options(), own)
            for row, own in zip(rows, echoes, strict=True)
        ]
        unclear = [at for at, scores in enumerate(found) if scores is None]
        names, sources = [f"prompt {at}" for at in unclear], [rows[at].prompt.source for at in unclear]
        alone = self._echoes(questions_for(self._endpoint, names, sources, self._fields, 1), _ignore)
        for at, own in zip(unclear, alone, strict=True):
            found[at] = score_by_tokens(own, echoes[at])
        return [scores for scores in found if scores is not None]

    def _echoes(self, questions: Sequence[Question], report: Callable[[int], None]) -> list[Echo]:
        replies = self._send(questions, self._read, report)
        self.usages += _usages(replies)
        return [reply.value for reply in replies]


class _Progress:
    """Converts counts of finished options to counts of finished prompts."""

    def __init__(self, options: int, prompts: int, advance: Callable[[int], None]) -> None:
        self._options, self._prompts, self._advance = options, prompts, advance
        self._done = self._reported = 0

    def count(self, done: int) -> None:
        self._done += done
        finished = self._done * self._prompts // self._options
        if finished > self._reported:
            self._advance(finished - self._reported)
            self._reported = finished


def _usages(replies: Sequence[Reply[Any]]) -> tuple[tuple[str, Tokens | None], ...]:
    return tuple((reply.model, reply.usage) for reply in replies)


def _less(sums: Sequence[float], priors: Sequence[float]) -> list[float]:
    return [own - prior for own, prior in zip(sums, priors, strict=True)]


def _ignore(done: int) -> None:
    """Ignore the progress."""
