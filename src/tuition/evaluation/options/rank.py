"""Rank classification: the answer is the most likely option (FLAN, Wei et al. 2022; T0, Sanh et al. 2022).

One pass gives the scores under all normalisations (see `rankings`). An option's log-probability is that of its own
tokens; the end token after it is left out by default, as in EleutherAI's lm-evaluation-harness. Without the end token,
an option that is a prefix of another is never less likely than it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tuition.base.errors import UserError, clip
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.models.batches import BATCHING, Batching
from tuition.models.ranking import option_log_probabilities
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.prompts.encode import encode
from tuition.prompts.fill import fill
from tuition.prompts.types import Encoding, InContextExamples, Prompt
from tuition.tasks.types import Instance, Task

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel


Ids = tuple[int, ...]
"""Tokens."""
LogProbabilities = Sequence[Sequence[float]]
"""The log-probabilities of each option's tokens (nats)."""


@dataclass(frozen=True, slots=True)
class OptionQuestions:
    """Which log-probabilities rank the options of some prompts: what a model is given, and how to read its numbers.

    Attributes:
        options: each prompt's options as text.
        prompts: the prompts, and `rows`: the tokens of each one's options.
        prior_prompts: the distinct prompts without input, for `pmi`, and `prior_rows`: the distinct options behind
            each; empty where `pmi` is not computed.
        opening: the tokens that every option of an encoder-decoder begins with.
    """

    options: tuple[tuple[str, ...], ...]
    prompts: tuple[TokenizedPrompt, ...]
    rows: tuple[tuple[Ids, ...], ...]
    prior_prompts: tuple[TokenizedPrompt, ...]
    prior_rows: tuple[tuple[Ids, ...], ...]
    opening: Ids
    _priors_of: tuple[int, ...]

    def rankings(self, found: Sequence[LogProbabilities], priors: Sequence[LogProbabilities] = ()) -> list[Ranking]:
        """Return each prompt's ranking.

        Args:
            found: for each of `prompts`, the log-probabilities of the tokens of each option.
            priors: the same for `prior_prompts`.
        """
        prior_sums = [
            dict(zip(own, map(sum, values), strict=True)) for own, values in zip(self.prior_rows, priors, strict=True)
        ]
        made = []
        for at, (own, row, values) in enumerate(zip(self.options, self.rows, found, strict=True)):
            sums = [sum(each) for each in values]
            pmi = None
            if self._priors_of:
                behind = prior_sums[self._priors_of[at]]
                pmi = [one - behind[option] for one, option in zip(sums, row, strict=True)]
            made.append(ranking_of(own, sums, [len(ids) for ids in row], pmi))
        return made


def option_questions(
    loaded: LoadedModel,
    prompts: Sequence[TokenizedPrompt],
    options: Sequence[Sequence[str]],
    *,
    neutral: Sequence[TokenizedPrompt] | None = None,
    target: str = " {output}",
    end: bool = False,
    tokens: PromptTokenizer | None = None,
) -> OptionQuestions:
    """Tokenize the options of prompts, and find the distinct prompts without input.

    Args:
        loaded: the base model with its tokenizer.
        prompts: the questions; their targets are not used.
        options: each prompt's options, as a task, a template or `closed_options` gives them; one list a prompt.
        neutral: for `pmi`, each prompt without its input (see `neutral_prompt`); what is the same for several prompts
            and options is run once.
        target: the encoding's pattern of a target, into which each option is put.
        end: count the end token to an option, so that its score includes how likely the answer ends there.
        tokens: the tokenizer that made the prompts, where it is not the model's plain one (a chat's, say).

    Raises:
        UserError: a prompt has no options, an option is empty or has no token, or the pattern has a rationale.
        ValueError: prompts, lists of options and neutral prompts differ in number.
    """
    counts = {len(prompts), len(options), *(() if neutral is None else (len(neutral),))}
    if len(counts) > 1:
        raise ValueError(f"prompts, options and neutral prompts differ in number: {sorted(counts)}; give one to each")
    tokens = tokens or loaded.tokens
    ids = _tokenized(options, target, tokens, end=end)
    rows = tuple(tuple(ids[option] for option in own) for own in options)
    distinct: dict[tuple[Ids, Ids], dict[Ids, None]] = {}
    places = [(prompt.prefix, prompt.body) for prompt in neutral or ()]
    for place, row in zip(places, rows, strict=bool(places)):
        distinct.setdefault(place, {}).update(dict.fromkeys(row))
    order = {place: at for at, place in enumerate(distinct)}
    return OptionQuestions(
        tuple(map(tuple, options)),
        tuple(prompts),
        rows,
        tuple(TokenizedPrompt(*place, ()) for place in distinct),
        tuple(tuple(own) for own in distinct.values()),
        tokens.target_start,
        tuple(order[place] for place in places),
    )


