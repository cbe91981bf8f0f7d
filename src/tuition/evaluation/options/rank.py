"""Rank classification: a model answers by the option it finds likeliest (FLAN, Wei et al. 2022; T0, Sanh et al. 2022).

All ways to weigh an option come from one pass (see `rankings`). An option's log-probability is that of its own tokens;
the end token behind it is left out unless asked for, as EleutherAI's lm-evaluation-harness does. Without it, an option
that begins another is never less likely than that one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tuition.base.errors import UserError, clip
from tuition.evaluation.options.rankings import Ranking, ranking_of
from tuition.models.ranking import option_log_probabilities
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.prompts.encode import encode
from tuition.prompts.fill import fill
from tuition.prompts.types import Encoding, InContextExamples, Prompt
from tuition.tasks.types import Instance, Task

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel


def rank(
    loaded: LoadedModel,
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    options: Sequence[Sequence[str]],
    *,
    neutral: Sequence[TokenizedPrompt] | None = None,
    target: str = " {output}",
    end: bool = False,
    tokens: PromptTokenizer | None = None,
    batch_size: int = 32,
    share_prefix: bool = True,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Ranking]:
    """Weigh each prompt's options in every way.

    Args:
        loaded: the base model with its tokenizer.
        tuned: the module that answers; the base itself, or the base with a tuner loaded.
        prompts: the questions; their targets are not looked at.
        options: each prompt's options, as a task, a template or `options.closed_options` has them; one list a prompt.
        neutral: for `pmi`, each prompt without its input (see `neutral_prompt`); what is the same for
            several prompts and options is run once.
        target: the encoding's pattern of a target, in which an option is told.
        end: count the end token to an option, so that it also says how likely the answer ends there.
        tokens: the tokenizer that made the prompts, where it is not the model's plain one (a chat's, say).
        batch_size: prompts run at once.
        share_prefix: run each prefix once, and options as a tree.
        advance: is told how many prompts were finished.

    Raises:
        UserError: a prompt has no options, an option is empty or has no token, or the pattern tells a rationale.
        ValueError: there are more of prompts, lists of options or neutral prompts than of another.
    """
    counts = {len(prompts), len(options), *(() if neutral is None else (len(neutral),))}
    if len(counts) > 1:
        raise ValueError(f"prompts, options and neutral prompts differ in number: {sorted(counts)}; give one to each")
    tokens = tokens or loaded.tokens
    told = _tell(options, target, tokens, end=end)
    rows = [[told[option] for option in own] for own in options]
    run = partial(
        option_log_probabilities, tuned, opening=tokens.target_start, batch_size=batch_size, share_prefix=share_prefix
    )
    found = run(prompts, rows, advance=advance)
    priors = None if neutral is None else _priors(run, neutral, rows)
    made = []
    for at, (own, row, values) in enumerate(zip(options, rows, found, strict=True)):
        sums = [sum(each) for each in values]
        pmi = None if priors is None else [one - prior for one, prior in zip(sums, priors[at], strict=True)]
        made.append(ranking_of(own, sums, [len(ids) for ids in row], pmi))
    return made


def _tell(
    options: Sequence[Sequence[str]], target: str, tokens: PromptTokenizer, *, end: bool
) -> dict[str, tuple[int, ...]]:
    """Return the tokens of each distinct option, told as a target, without the tokens that open every answer."""
    if "{rationale}" in target:
        raise UserError(
            "options cannot be ranked behind a rationale that the model has not written; use an encoding without"
        )
    for at, own in enumerate(options):
        if not own:
            raise UserError(f"prompt {at} has no options to rank; give a closed set, or generate an answer")
        if any(not option.strip() for option in own):
            raise UserError(f"prompt {at}: option {[o.strip() for o in own].index('')} is empty; take it out")
    distinct = list(dict.fromkeys(option for own in options for option in own))
    targets = [fill(target, {"output": option, "rationale": ""}) for option in distinct]
    ids = [told.target for told in tokens([Prompt("", "", target) for target in targets])]
    opening = len(tokens.target_start)
    kept = {option: own[opening:] if end else own[opening:-1] for option, own in zip(distinct, ids, strict=True)}
    for option, left in kept.items():
        if not left:
            raise UserError(f"the option {clip(option)!r} has no token in the model's vocabulary; take it out")
    return kept


def _priors(
    run: Callable[..., list[list[tuple[float, ...]]]],
    neutral: Sequence[TokenizedPrompt],
    rows: Sequence[Sequence[tuple[int, ...]]],
) -> list[list[float]]:
    """Return the log-probability of each prompt's options behind its neutral prompt; equal questions are asked once."""
    places = [(prompt.prefix, prompt.body) for prompt in neutral]
    asked: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[tuple[int, ...], float]] = {}
    for place, row in zip(places, rows, strict=True):
        asked.setdefault(place, {}).update(dict.fromkeys(row, 0.0))
    found = run([TokenizedPrompt(*place, ()) for place in asked], [list(own) for own in asked.values()])
    for own, values in zip(asked.values(), found, strict=True):
        own.update(zip(own, map(sum, values), strict=True))
    return [[asked[place][option] for option in row] for place, row in zip(places, rows, strict=True)]


def neutral_instance(instance: Instance) -> Instance:
    """Return an instance with an empty input, and with every field empty that is a text."""
    emptied = {name: "" if isinstance(value, str) else value for name, value in instance.fields.items()}
    return replace(instance, input="", fields=emptied)


def neutral_prompt(
    task: Task, instance: Instance, encoding: Encoding, *, shown: InContextExamples | None = None, seed: int = 0
) -> Prompt | None:
    """Return an instance's prompt with an empty input, behind which options are as likely as they are by themselves.

    Where a template tells the instance, each of its fields that is a text is emptied, and options that it lists in the
    prompt from these go too. Returns None where the template then says nothing. One task told in one encoding has
    one neutral prompt, so that options' priors are computed once a task.
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
