"""Send many requests to one endpoint: concurrently, with retries, and never twice once they succeeded."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from tuition.base.errors import UserError
from tuition.base.interrupts import Interrupts, deferred_interrupts
from tuition.evaluation.remote.cache import ResponseCache, default_cache_path, response_key
from tuition.evaluation.remote.cost import Ledger, Tokens
from tuition.evaluation.remote.endpoint import Endpoint
from tuition.evaluation.remote.key import Key, read_key
from tuition.evaluation.remote.limits import Pacer, pause
from tuition.evaluation.remote.requests import Question, guessed_tokens
from tuition.evaluation.remote.response_parsing import ShapeError, usage_of
from tuition.evaluation.remote.retries import Failure
from tuition.evaluation.remote.transport import Transport

T = TypeVar("T")
Read = Callable[[dict[str, Any], Question], T]

_POLL_SECONDS = 0.05
# A wrong address never answers; a server that has answered before and is restarting gets all attempts.
_ATTEMPTS_TO_REACH = 3


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A parsed response, with the model that the server names and the tokens that it reports, if any.

    `cached` replies come from the cache, and cost nothing.
    """

    value: T
    model: str
    usage: Tokens | None
    cached: bool


class RemoteError(UserError):
    """A remote model did not give all answers; the answers so far, `kept` of `wanted`, are stored.

    `hopeless` is True if other requests would fail too: the server cannot be reached, or refuses the key.
    """

    def __init__(self, message: str, kept: int, wanted: int, *, hopeless: bool = True) -> None:
        """Build the message: what went wrong, and how many answers are stored."""
        self.kept = kept
        self.wanted = wanted
        self.hopeless = hopeless
        super().__init__(f"{message}; {kept} of {wanted} answers are stored and will not be requested again")


class BudgetError(RemoteError):
    """The next request could exceed the budget."""


def ask(
    endpoint: Endpoint,
    questions: Sequence[Question],
    read: Read[T],
    *,
    cache: Path | None = None,
    ledger: Ledger | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Reply[T]]:
    """Return the response to each question as parsed by `read`, in order; equal questions are sent once.

    A response is stored once `read` has accepted it. The first interrupt (Ctrl-C) waits for running requests, a second
    one does not.

    Args:
        endpoint: the model and its server.
        questions: the requests.
        read: parses a response; raises ShapeError for a malformed one, which is requested again, and UserError for an
            error that no retry can fix.
        cache: the file that stores responses; None is the one in the user's cache.
        ledger: counts requests, tokens and cost, and enforces the budget.
        advance: called with the number of questions answered since the last call.

    Raises:
        RemoteError: the key is refused, or a request is invalid or failed too often.
        BudgetError: the budget does not allow the next request.
        UserError: the key cannot be used, or the cache cannot be written.
    """
    if not questions:
        return []
    key = read_key(endpoint)
    with ResponseCache(cache or default_cache_path()) as store, deferred_interrupts() as interrupts:
        keeping = _Keeping(store, ledger or Ledger(), advance)
        run = _Run(endpoint, key, questions, read, keeping, interrupts)
        run.take_cached()
        if run.missing:
            _wait_for(run.request_missing())
        interrupts.raise_if_requested()
    return run.replies()


@dataclass(frozen=True, slots=True)
class _Keeping:
    """Where a run keeps its responses and what they cost, and what it calls with the number of new replies."""

    store: ResponseCache
    ledger: Ledger
    advance: Callable[[int], None]


