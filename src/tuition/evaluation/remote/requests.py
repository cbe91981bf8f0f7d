"""Prompts as requests: checked all at once, written as the endpoint wants them, and what they will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.fingerprints import canonical_json
from tuition.evaluation.remote.cache import ResponseCache, response_key
from tuition.evaluation.remote.cost import Tokens
from tuition.evaluation.remote.endpoint import PATHS, Endpoint, Kind

_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
# What a server's chat template may put around a prompt, at most; some tell a page of their own.
_TEMPLATE_TOKENS = 256
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A request: what it is called in a message, where it goes, and its body.

    `told` is the text in it, by which its tokens are guessed; `most` the most tokens that it can take (no token is
    less than a byte).
    """

    name: str
    path: str
    body: Mapping[str, Any]
    told: str
    most: Tokens


@dataclass(frozen=True, slots=True)
class RequestEstimate:
    """What asking questions will take: how many there are, how many are answered in the cache, and the others' tokens.

    `tokens` are those of the prompts, by a count that is this side's own, and the longest answers.
    """

    questions: int
    cached: int
    tokens: Tokens

    @property
    def requests(self) -> int:
        """How many are still to be asked."""
        return self.questions - self.cached


def guessed_tokens(text: str) -> int:
    """Return about how many tokens a text has, where no tokenizer is at hand: one for every four bytes."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def questions_for(
    endpoint: Endpoint,
    names: Sequence[str],
    texts: Sequence[str],
    fields: Mapping[str, Any],
    most_tokens: int,
    *,
    kind: Kind | None = None,
) -> list[Question]:
    """Return a request for each text: the user's turn of a chat, or what a completion goes on behind.

    Args:
        endpoint: whom to ask; its own fields win over `fields`, and its None takes one away.
        names: what each text is called in a message.
        texts: what to ask.
        fields: the requests' other fields.
        most_tokens: the longest answer.
        kind: the way to ask, if not the endpoint's own.

    Raises:
        ProblemsError: texts are empty, or hold half a character; all of them are told.
        UserError: the endpoint's fields are not plain data, or ask for streaming or several answers.
    """
    kind = kind or endpoint.kind
    problems = [problem for name, text in zip(names, texts, strict=True) if (problem := _problem(name, text))]
    if problems:
        raise ProblemsError(problems)
    joint = {name: value for name, value in {**fields, **endpoint.fields}.items() if value is not None}
    _check(joint)
    longest = max([most_tokens, *(int(joint[name]) for name in _LIMIT_FIELDS if isinstance(joint.get(name), int))])
    system = endpoint.system if kind == "chat" else ""
    questions = []
    for name, text in zip(names, texts, strict=True):
        asked: dict[str, Any] = {"model": endpoint.model}
        if kind == "chat":
            turns = [{"role": "system", "content": system}] if system else []
            asked["messages"] = [*turns, {"role": "user", "content": text}]
        else:
            asked["prompt"] = text
        told = system + text
        most = Tokens(len(told.encode("utf-8")) + _TEMPLATE_TOKENS, longest)
        questions.append(Question(name, PATHS[kind], {**asked, **joint}, told, most))
    return questions


def estimate_requests(
    endpoint: Endpoint, questions: Iterable[Question], store: ResponseCache, count: Callable[[str], int]
) -> RequestEstimate:
    """Return what asking all these questions will take; equal ones are asked once."""
    distinct = {response_key(endpoint.url, question.path, question.body): question for question in questions}
    missing = [question for key, question in distinct.items() if not store.has(key)]
    tokens = sum((Tokens(count(q.told), q.most.answer) for q in missing), Tokens())
    return RequestEstimate(len(distinct), len(distinct) - len(missing), tokens)


def _problem(name: str, text: str) -> Problem | None:
    if not text.strip():
        return Problem("empty-prompt", f"{name} is empty", "a remote model needs something to answer")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        found = f"{name} holds half a character (a lone surrogate) at {error.start}, in {clip(text, 40)!r}"
        return Problem("lone-surrogate", found, "mend the text; no server takes it")
    return None


def _check(fields: Mapping[str, Any]) -> None:
    try:
        canonical_json(fields)
    except TypeError as error:
        raise UserError(f"the endpoint's fields cannot be written as JSON: {error}") from error
    for name in ("model", "messages", "prompt"):
        if name in fields:
            raise UserError(
                f"the endpoint's fields give {name!r}, which the endpoint and the prompts tell; take it out"
            )
    if fields.get("stream") or fields.get("n", 1) != 1:
        raise UserError("the endpoint's fields ask for streaming or several answers; each prompt gets one whole answer")
