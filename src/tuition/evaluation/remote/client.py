"""Many questions to one endpoint: asked side by side, again where they fail, and never twice where they succeeded."""

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
from tuition.evaluation.remote.cache import ResponseCache, default_place, response_key
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

_GLANCE = 0.05
# A wrong address never answers; a server that answered once and is being started again gets all attempts.
_ATTEMPTS_TO_REACH = 3


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What was read from a response, the model that the server says it is from, and its tokens where it counts them.

    `cached` replies were there already, and cost nothing now.
    """

    value: T
    model: str
    usage: Tokens | None
    cached: bool


class RemoteError(UserError):
    """A remote model did not give all answers. What it gave is kept; `kept` of `wanted` answers are there.

    `hopeless` tells whether other questions would fare no better: the server is not there, or refuses the key.
    """

    def __init__(self, message: str, kept: int, wanted: int, *, hopeless: bool = True) -> None:
        """Tell what went wrong, and what is kept."""
        self.kept = kept
        self.wanted = wanted
        self.hopeless = hopeless
        super().__init__(f"{message}; {kept} of {wanted} answers are kept and will not be asked for again")


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
    """Return what `read` makes of the response to each question, in their order; equal questions are asked once.

    A response is stored once `read` has accepted it. A first interrupt (Ctrl-C) lets the requests on their way come
    home, a second one does not wait for them.

    Args:
        endpoint: whom to ask.
        questions: what to ask.
        read: takes from a response what is wanted; raises ShapeError for one that is broken, so that it is asked again,
            and UserError for what no repetition mends.
        cache: the file that keeps responses; None is the one in the user's cache.
        ledger: counts requests, tokens and cost, and holds the budget.
        advance: is told how many questions got their answer.

    Raises:
        RemoteError: the key is refused, a request is not understood, or failed too often.
        BudgetError: the budget does not allow the next request.
        UserError: the key cannot be used, or the cache cannot be written.
    """
    if not questions:
        return []
    key = read_key(endpoint)
    with ResponseCache(cache or default_place()) as store, deferred_interrupts() as interrupts:
        run = _Run(endpoint, key, questions, read, store, ledger or Ledger(), advance, interrupts)
        run.take_what_is_there()
        if run.missing:
            _wait_for(run.ask_what_is_missing())
        interrupts.heed()
    return run.replies()


class _Run(Generic[T]):
    """The state of one call of `ask`."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: Key,
        questions: Sequence[Question],
        read: Read[T],
        store: ResponseCache,
        ledger: Ledger,
        advance: Callable[[int], None],
        interrupts: Interrupts,
    ) -> None:
        self._endpoint, self._key, self._read, self._store = endpoint, key, read, store
        self._ledger, self._advance, self._interrupts = ledger, advance, interrupts
        self._keys = [response_key(endpoint.url, question.path, question.body) for question in questions]
        self._repeats = Counter(self._keys)
        self._by_key = dict(zip(reversed(self._keys), reversed(questions), strict=True))
        self._found: dict[str, Reply[T]] = {}
        self._stopped: Callable[[int, int], UserError] | None = None
        self._came = 0
        self._on_their_way = 0
        self._pacer = Pacer(endpoint.limits)

    @property
    def missing(self) -> list[str]:
        """The keys without a reply, in the questions' order."""
        return [own for own in self._repeats if own not in self._found]

    def take_what_is_there(self) -> None:
        """Take stored responses."""
        for own in self.missing:
            self._take_stored(own)

    def replies(self) -> list[Reply[T]]:
        """Return all replies in the questions' order; of equal questions the first was paid for."""
        seen: set[str] = set()
        replies = []
        for own in self._keys:
            reply = self._found[own]
            replies.append(replace(reply, cached=True) if own in seen else reply)
            seen.add(own)
        return replies

    async def ask_what_is_missing(self) -> None:
        """Ask until every question has a reply, or something stops it all; then tell what."""
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
                # Another process may have asked the same meanwhile.
                if not self._take_stored(own):
                    await self._ask(transport, own, self._by_key[own])
            except UserError as error:  # the cache cannot be written any more
                self._stop(partial(_as_it_is, error))

    def _stopping(self) -> bool:
        return self._stopped is not None or self._interrupts.asked

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
        """Ask one question until it has a reply, fails for good, or everything stops."""
        failures = waits = 0
        came = self._came
        while not self._stopping():
            failure = await self._attempt(transport, own, question)
            if failure is None:
                return
            # A crowded server that answers others in the meantime is not failing, but is given more and more time.
            failures = 0 if failure.crowded and self._came > came else failures + 1
            came = self._came
            waits += 1
            await self._after(failure, failures, waits, question)

    async def _attempt(self, transport: Transport, own: str, question: Question) -> Failure | None:
        """Send a question once; None if its reply is there, or everything stops before it is sent."""
        if not await self._affordable(question):
            return None
        try:
            guess = guessed_tokens(question.told) + question.most.answer
            admission = await self._pacer.admitted(guess, self._stopping)
            if admission is None:
                return None
            self._ledger.requests += 1
            payload = await transport.post(question.path, question.body)
        finally:
            self._on_their_way -= 1
            self._ledger.release(question.most)
        if isinstance(payload, Failure):
            failure: Failure | None = payload
        else:
            told = usage_of(payload)
            admission.tokens = told.total if told else admission.tokens
            failure = self._keep(own, question, payload)
        if failure is not None and failure.billed:
            self._ledger.lost += question.most
        return failure

    async def _affordable(self, question: Question) -> bool:
        """Set aside the most that a request can take; wait while requests on their way may come in below theirs."""
        ledger = self._ledger
        while not ledger.reserve(question.most):
            if self._stopping():
                return False
            if not self._on_their_way:
                message = (
                    f"the budget of {ledger.budget} ends here: {ledger}; the next request can take more than is left"
                )
                self._stop(partial(BudgetError, message))
                return False
            await asyncio.sleep(_GLANCE)
        self._on_their_way += 1
        return True

    def _keep(self, own: str, question: Question, payload: dict[str, Any]) -> Failure | None:
        # What is read now is what will be read from the store: without the key, should the server repeat it.
        text = self._key.hidden_in_store(json.dumps(payload))
        payload = json.loads(text)
        try:
            value = self._read(payload, question)
        except ShapeError as error:
            return Failure(f"a response that is no answer: {error}", billed=True)
        except UserError as error:
            return Failure(self._key.hidden_in_message(str(error)), passing=False, own=True, billed=True, cause=error)
        self._store.put(own, self._endpoint.url, question.body, text)
        usage = usage_of(payload)
        self._ledger.count(usage, question.most)
        self._came += 1
        self._take(own, Reply(value, _model_of(payload), usage, cached=False))
        return None

    async def _after(self, failure: Failure, failures: int, waits: int, question: Question) -> None:
        """Wait after a failure, or stop everything if it will not pass."""
        retrying = self._endpoint.retrying
        if not failure.passing:
            hint = f" ({self._key.origin()})" if failure.refused else ""
            return self._give_up(question, f"{failure.reason}{hint}", failure)
        attempts = retrying.attempts
        if failure.unreached and not self._came:
            attempts = min(attempts, _ATTEMPTS_TO_REACH)
        if failures >= attempts:
            return self._give_up(question, f"no answer after {failures} attempts, last {failure.reason}", failure)
        if (failure.retry_after or 0) > retrying.longest_asked:
            reason = f"{failure.reason}, and the server asks to wait {failure.retry_after:.0f} s"
            longest = f"longer than the {retrying.longest_asked:.0f} s allowed"
            return self._give_up(question, f"{reason}, {longest}", failure)
        wait = retrying.wait(waits, failure.retry_after)
        if failure.crowded:
            self._pacer.hold(wait)
        await pause(wait, self._stopping)
        return None

    def _give_up(self, question: Question, reason: str, failure: Failure) -> None:
        message = f"{self._endpoint.url}, {self._endpoint.model}, {question.name}: {reason}"

        def error(kept: int, wanted: int) -> UserError:
            made = RemoteError(message, kept, wanted, hopeless=not failure.own)
            made.__cause__ = failure.cause
            return made

        self._stop(error)

    def _stop(self, error: Callable[[int, int], UserError]) -> None:
        """Let nothing more be asked; the error is made when all that is on its way has come home."""
        self._stopped = self._stopped or error


def _as_it_is(error: UserError, kept: int, wanted: int) -> UserError:
    return error


def _model_of(payload: dict[str, Any]) -> str:
    model = payload.get("model")
    return model if isinstance(model, str) else ""


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, in a thread of its own where this one already runs an event loop (a notebook's)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
