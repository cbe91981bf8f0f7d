"""Ranking the options of an evaluation step, by all processes of a group, and the self-test of batch invariance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError
from tuition.evaluation.invariance import invariance
from tuition.evaluation.options.rank import OptionQuestions, neutral_instance, option_questions, rank
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.models.batches import Batching
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
"""The size of the self-test: it should take less time than the step's answers."""


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One row's prompt, its options, the pattern of a target, and the prompt without the row's input."""

    prompt: TokenizedPrompt
    options: tuple[str, ...]
    target: str
    neutral: TokenizedPrompt | None


@dataclass(frozen=True, slots=True)
class PreparedOptions:
    """The rows of an evaluation step whose options are ranked, and `details` for the step's record."""

    rows: tuple[OptionRow, ...]
    details: dict[str, Any]


def prepare_options(step: EvaluateStep, option_scoring: OptionScoring, model: PromptedModel) -> PreparedOptions:
    """Fit and tokenize the prompts of a step whose options are ranked.

    Raises:
        UserError: a prompt does not fit.
    """
    distinct = list(dict.fromkeys(option for own in option_scoring.options for option in own))
    room = 1 + max(len(ids) for ids in model.loaded.tokens.ids([f" {option}" for option in distinct]))
    policy = model.answer_policy(room)
    fitted = [model.fit(step.task, row, policy, shown=step.shown) for row in step.instances]
    details = {"fit": asdict(ledger(fitted)), "options_from": option_scoring.origin, "options": len(distinct)}
    return PreparedOptions(tuple(_rows(step, option_scoring, model, fitted, policy)), details)


def questions_by_target(
    rows: Sequence[OptionRow], model: PromptedModel
) -> list[tuple[tuple[int, ...], OptionQuestions]]:
    """Return, for each pattern of a target, the positions of its rows and their questions.

    Raises:
        UserError: an option is empty or has no token.
    """
    made = []
    for target in dict.fromkeys(row.target for row in rows):
        positions = tuple(at for at, row in enumerate(rows) if row.target == target)
        own = [rows[at] for at in positions]
        neutral = [row.neutral for row in own if row.neutral is not None]
        questions = option_questions(
            model.loaded,
            [row.prompt for row in own],
            [row.options for row in own],
            neutral=neutral or None,
            target=target,
            tokens=model.tokens,
        )
        made.append((positions, questions))
    return made


def score_options(
    step: EvaluateStep,
    prepared: PreparedOptions,
    model: PromptedModel,
    tuned: nn.Module,
    group: Group,
    advance: Callable[[int], None],
) -> list[Ranking]:
    """Rank the options of a step's test rows.

    Raises:
        UserError: an option is empty or has no token.
    """
    rows = prepared.rows
    if group.size == 1:
        return _ranked(step, model, tuned, rows, advance)
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].prompt.body))
    mine = order[group.rank :: group.size]
    own = _ranked(step, model, tuned, [rows[at] for at in mine], lambda done: advance(done * group.size))
    numbers = [
        [at, one.scores["sum"], one.tokens, one.scores.get("pmi")] for at, one in zip(mine, own, strict=True)
    ]  # fmt: skip
    placed = {at: values for part in group.gather(numbers) for at, *values in part}
    return [ranking_of(row.options, *placed[at]) for at, row in enumerate(rows)]


def self_test(step: EvaluateStep, model: PromptedModel, tuned: nn.Module) -> dict[str, Any] | None:
    """Return how the shape of a batch changes a few of a step's answers; None where it has too few rows for a batch."""
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


def _rows(
    step: EvaluateStep,
    option_scoring: OptionScoring,
    model: PromptedModel,
    fitted: Sequence[Fitted],
    policy: LengthPolicy,
) -> list[OptionRow]:
    prompts = model.tokenize(fitted)
    neutral = _neutral(step, model, policy) if "pmi" in option_scoring.ways else None
    # Prompts without their input are mostly the same: each text is tokenized once.
    tokenized = dict(zip(neutral, model.tokens(list(neutral)), strict=True)) if neutral else {}
    priors = [tokenized[prompt] for prompt in neutral] if neutral else [None] * len(prompts)
    targets = [variant(step.task, row, step.encoding, step.seed).target for row in step.instances]
    return [OptionRow(*parts) for parts in zip(prompts, option_scoring.options, targets, priors, strict=True)]


def _neutral(step: EvaluateStep, model: PromptedModel, policy: LengthPolicy) -> list[Prompt] | None:
    """Return each row's prompt without its input; None where a template is then empty for some row."""
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
    rows: Sequence[OptionRow],
    advance: Callable[[int], None],
) -> list[Ranking]:
    """Rank options, those with the same target pattern together."""
    rankings: dict[int, Ranking] = {}
    for positions, questions in questions_by_target(rows, model):
        found = rank(tuned, questions, batching=Batching(share_prefix=step.recipe.share_prefix), advance=advance)
        rankings.update(zip(positions, found, strict=True))
    return [rankings[at] for at in range(len(rows))]
