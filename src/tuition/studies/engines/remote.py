"""The remote engine: judging steps whose model is behind an OpenAI-compatible server, one step after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tuition.base.errors import UserError
from tuition.evaluation.baselines import BASELINES
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.remote import (
    Question,
    RankQuestion,
    RemoteError,
    answer_questions,
    answer_remotely,
    estimate_requests,
    is_remote,
    rank_questions,
    rank_remotely,
)
from tuition.evaluation.remote.cache import ResponseCache, default_cache_path
from tuition.evaluation.remote.cost import Tokens
from tuition.evaluation.remote.key import read_key
from tuition.prompts.encode import read_answer, variant
from tuition.prompts.fit import Fitted, LengthPolicy, TooLong, fit, ledger
from tuition.prompts.types import Prompt
from tuition.studies.engines import Failure, Watcher
from tuition.studies.engines.remote_account import Account, Counts
from tuition.studies.engines.scoring import keep_scored
from tuition.studies.planning.estimate import generation_cost, option_scoring_cost
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import EvaluateStep, OptionScoring, Step, evaluation_steps
from tuition.studies.spec.study import StudySpec
from tuition.studies.storage.store import Store
from tuition.tasks import Instance

_log = logging.getLogger(__name__)


class RemoteEngine:
    """Sends a server the requests of steps; each response is cached, and no request is sent twice."""

    def run(self, plan: Plan, store: Store, watcher: Watcher, pending: Sequence[Step]) -> list[Failure]:
        """Run the pending steps, keep each when it is finished, and return those that failed.

        Where no further request can succeed (the budget is spent, the key refused, the server gone), the steps behind
        are not tried.

        Raises:
            UserError: the model is no remote one.
        """
        if not is_remote(plan.spec.model):
            raise UserError(
                f"the engine 'remote' needs a model behind a server, such as openai:NAME@URL; {plan.spec.model} is none"
            )
        asker = _Asker(plan.spec, store, watcher.say)
        steps = evaluation_steps(pending)
        made = {step.key: asker.prepared(step) for step in steps if step.uses_model}
        asker.print_estimate([one for one in made.values() if isinstance(one, _Prepared)])
        failed: list[Failure] = []
        for at, step in enumerate(steps):
            error = _attempt(asker, step, made.get(step.key), watcher)
            if error is None:
                continue
            failed.append(Failure(step, _words(error)))
            watcher.fail(failed[-1])
            if isinstance(error, RemoteError) and error.hopeless:
                if left := len(steps) - at - 1:
                    watcher.say(f"{left} more steps were not run; the same command goes on with them")
                break
        if asker.ledger.requests or asker.ledger.cached:
            watcher.say(f"{asker.ledger}")
        return failed


def _attempt(
    asker: _Asker, step: EvaluateStep, made: _Prepared | Exception | None, watcher: Watcher
) -> Exception | None:
    started = time.perf_counter()
    watcher.begin(step)
    try:
        if isinstance(made, Exception):
            raise made
        summary = asker.guess(step) if made is None else asker.judge(made, partial(watcher.advance, step))
    except UserError as error:
        return error
    except Exception as error:
        # Whatever one step fails of, the others continue; the trace is logged for whoever fixes it.
        _log.exception("a step failed")
        return error
    watcher.end(step, time.perf_counter() - started, summary)
    return None


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A step with everything that it will ask: prompts to answer (none where it only ranks), and options to weigh."""

    step: EvaluateStep
    fitted: tuple[Fitted, ...]
    new_tokens: int
    prompts: tuple[Prompt, ...]
    ranked: tuple[RankQuestion, ...]
    questions: tuple[Question, ...]


