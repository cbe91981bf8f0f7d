"""Rankings of answer options and their accuracy: plain numbers from any model; no torch.

All normalisations of an option's score come from the same log-probabilities. They are reported together, since the
choice between them changes the accuracy by several points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import Score, summarise
from tuition.evaluation.metrics.metric import Metric, Profile, check_references, one_by_one

NORMALISATIONS: dict[str, str] = {
    "sum": "the log-probability of the whole option",
    "per_token": "that, divided by the option's tokens",
    "per_character": "that, divided by the option's characters (lm-evaluation-harness's acc_norm)",
    "per_byte": "that, divided by the option's bytes in UTF-8",
    "pmi": "that, minus the option's log-probability after the prompt with an empty input "
    "(pointwise mutual information, Holtzman et al. 2021)",
}
"""The normalisations of an option's score, and what each computes."""

_TITLES = {
    "sum": "sum",
    "per_token": "per token",
    "per_character": "per character",
    "per_byte": "per byte",
    "pmi": "PMI",
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """A model's scores of a prompt's options.

    `scores` has, by normalisation, a score for each option in nats (or nats per token, character, byte); higher is more
    likely. `pmi` is present only where neutral prompts were given. `tokens` is the number of tokens of each option.
    """

    options: tuple[str, ...]
    scores: Mapping[str, tuple[float, ...]]
    tokens: tuple[int, ...]

    def chosen(self, normalisation: str = "sum") -> str:
        """Return the most likely option; the first one on a tie."""
        values = self.scores[normalisation]
        return self.options[max(range(len(values)), key=values.__getitem__)]


def ranking_of(
    options: Sequence[str],
    log_probabilities: Sequence[float],
    tokens: Sequence[int],
    pmi: Sequence[float] | None = None,
) -> Ranking:
    """Return a ranking with the scores under every normalisation, computed from the options' log-probabilities.

    Args:
        options: the answers to choose from.
        log_probabilities: of each whole option, in nats.
        tokens: the number of tokens of each option.
        pmi: each log-probability minus the option's log-probability after the neutral prompt.

    Raises:
        ValueError: the arguments differ in length.
    """

    def over(sizes: Iterable[int]) -> tuple[float, ...]:
        return tuple(value / size for value, size in zip(log_probabilities, sizes, strict=True))

    scores = {
        "sum": tuple(log_probabilities),
        "per_token": over(tokens),
        "per_character": over(len(option) for option in options),
        "per_byte": over(len(option.encode("utf-8", "surrogatepass")) for option in options),
    }
    if pmi is not None:
        scores["pmi"] = tuple(value for value, _ in zip(pmi, options, strict=True))
    return Ranking(tuple(options), scores, tuple(tokens))


@dataclass(frozen=True, slots=True)
class RankSummary:
    """Accuracy under each normalisation, with what a reader must know to interpret it.

    `scores` are accuracies in 0-100 by normalisation, and `per_row` the same as 0 or 1 for each row. `absent` counts
    rows whose accepted answers are not among the options, which no choice can get right; `tied` counts rows where
    several different options are most likely (by `sum`); `chance` is the expected accuracy of a random choice.
    """

    scores: tuple[Score, ...]
    per_row: Mapping[str, tuple[float, ...]]
    n: int
    absent: int
    tied: int
    chance: float


def summarise_rankings(rankings: Sequence[Ranking], accepted: Sequence[Sequence[str]], *, seed: int = 0) -> RankSummary:
    """Score rankings against each row's accepted answers; white space around an answer or an option is ignored.

    Raises:
        UserError: there are no rankings, or some row has no accepted answer.
        ValueError: `rankings` and `accepted` differ in length.
    """
    if len(rankings) != len(accepted):
        raise ValueError(f"{len(rankings)} rankings but {len(accepted)} lists of accepted answers; give one to each")
    if not rankings:
        raise UserError("there are no rankings to score")
    right = [{text.strip() for text in own} for own in accepted]
    if not all(right):
        raise UserError(f"row {[bool(own) for own in right].index(False)} has no accepted answer to compare with")
    known = [name for name in NORMALISATIONS if all(name in ranking.scores for ranking in rankings)]
    per_row = {
        name: tuple(float(r.chosen(name).strip() in own) for r, own in zip(rankings, right, strict=True))
        for name in known
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


def rank_metric(normalisation: str) -> str:
    """Return the name of the metric of a normalisation, such as `rank_per_token`."""
    return f"rank_{normalisation}"


def option_accuracy(chosen: str, references: Sequence[str]) -> float:
    """Return 1.0 if the option is an accepted answer, ignoring white space around either, else 0.0.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    return float(chosen.strip() in {text.strip() for text in references})


def _metric(normalisation: str, rule: str) -> Metric:
    return Metric(
        name=rank_metric(normalisation),
        title=f"Rank accuracy, {_TITLES[normalisation]}",
        short_title=f"rank ({_TITLES[normalisation]})",
        scores_text=False,
        description=(
            f"1 where the option with the highest score is a reference, else 0; an option's score is {rule}. "
            "The text that the model generates does not count."
        ),
        score=option_accuracy,
        score_many=one_by_one(option_accuracy),
        profile=Profile(
            "the model's own",
            "none, except that white space around an option or a reference is stripped",
            "best",
            "Wei et al. 2022 (FLAN), Sanh et al. 2022 (T0)",
        ),
    )


RANK_METRICS: dict[str, Metric] = {rank_metric(name): _metric(name, rule) for name, rule in NORMALISATIONS.items()}
"""The metrics of ranked options, by name. They score the option chosen under each normalisation, not generated text."""


def normalisation_of(metric: str) -> str:
    """Return the normalisation of a rank metric."""
    return metric.removeprefix("rank_")