class _Run(Generic[T]):
    """The state of one call of `ask`."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: Key,
        questions: Sequence[Question],
        read: Read[T],
        keeping: _Keeping,
        interrupts: Interrupts,
    ) -> None:
        self._endpoint, self._key, self._read, self._interrupts = endpoint, key, read, interrupts
        self._store, self._ledger, self._advance = keeping.store, keeping.ledger, keeping.advance
        self._keys = [response_key(endpoint.url, question.path, question.body) for question in questions]
        self._repeats = Counter(self._keys)
        self._by_key = dict(zip(reversed(self._keys), reversed(questions), strict=True))
        self._found: dict[str, Reply[T]] = {}
        self._stopped: Callable[[int, int], UserError] | None = None
        self._received = 0
        self._running = 0
        self._pacer = Pacer(endpoint.limits)

    @property
    def missing(self) -> list[str]:
        """The keys without a reply, in the questions' order."""
        return [own for own in self._repeats if own not in self._found]

    def take_cached(self) -> None:
        """Take all responses that are in the cache."""
        for own in self.missing:
            self._take_stored(own)

    def replies(self) -> list[Reply[T]]:
        """Return all replies in the questions' order; of equal questions only the first counts as paid."""
        seen: set[str] = set()
        replies = []
        for own in self._keys:
            reply = self._found[own]
            replies.append(replace(reply, cached=True) if own in seen else reply)
            seen.add(own)
        return replies

    async def request_missing(self) -> None:
        """Send requests until every question has a reply; raise the error if something stops the run."""
        pending = iter(self.missing)
        async with Transport(self._endpoint, self._key) as transport, asyncio.TaskGroup() as group:
            for _ in range(min(self._endpoint.limits.concurrency, len(self.missing))):
                group.create_task(self._work(transport, pending))
        if self._stopped is not None:
            raise self._stopped(sum(self._repeats[own] for own in self._found), len(self._keys))

    async def _work(self, transport: Transport, pending: Iterator[str]) -> None:
        for own in pending:
            if self._stopping():
                return
            try:
                # Another process may have sent the same request in the meantime.
                if not self._take_stored(own):
                    await self._ask(transport, own, self._by_key[own])
            except UserError as error:  # the cache can no longer be written
                self._stop(partial(_unchanged, error))

    def _stopping(self) -> bool:
        return self._stopped is not None or self._interrupts.requested

    def _take_stored(self, own: str) -> bool:
        payload = self._store.get(own)
        if payload is None:
            return False
        try:
            value = self._read(payload, self._by_key[own])
        except (ShapeError, UserError):
            return False
        self._take(own, Reply(value, _model_of(payload), usage_of(payload), cached=True))
        return True

    def _take(self, own: str, reply: Reply[T]) -> None:
        self._found[own] = reply
        repeats = self._repeats[own]
        self._ledger.cached += repeats if reply.cached else repeats - 1
        self._advance(repeats)

    async def _ask(self, transport: Transport, own: str, question: Question) -> None:
        """Send one request until it has a reply, fails permanently, or the run stops."""
        failures = waits = 0
        received = self._received
        while not self._stopping():
            failure = await self._attempt(transport, own, question)
            if failure is None:
                return
            # A rate-limited server that answers others in the meantime is not failing; only the waits get longer.
            failures = 0 if failure.rate_limited and self._received > received else failures + 1
            received = self._received
            waits += 1
            await self._wait_or_stop(failure, failures, waits, question)

    async def _attempt(self, transport: Transport, own: str, question: Question) -> Failure | None:
        """Send a request once; None if it has its reply, or the run stops before it is sent."""
        if not await self._affordable(question):
            return None
        try:
            guess = guessed_tokens(question.text) + question.most.answer
            admission = await self._pacer.admitted(guess, self._stopping)
            if admission is None:
                return None
            self._ledger.requests += 1
            payload = await transport.post(question.path, question.body)
        finally:
            self._running -= 1
            self._ledger.release(question.most)
        if isinstance(payload, Failure):
            failure: Failure | None = payload
        else:
            usage = usage_of(payload)
            admission.tokens = usage.total if usage else admission.tokens
            failure = self._store_reply(own, question, payload)
        if failure is not None and failure.billed:
            self._ledger.lost += question.most
        return failure

    async def _affordable(self, question: Question) -> bool:
        """Reserve the most tokens that a request can take; wait while running requests may free some of theirs."""
        ledger = self._ledger
        while not ledger.reserve(question.most):
            if self._stopping():
                return False
            if not self._running:
                message = (
                    f"the budget of {ledger.budget} is used up: {ledger}; the next request can take more than is left"
                )
                self._stop(partial(BudgetError, message))
                return False
            await asyncio.sleep(_POLL_SECONDS)
        self._running += 1
        return True

    def _store_reply(self, own: str, question: Question, payload: dict[str, Any]) -> Failure | None:
        # Parse exactly what will be stored: the response without the key, in case the server repeats it.
        text = self._key.hidden_in_store(json.dumps(payload))
        payload = json.loads(text)
        try:
            value = self._read(payload, question)
        except ShapeError as error:
            return Failure(f"a malformed response: {error}", billed=True)
        except UserError as error:
            return Failure(self._key.hidden_in_message(str(error)), temporary=False, own=True, billed=True, cause=error)
        self._store.put(own, self._endpoint.url, question.body, text)
        usage = usage_of(payload)
        self._ledger.count(usage, question.most)
        self._received += 1
        self._take(own, Reply(value, _model_of(payload), usage, cached=False))
        return None

    async def _wait_or_stop(self, failure: Failure, failures: int, waits: int, question: Question) -> None:
        """Wait after a temporary failure; stop the run after a permanent one."""
        retrying = self._endpoint.retrying
        if not failure.temporary:
            hint = f" ({self._key.origin()})" if failure.refused else ""
            return self._give_up(question, f"{failure.reason}{hint}", failure)
        attempts = retrying.attempts
        if failure.unreached and not self._received:
            attempts = min(attempts, _ATTEMPTS_TO_REACH)
        if failures >= attempts:
            return self._give_up(question, f"no answer after {failures} attempts, last {failure.reason}", failure)
        if (failure.retry_after or 0) > retrying.longest_asked:
            reason = f"{failure.reason}, and the server asks to wait {failure.retry_after:.0f} s"
            longest = f"longer than the {retrying.longest_asked:.0f} s allowed"
            return self._give_up(question, f"{reason}, {longest}", failure)
        wait = retrying.wait(waits, failure.retry_after)
        if failure.rate_limited:
            self._pacer.hold(wait)
        await pause(wait, self._stopping)
        return None

    def _give_up(self, question: Question, reason: str, failure: Failure) -> None:
        message = f"{self._endpoint.url}, {self._endpoint.model}, {question.name}: {reason}"

        def error(kept: int, wanted: int) -> UserError:
            remote = RemoteError(message, kept, wanted, hopeless=not failure.own)
            remote.__cause__ = failure.cause
            return remote

        self._stop(error)

    def _stop(self, error: Callable[[int, int], UserError]) -> None:
        """Send no more requests; the error is built once all running requests have ended."""
        self._stopped = self._stopped or error


def _unchanged(error: UserError, kept: int, wanted: int) -> UserError:
    return error


def _model_of(payload: dict[str, Any]) -> str:
    model = payload.get("model")
    return model if isinstance(model, str) else ""


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, in a new thread if this one already runs an event loop (as in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