def rank(
    tuned: nn.Module,
    questions: OptionQuestions,
    *,
    batching: Batching = BATCHING,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Ranking]:
    """Rank each prompt's options by every rule.

    Args:
        tuned: the module that answers; the base itself, or the base with a tuner loaded.
        questions: the prompts and their options, from `option_questions`.
        batching: how many prompts are run at once, and whether each prefix is run once and options as a tree.
        advance: is called with how many prompts were finished since the last call.
    """
    run = partial(option_log_probabilities, tuned, opening=questions.opening, batching=batching)
    found = run(questions.prompts, questions.rows, advance=advance)
    priors = run(questions.prior_prompts, questions.prior_rows) if questions.prior_prompts else []
    return questions.rankings(found, priors)


def _tokenized(
    options: Sequence[Sequence[str]], target: str, tokens: PromptTokenizer, *, end: bool
) -> dict[str, tuple[int, ...]]:
    """Return the tokens of each distinct option, written as a target, without the tokens that open every answer."""
    if "{rationale}" in target:
        raise UserError(
            "options cannot be ranked after a rationale that the model has not written; use an encoding without one"
        )
    for at, own in enumerate(options):
        if not own:
            raise UserError(f"prompt {at} has no options to rank; give a closed set, or generate an answer")
        if any(not option.strip() for option in own):
            raise UserError(f"prompt {at}: option {[o.strip() for o in own].index('')} is empty; remove it")
    distinct = list(dict.fromkeys(option for own in options for option in own))
    targets = [fill(target, {"output": option, "rationale": ""}) for option in distinct]
    ids = [one.target for one in tokens([Prompt("", "", target) for target in targets])]
    opening = len(tokens.target_start)
    kept = {option: own[opening:] if end else own[opening:-1] for option, own in zip(distinct, ids, strict=True)}
    for option, remaining in kept.items():
        if not remaining:
            raise UserError(f"the option {clip(option)!r} has no token in the model's vocabulary; remove it")
    return kept


def neutral_instance(instance: Instance) -> Instance:
    """Return the instance with an empty input and with all text fields empty."""
    emptied = {name: "" if isinstance(value, str) else value for name, value in instance.fields.items()}
    return replace(instance, input="", fields=emptied)


def neutral_prompt(
    task: Task, instance: Instance, encoding: Encoding, *, shown: InContextExamples | None = None, seed: int = 0
) -> Prompt | None:
    """Return an instance's prompt with an empty input; an option's log-probability after it is its prior.

    For an instance with a template, all text fields are emptied, with the options that the template takes from them.
    Returns None where the template then gives an empty prompt. A task in one encoding has one neutral prompt, so priors
    are computed once per task.
    """
    try:
        return encode(
            task,
            neutral_instance(instance),
            encoding,
            output=instance.outputs[0],
            shown=shown or InContextExamples(),
            seed=seed,
        )
    except UserError:
        if not instance.fields:
            raise
        return None