class _Asker:
    """Prepares and evaluates steps by one endpoint, and accounts for what that takes."""

    def __init__(self, spec: StudySpec, store: Store, say: Callable[[str], None]) -> None:
        self._store, self._say = store, say
        self._remote = spec.remote
        self._endpoint = spec.remote.endpoint(spec.model)
        self.ledger = spec.remote.ledger()
        self._counts = Counts(spec.remote.tokenizer, say)

    def prepared(self, step: EvaluateStep) -> _Prepared | Exception:
        """Return the requests of a step, or why it has none."""
        try:
            limit = step.new_tokens or self._counts.answer_limit(step)
            fitted = [self._fit(step, row, limit) for row in step.instances] if step.metrics else []
            prompts = tuple(row.prompt for row in fitted if row.prompt is not None)
            ranked = tuple(self._ranked(step, step.option_scoring)) if step.option_scoring else ()
            questions = [*self._answering(step, prompts, limit), *self._ranking(step, ranked)]
        except UserError as error:
            return error
        return _Prepared(step, tuple(fitted), limit, prompts, ranked, tuple(questions))

    def print_estimate(self, steps: Sequence[_Prepared]) -> None:
        """Say what all these steps will take, before the first request.

        Raises:
            UserError: the key cannot be used, or the cache cannot be opened.
        """
        if not steps:
            return
        key, place = read_key(self._endpoint), default_cache_path()
        with ResponseCache(place) as store:
            estimated = estimate_requests(
                self._endpoint, (q for step in steps for q in step.questions), store, self._counts.count
            )
        tokens = estimated.tokens
        words = f"{self._endpoint}: {estimated.requests:,} requests to send"
        words += f" ({estimated.cached:,} are answered in {place})" if estimated.cached else ""
        words += f", about {tokens.prompt:,} prompt tokens ({self._counts.how}) and at most {tokens.answer:,} "
        words += "of answers"
        if self.ledger.prices:
            words += f", {self.ledger.cost(Tokens(tokens.prompt)):.4g} to {self.ledger.cost(tokens):.4g} in all"
        budget = self.ledger.budget
        limited = budget.money is not None or budget.tokens is not None
        words += f"; the budget is {budget}" if limited else "; there is no budget"
        self._say(f"{words}; {key.origin()}")

    def guess(self, step: EvaluateStep) -> str:
        """Answer by a baseline that needs no model."""
        started = time.perf_counter()
        answer = BASELINES[step.heuristic]
        texts = [answer(step.task, row, step.known) for row in step.instances]
        return keep_scored(self._store, step, texts, [], {"heuristic": step.heuristic}, started)

    def judge(self, made: _Prepared, advance: Callable[[float], None]) -> str:
        """Ask for a step's answers and rankings, score and keep both; return a few words on them.

        Raises:
            RemoteError: the server does not give them all.
        """
        step, started = made.step, time.perf_counter()
        account = Account()
        fitted = made.fitted or tuple(Fitted(question.prompt) for question in made.ranked)
        details: dict[str, Any] = {"fit": asdict(ledger(fitted)), "encoding_mismatch": False}
        texts = self._written(made, account, details, advance) if step.metrics else []
        rankings: Sequence[Ranking] = []
        if step.option_scoring is not None:
            rankings = self._ranked_options(made, step.option_scoring, account, details, advance)
            if not step.metrics:
                way = next(way for way in step.option_scoring.ways if way in rankings[0].scores)
                texts = [ranking.chosen(way) for ranking in rankings]
        details["remote"] = account.details()
        return keep_scored(self._store, step, texts, rankings, details, started)

    def _written(
        self, made: _Prepared, account: Account, details: dict[str, Any], advance: Callable[[float], None]
    ) -> list[str]:
        """Return a step's answers; put what is known of them into the account and the details."""
        step = made.step
        share = generation_cost(step) / len(step.instances)
        answers = answer_remotely(
            self._endpoint,
            made.prompts,
            new_tokens=made.new_tokens,
            decoding=step.own_decoding,
            chat=step.encoding.chat,
            ledger=self.ledger,
            advance=lambda done: advance(done * share),
        )
        for answer in answers:
            account.add(answer.model, answer.usage)
        account.empty = sum(not answer.text and answer.finish == "length" for answer in answers)
        details |= {"new_tokens": made.new_tokens, "ended": sum(answer.ended for answer in answers)}
        details["generated_tokens"] = account.taken.answer
        return [read_answer(answer.text, step.encoding) for answer in answers]

    def _ranked_options(
        self,
        made: _Prepared,
        option_scoring: OptionScoring,
        account: Account,
        details: dict[str, Any],
        advance: Callable[[float], None],
    ) -> Sequence[Ranking]:
        """Return the rankings of a step's options; add what is known of them to the account and the details."""
        step = made.step
        share = option_scoring_cost(step) / len(step.instances)
        found = rank_remotely(
            self._endpoint,
            made.ranked,
            chat=step.encoding.chat,
            ledger=self.ledger,
            advance=lambda done: advance(done * share),
        )
        for model, usage in found.usages:
            account.add(model, usage)
        account.ranked = {"method": found.method, "inexact": found.inexact, "unlisted": found.unlisted}
        distinct = {option for own in option_scoring.options for option in own}
        details["rank"] = {"options_from": option_scoring.origin, "options": len(distinct)}
        return found.rankings

    def _answering(self, step: EvaluateStep, prompts: Sequence[Prompt], limit: int) -> list[Question]:
        return answer_questions(
            self._endpoint, prompts, new_tokens=limit, decoding=step.own_decoding, chat=step.encoding.chat
        )

    def _ranking(self, step: EvaluateStep, rows: Sequence[RankQuestion]) -> list[Question]:
        return rank_questions(self._endpoint, rows, chat=step.encoding.chat) if rows else []

    def _ranked(self, step: EvaluateStep, option_scoring: OptionScoring) -> Iterator[RankQuestion]:
        """Yield the options to rank for each test row."""
        chat = step.encoding.chat or self._endpoint.kind == "chat"
        if chat and "sum" not in option_scoring.ways:
            raise UserError(
                "a chat endpoint gives the probability of the first token only: it ranks options by `sum` only; "
                "rank by `sum`, or ask the model by openai-completions:"
            )
        distinct = {option for own in option_scoring.options for option in own}
        room = 1 + max(self._counts.count(f" {option}") for option in distinct)
        neutral = (
            [None] * len(step.instances) if chat or "pmi" not in option_scoring.ways else self._neutral(step, room)
        )
        for row, options, prior in zip(step.instances, option_scoring.options, neutral, strict=True):
            prompt = self._fit(step, row, room).prompt
            if prompt is not None:
                yield RankQuestion(prompt, options, variant(step.task, row, step.encoding, step.seed).target, prior)

    def _neutral(self, step: EvaluateStep, room: int) -> Sequence[Prompt | None]:
        """Return each row's prompt without its input; None for all where a template is then empty for some row."""
        from tuition.evaluation.options.rank import neutral_instance

        made: list[Prompt | None] = []
        for row in step.instances:
            try:
                made.append(self._fit(step, neutral_instance(row), room).prompt)
            except UserError:
                if not row.fields:
                    raise
                return [None] * len(step.instances)
        return made

    def _fit(self, step: EvaluateStep, row: Instance, room: int) -> Fitted:
        recipe = step.recipe
        too_long: TooLong = "raise" if recipe.too_long == "raise" else "shorten"
        policy = LengthPolicy(recipe.max_length, too_long, recipe.cut, room + self._counts.around(step.encoding.chat))
        return fit(step.task, row, step.encoding, policy, self._counts.count, shown=step.shown, seed=step.seed)
