"""Rankings of answer options, and what they are worth: plain numbers, whichever model made them; no torch.

All ways to weigh an option come from the same log-probabilities and are reported together, since the choice among them
moves a score by points.
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
    "pmi": "that, less the option's log-probability behind the prompt with an empty input "
    "(pointwise mutual information, Holtzman et al. 2021)",
}
"""The ways to weigh an option, and what each does."""

_TITLES = {
    "sum": "sum",
    "per_token": "per token",
    "per_character": "per character",
    "per_byte": "per byte",
    "pmi": "PMI",
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a model weighs a prompt's options.

    `scores` holds, by normalisation, a score for each option, in nats (or nats a token, character, byte); more is
    likelier. `pmi` is there only where neutral prompts were given. `tokens` are each option's, as counted.
    """

    options: tuple[str, ...]
    scores: Mapping[str, tuple[float, ...]]
    tokens: tuple[int, ...]

    def chosen(self, normalisation: str = "sum") -> str:
        """Return the likeliest option; of equal ones the first."""
        values = self.scores[normalisation]
        return self.options[max(range(len(values)), key=values.__getitem__)]


def ranking_of(
    options: Sequence[str],
    log_probabilities: Sequence[float],
    tokens: Sequence[int],
    pmi: Sequence[float] | None = None,
) -> Ranking:
    """Return a ranking from what a model says of each option: everything else follows from these numbers.

    Args:
        options: the answers that are weighed.
        log_probabilities: of each whole option, in nats.
        tokens: how many each option has.
        pmi: the log-probabilities, each less the option's behind the neutral prompt.

    Raises:
        ValueError: they differ in number.
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


def rank_metric(way: str) -> str:
    """Return the name of the metric of a normalisation, such as `rank_per_token`."""
    return f"rank_{way}"


def option_accuracy(chosen: str, references: Sequence[str]) -> float:
    """Return 1.0 if the option is an accepted answer, the white space around either aside, else 0.0.

    Raises:
        TypeError: `references` is a bare string.
        UserError: there is no reference.
    """
    check_references(references)
    return float(chosen.strip() in {text.strip() for text in references})


def _metric(way: str, does: str) -> Metric:
    return Metric(
        name=rank_metric(way),
        title=f"Rank accuracy, {_TITLES[way]}",
        description=(
            f"1 where the option with the highest score is a reference, else 0; an option's score is {does}. "
            "What the model writes does not count."
        ),
        score=option_accuracy,
        score_many=one_by_one(option_accuracy),
        profile=Profile(
            "the model's own",
            "none; white space around an option or a reference aside",
            "best",
            "Wei et al. 2022 (FLAN), Sanh et al. 2022 (T0)",
        ),
    )


RANK_METRICS: dict[str, Metric] = {rank_metric(way): _metric(way, does) for way, does in NORMALISATIONS.items()}
"""The metrics of ranked options, by name. They judge the option that is chosen in each way, not what a model wrote."""


def way_of(metric: str) -> str:
    """Return the normalisation of a rank metric."""
    return metric.removeprefix("rank_")
