"""Rank classification: a model answers by the option it finds likeliest (FLAN, Wei et al. 2022; T0, Sanh et al. 2022).

All ways to weigh an option come from one pass and are reported together, since the choice among them moves a score by
points. An option's log-probability is that of its own tokens; the end token behind it is left out unless asked for, as
EleutherAI's lm-evaluation-harness does. Without it, an option that begins another is never less likely than that one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tuition.base.errors import UserError, clip
from tuition.evaluation.score import Score, summarise
from tuition.models.ranking import option_log_probabilities
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.prompts.encode import encode
from tuition.prompts.fill import fill
from tuition.prompts.types import Encoding, Prompt, Shown
from tuition.tasks.types import Instance, Task

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel

NORMALISATIONS: dict[str, str] = {
    "sum": "the log-probability of the whole option",
    "per_token": "that, divided by the option's tokens",
    "per_character": "that, divided by the option's characters (lm-evaluation-harness's acc_norm)",
    "per_byte": "that, divided by the option's bytes in UTF-8",
    "prior_corrected": "that, less the option's log-probability behind the prompt with an empty input "
    "(pointwise mutual information, Holtzman et al. 2021)",
}
"""The ways to weigh an option, and what each does."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a model weighs a prompt's options.

    `scores` holds, by normalisation, a score for each option, in nats (or nats a token, character, byte); more is
    likelier. `prior_corrected` is there only where neutral prompts were given. `tokens` are each option's, as counted.
    """

    options: tuple[str, ...]
    scores: Mapping[str, tuple[float, ...]]
    tokens: tuple[int, ...]

    def chosen(self, normalisation: str = "sum") -> str:
        """Return the likeliest option; of equal ones the first."""
        values = self.scores[normalisation]
        return self.options[max(range(len(values)), key=values.__getitem__)]


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
        options: each prompt's options, as `closed_options` or a task or template has them; one list a prompt.
        neutral: for `prior_corrected`, each prompt without its input (see `neutral_prompt`); what is the same for
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
    return [
        _ranking(own, [sum(each) for each in values], [len(ids) for ids in row], None if priors is None else priors[at])
        for at, (own, row, values) in enumerate(zip(options, rows, found, strict=True))
    ]


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


def _ranking(
    options: Sequence[str], sums: Sequence[float], tokens: Sequence[int], priors: Sequence[float] | None
) -> Ranking:
    def over(sizes: Iterable[int]) -> tuple[float, ...]:
        return tuple(value / size for value, size in zip(sums, sizes, strict=True))

    scores = {
        "sum": tuple(sums),
        "per_token": over(tokens),
        "per_character": over(len(option) for option in options),
        "per_byte": over(len(option.encode("utf-8", "surrogatepass")) for option in options),
    }
    if priors is not None:
        scores["prior_corrected"] = tuple(value - prior for value, prior in zip(sums, priors, strict=True))
    return Ranking(tuple(options), scores, tuple(tokens))


def neutral_prompt(
    task: Task, instance: Instance, encoding: Encoding, *, shown: Shown | None = None, seed: int = 0
) -> Prompt | None:
    """Return an instance's prompt with an empty input, behind which options are as likely as they are by themselves.

    Where a template tells the instance, each of its fields that is a text is emptied, and options that it lists in the
    prompt from these go too. Returns None where the template then says nothing. One task told in one encoding has
    one neutral prompt, so that options' priors are computed once a task.
    """
    emptied = {name: "" if isinstance(value, str) else value for name, value in instance.fields.items()}
    bare = replace(instance, input="", fields=emptied)
    try:
        return encode(task, bare, encoding, output=instance.outputs[0], shown=shown or Shown(), seed=seed)
    except UserError:
        if not instance.fields:
            raise
        return None


def closed_options(outputs: Iterable[Sequence[str]], *, most: int = 20, repeats: float = 3.0) -> tuple[str, ...]:
    """Return the distinct answers found in a task's accepted outputs, if they are a closed set; else nothing.

    Answers are taken without the white space around them, commonest first, then in the order of their letters.

    Args:
        outputs: each row's accepted outputs.
        most: the most options of a closed set.
        repeats: how often an answer of a closed set is given, on average, at least; a handful of rows with free
            answers has few distinct ones too, but none of them twice.

    Raises:
        TypeError: a row's outputs are one string, whose letters would each count.
    """
    found: Counter[str] = Counter()
    for accepted in outputs:
        if isinstance(accepted, str):
            raise TypeError("a row's outputs are one string; give a sequence of strings, such as a tuple of one")
        found.update({text.strip() for text in accepted})
    del found[""]
    if not found or len(found) > most or found.total() < repeats * len(found):
        return ()
    return tuple(sorted(found, key=lambda option: (-found[option], option)))


@dataclass(frozen=True, slots=True)
class RankSummary:
    """Accuracy in each way of weighing options, with what a reader must know beside it.

    `scores` hold accuracies in 0-100 by normalisation, and `per_row` the same as 0 and 1 for each row. `absent` counts
    rows none of whose accepted answers is an option, which no choice can get right; `tied` rows whose likeliest
    option (by `sum`) has an equal that reads otherwise; `chance` is what a blind choice scores.
    """

    scores: tuple[Score, ...]
    per_row: Mapping[str, tuple[float, ...]]
    n: int
    absent: int
    tied: int
    chance: float


def summarise_rankings(rankings: Sequence[Ranking], accepted: Sequence[Sequence[str]], *, seed: int = 0) -> RankSummary:
    """Judge rankings by each row's accepted answers; white space around an answer or an option does not count.

    Raises:
        UserError: there are no rankings, or some row has no accepted answer.
        ValueError: there are more of one than of the other.
    """
    if len(rankings) != len(accepted):
        raise ValueError(f"{len(rankings)} rankings but {len(accepted)} lists of accepted answers; give one to each")
    if not rankings:
        raise UserError("there are no rankings to judge")
    right = [{text.strip() for text in own} for own in accepted]
    if not all(right):
        raise UserError(f"row {[bool(own) for own in right].index(False)} has no accepted answer to be judged by")
    ways = [way for way in NORMALISATIONS if all(way in ranking.scores for ranking in rankings)]
    per_row = {
        way: tuple(float(r.chosen(way).strip() in own) for r, own in zip(rankings, right, strict=True)) for way in ways
    }
    hits = [[option.strip() in own for option in r.options] for r, own in zip(rankings, right, strict=True)]
    return RankSummary(
        scores=tuple(summarise(per_row, seed=seed)),
        per_row=per_row,
        n=len(rankings),
        absent=sum(not any(own) for own in hits),
        tied=sum(_tied(ranking) for ranking in rankings),
        chance=100 * sum(sum(own) / len(own) for own in hits) / len(hits),
    )


def _tied(ranking: Ranking) -> bool:
    sums = ranking.scores["sum"]
    return len({option for option, value in zip(ranking.options, sums, strict=True) if value == max(sums)}) > 1
