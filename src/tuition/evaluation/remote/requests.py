"""Build the requests of prompts for an endpoint, check them, and estimate their tokens."""

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
# The most tokens that a server's chat template may add to a prompt; some add a long text.
_TEMPLATE_TOKENS = 256
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A request: its name in messages, its path, and its body.

    `text` is the text in it, used to estimate its tokens; `most` is the most tokens that it can take (each token has at
    least one byte).
    """

    name: str
    path: str
    body: Mapping[str, Any]
    text: str
    most: Tokens


@dataclass(frozen=True, slots=True)
class RequestEstimate:
    """An estimate of requests: how many there are, how many are in the cache, and the tokens of the others.

    `tokens` are those of the prompts, as Tuition estimates them, and of the longest possible answers.
    """

    questions: int
    cached: int
    tokens: Tokens

    @property
    def requests(self) -> int:
        """How many still have to be sent."""
        return self.questions - self.cached


def guessed_tokens(text: str) -> int:
    """Estimate the tokens of a text without a tokenizer: one for every four bytes."""
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
    """Return a request for each text: as the user message of a chat, or as the prompt of a completion.

    Args:
        endpoint: the model and its server; its own fields override `fields`, and its None removes one.
        names: the name of each text in messages.
        texts: the prompts.
        fields: the requests' other fields.
        most_tokens: the maximum number of tokens in an answer.
        kind: the API, if not the endpoint's own kind.

    Raises:
        ProblemsError: texts are empty, or contain a lone surrogate; all of them are listed.
        UserError: the endpoint's fields cannot be JSON, or request streaming or several answers.
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
        body: dict[str, Any] = {"model": endpoint.model}
        if kind == "chat":
            turns = [{"role": "system", "content": system}] if system else []
            body["messages"] = [*turns, {"role": "user", "content": text}]
        else:
            body["prompt"] = text
        whole = system + text
        most = Tokens(len(whole.encode("utf-8")) + _TEMPLATE_TOKENS, longest)
        questions.append(Question(name, PATHS[kind], {**body, **joint}, whole, most))
    return questions


def estimate_requests(
    endpoint: Endpoint, questions: Iterable[Question], store: ResponseCache, count: Callable[[str], int]
) -> RequestEstimate:
    """Estimate all these requests; equal ones are sent once."""
    distinct = {response_key(endpoint.url, question.path, question.body): question for question in questions}
    missing = [question for key, question in distinct.items() if not store.has(key)]
    tokens = sum((Tokens(count(q.text), q.most.answer) for q in missing), Tokens())
    return RequestEstimate(len(distinct), len(distinct) - len(missing), tokens)


def _problem(name: str, text: str) -> Problem | None:
    if not text.strip():
        return Problem("empty-prompt", f"{name} is empty", "a remote model needs something to answer")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        found = f"{name} has half a character (a lone surrogate) at {error.start}, in {clip(text, 40)!r}"
        return Problem("lone-surrogate", found, "fix the text; no server accepts it")
    return None


def _check(fields: Mapping[str, Any]) -> None:
    try:
        canonical_json(fields)
    except TypeError as error:
        raise UserError(f"the endpoint's fields cannot be written as JSON: {error}") from error
    for name in ("model", "messages", "prompt"):
        if name in fields:
            raise UserError(
                f"the endpoint's fields give {name!r}, which is set from the endpoint and the prompts; remove it"
            )
    if fields.get("stream") or fields.get("n", 1) != 1:
        raise UserError("the endpoint's fields request streaming or several answers; each prompt gets one whole answer")
