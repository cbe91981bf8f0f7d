"""Ranking the options of a judging step, by all processes of a group, and the self-test beside its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError
from tuition.evaluation.invariance import invariance
from tuition.evaluation.options.rank import neutral_instance, rank
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.models.tokens import TokenizedPrompt
from tuition.prompts.encode import variant
from tuition.prompts.fit import Fitted, LengthPolicy, ledger
from tuition.prompts.types import Prompt
from tuition.studies.planning.steps import EvaluateStep, OptionScoring
from tuition.studies.prompted_model import PromptedModel

if TYPE_CHECKING:
    from torch import nn

    from tuition.training.distributed import Group

_TEST_ROWS, _TEST_TOKENS = 6, 8
"""The size of the self-test: it is to take less time than the answers beside which it stands."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One row's prompt, its options, the pattern that tells them, and the prompt without the row's input."""

    prompt: TokenizedPrompt
    options: tuple[str, ...]
    target: str
    neutral: TokenizedPrompt | None


def score_options(
    step: EvaluateStep,
    option_scoring: OptionScoring,
    model: PromptedModel,
    tuned: nn.Module,
    group: Group,
    advance: Callable[[int], None],
) -> tuple[list[Ranking], dict[str, Any]]:
    """Weigh the options of a step's test rows; return the rankings and what the store keeps on them.

    Raises:
        UserError: an option is empty or has no token, or a prompt does not fit.
    """
    distinct = list(dict.fromkeys(option for own in option_scoring.options for option in own))
    room = 1 + max(len(ids) for ids in model.loaded.tokens.ids([f" {option}" for option in distinct]))
    policy = model.answer_policy(room)
    fitted = [model.fit(step.task, row, policy, shown=step.shown) for row in step.instances]
    questions = _questions(step, option_scoring, model, fitted, policy)
    if group.size == 1:
        rankings = _ranked(step, model, tuned, questions, advance)
    else:
        order = sorted(range(len(questions)), key=lambda at: len(questions[at].prompt.body))
        mine = order[group.rank :: group.size]
        own = _ranked(step, model, tuned, [questions[at] for at in mine], lambda done: advance(done * group.size))
        told = [
            [at, one.scores["sum"], one.tokens, one.scores.get("pmi")] for at, one in zip(mine, own, strict=True)
        ]  # fmt: skip
        placed = {at: numbers for rows in group.gather(told) for at, *numbers in rows}
        rankings = [ranking_of(question.options, *placed[at]) for at, question in enumerate(questions)]
    return rankings, {"fit": asdict(ledger(fitted)), "options_from": option_scoring.origin, "options": len(distinct)}


def self_test(step: EvaluateStep, model: PromptedModel, tuned: nn.Module) -> dict[str, Any] | None:
    """Return what the shape of a batch does to a few of a step's answers; None where it has too few rows for one."""
    policy = model.answer_policy(_TEST_TOKENS)
    fitted = [model.fit(step.task, row, policy, shown=step.shown) for row in step.instances[:_TEST_ROWS]]
    prompts = model.tokenize(fitted)
    if len(prompts) < 2:
        return None
    rows = len(prompts)
    found = invariance(
        model.loaded,
        tuned,
        prompts,
        new_tokens=_TEST_TOKENS,
        rows=rows,
        batch_size=rows,
        tokens=model.tokens,
    )
    return asdict(found)


def _questions(
    step: EvaluateStep,
    option_scoring: OptionScoring,
    model: PromptedModel,
    fitted: Sequence[Fitted],
    policy: LengthPolicy,
) -> list[_Question]:
    prompts = model.tokenize(fitted)
    neutral = _neutral(step, model, policy) if "pmi" in option_scoring.ways else None
    # Rows without their input are mostly the same: each text is tokenized once.
    told = dict(zip(neutral, model.tokens(list(neutral)), strict=True)) if neutral else {}
    priors = [told[prompt] for prompt in neutral] if neutral else [None] * len(prompts)
    targets = [variant(step.task, row, step.encoding, step.seed).target for row in step.instances]
    return [_Question(*parts) for parts in zip(prompts, option_scoring.options, targets, priors, strict=True)]


def _neutral(step: EvaluateStep, model: PromptedModel, policy: LengthPolicy) -> list[Prompt] | None:
    """Return each row's prompt without its input; None where a template then says nothing for some row."""
    encoding = step.encoding
    by_row = encoding.one_of or encoding.template or encoding.jinja
    made: list[Prompt] = []
    for row in step.instances if by_row else step.instances[:1]:
        try:
            prompt = model.fit(step.task, neutral_instance(row), policy, shown=step.shown).prompt
        except UserError:
            if not row.fields:
                raise
            return None
        if prompt is None:
            return None
        made.append(prompt)
    return made if by_row else made * len(step.instances)


def _ranked(
    step: EvaluateStep,
    model: PromptedModel,
    tuned: nn.Module,
    questions: Sequence[_Question],
    advance: Callable[[int], None],
) -> list[Ranking]:
    """Rank options, those told by one pattern together."""
    rankings: list[Ranking | None] = [None] * len(questions)
    for target in dict.fromkeys(question.target for question in questions):
        places = [at for at, question in enumerate(questions) if question.target == target]
        own = [questions[at] for at in places]
        neutral = [one.neutral for one in own if one.neutral is not None]
        found = rank(
            model.loaded,
            tuned,
            [one.prompt for one in own],
            [one.options for one in own],
            neutral=neutral or None,
            target=target,
            tokens=model.tokens,
            share_prefix=step.recipe.share_prefix,
            advance=advance,
        )
        for at, ranking in zip(places, found, strict=True):
            rankings[at] = ranking
    return [ranking for ranking in rankings if ranking is not None]
