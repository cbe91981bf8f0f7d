"""Score answers from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tuition.base.errors import UserError
from tuition.base.html import html_table
from tuition.evaluation.defaults import visible_metrics
from tuition.evaluation.metric_scores import Score, score_instances, summarise
from tuition.evaluation.scoring import ScoreChoice, score_predictions
from tuition.evaluation.visibility import unseen_counts, unseen_sentence


class Scores(dict[str, Score]):
    """Scores by metric: `scores["rouge_l"].value` is a mean over rows in 0-100, `low` and `high` its 95% interval.

    `notices` are warnings about the scores, such as references that a metric cannot read.
    """

    notices: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        rows = [(one.metric, f"{one.value:.2f}", f"{one.low:.1f} to {one.high:.1f}", one.n) for one in self.values()]
        return html_table(("metric", "score", "95% interval", "n"), rows, caption=" ".join(self.notices))


def score(
    predictions: Sequence[str] | str | os.PathLike[str],
    references: Sequence[str | Sequence[str]] | str | os.PathLike[str] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    options: Sequence[Sequence[str]] | None = None,
    system: str | None = None,
    seed: int = 0,
) -> Scores:
    """Score answers against accepted references, each metric with its 95% bootstrap interval.

    Args:
        predictions: one text per row; or the path of a file of predictions, a study's folder or a harness's logs, as
            for `tuition score`.
        references: each row's accepted output, or several; with a path, a collection or a list of references, if the
            predictions' file has none.
        metrics: names of metrics; by default exact match and ROUGE-L (the cross-lingual one if ROUGE-L cannot read
            the references), and for a path the default metrics of its tasks.
        options: each row's answer options, for the metrics that use them.
        system: the system to score, in a file with several.
        seed: the seed of the bootstrap.

    Raises:
        UserError: a metric is unknown, a row has no reference, or the file cannot be read.
    """
    if isinstance(predictions, (str, os.PathLike)):
        return _score_file(Path(predictions), references, metrics, system)
    if references is None or isinstance(references, (str, os.PathLike)):
        raise UserError("score(predictions, references): give one accepted output, or a list of them, for each row")
    if len(predictions) != len(references):
        raise UserError(f"score: {len(predictions)} predictions but {len(references)} references; give one for each")
    accepted = [[one] if isinstance(one, str) else list(one) for one in references]
    chosen = list(metrics or visible_metrics(accepted))
    by_instance = score_instances(list(predictions), accepted, chosen, options=options)
    scores = Scores({one.metric: one for one in summarise(by_instance, seed=seed)})
    unseen = unseen_counts(chosen, accepted)
    scores.notices = tuple(unseen_sentence(metric, rows, len(accepted)) for metric, rows in unseen.items())
    return scores


def _score_file(path: Path, references: object, metrics: Sequence[str] | None, system: str | None) -> Scores:
    if references is not None and not isinstance(references, (str, os.PathLike)):
        raise UserError(
            "score: for predictions in a file, references must be in that file, or in another file or folder"
        )
    choice = ScoreChoice(
        path.expanduser(),
        None if references is None else Path(references).expanduser(),
        profiles=tuple(metrics or ()),
    )
    scored = score_predictions(choice)
    systems = {one.name: one for one in scored.systems}
    if system is None and len(systems) > 1:
        raise UserError(f"{path}: has answers of {len(systems)} systems; choose one: system={list(systems)!r}")
    if system is not None and system not in systems:
        raise UserError(f"{path}: no system is named {system!r}; the systems are {', '.join(map(repr, systems))}")
    chosen = systems[system] if system is not None else next(iter(systems.values()))
    overall = [one for one in chosen.figures if one.level == "overall" and one.average == "micro"]
    scores = Scores({one.metric: Score(one.metric, one.value, one.low, one.high, one.n) for one in overall})
    scores.notices = scored.notices
    return scores
