"""The results of a study's folder from Python: scores, answers, comparisons, forecasts, curves, models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuition.api.tables import make_table
from tuition.base.errors import UserError, clip
from tuition.base.html import html_table
from tuition.base.names import full_name
from tuition.evaluation.stats.comparisons import ArmComparison
from tuition.evaluation.stats.label_savings import LabelsNeeded
from tuition.reports.comparison import Question, compare_source
from tuition.reports.comparison_text import comparison_sentence, difference_text
from tuition.reports.curves import Curve, learning_curves
from tuition.reports.forecasting.answers import Forecast
from tuition.reports.study_instances import StudyInstances, read_study_instances
from tuition.studies.results import ScoreRow

_SCORES = ("task", "arm", "labels", "seed", "metric", "value", "low", "high", "n")


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open the results in a folder that run, learn, evaluate or demo created; the run may still be in progress.

    Raises:
        UserError: the folder has no results.
    """
    path = Path(folder).expanduser()
    read_study_instances(path)
    return Run(path)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of two arms at one number of labels; `found` is in the scores' own range (0-1 for most).

    `labels` is None if each task is compared at the most labels that both arms have. `need` is how many labels the
    other arm needs for the same score, None if that is unknown. `top` converts scores to the scale of the reports.
    """

    found: ArmComparison
    need: LabelsNeeded | None
    top: float

    @property
    def labels(self) -> int | None:
        """The number of labels compared at."""
        return self.found.labels

    @property
    def difference(self) -> float:
        """The mean difference over tasks, on the scale of the reports (0-100 for most metrics)."""
        return self.found.overall.mean * self.top

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `difference`."""
        return self.found.overall.low * self.top, self.found.overall.high * self.top

    @property
    def p(self) -> float:
        """The two-sided p-value of the difference, corrected for the comparisons made together."""
        return self.found.overall.corrected

    def __str__(self) -> str:
        """The comparison as a sentence."""
        return comparison_sentence(self.found, top=self.top)


class Comparisons(tuple[Comparison, ...]):
    """Comparisons of two arms, one for each number of labels."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        rows = [
            (
                "most" if one.labels is None else f"{one.labels:,}",
                difference_text(one.found.overall, one.top),
                f"{one.p:.3g}",
                f"{len(one.found.having('better'))} better, {len(one.found.having('worse'))} worse",
            )
            for one in self
        ]
        title = f"{self[0].found.arm} against {self[0].found.baseline}" if self else ""
        return html_table(("labels", "mean difference", "p", "tasks"), rows, caption=title)


class Forecasts(tuple[Forecast, ...]):
    """Forecasts of a run's learning curves."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        rows = [(one.task, one.arm, one.metric, f"{one.scores[-1]:.1f}", one.advice) for one in self]
        return html_table(("task", "arm", "metric", "last score", "forecast"), rows)


@dataclass(frozen=True, slots=True)
class Run:
    """A study's results. `failed` names the steps that failed in the call that returned it."""

    folder: Path
    failed: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """The path of the HTML report; it is written when a run ends."""
        return self.folder / "report.html"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that have scores."""
        return tuple(dict.fromkeys(row.task for row in self._rows()))

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that have scores."""
        return read_study_instances(self.folder).arms

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics, the main one first."""
        return read_study_instances(self.folder).metrics

    def scores(self, *, task: str | None = None, arm: str | None = None, metric: str | None = None) -> Any:
        """Return all scores as a table: task, arm, labels, seed, metric, value (0-100), low, high and n.

        The table is a pandas DataFrame if pandas is installed, else a pyarrow Table. `low` and `high` are the 95%
        bootstrap interval over `n` test rows.

        Raises:
            UserError: no such task, arm or metric has scores.
        """
        rows = self._chosen(task=task, arm=arm, metric=metric)
        return make_table({name: [getattr(row, name) for row in rows] for name in _SCORES})

    def predictions(self, *, task: str | None = None, arm: str | None = None, labels: int | None = None) -> Any:
        """Return every answer as a table: task, arm, labels, seed, instance, input, prediction, references, scores.

        The table is a pandas DataFrame if pandas is installed, else a pyarrow Table. Each metric has a column of scores
        in 0-1, with the metric's name.

        Raises:
            UserError: no such task or arm has answers, or a file of answers cannot be read.
        """
        study = read_study_instances(self.folder)
        task = None if task is None else full_name(task, [place[0] for place in study.keys], "task")
        arm = None if arm is None else full_name(arm, study.arms, "arm")
        wanted = {
            place: key
            for place, key in study.keys.items()
            if (task in (None, place[0])) and (arm in (None, place[1])) and (labels in (None, place[2]))
        }
        if not wanted:
            raise UserError(f"{self.folder}: no answers with {labels} labels")
        columns: dict[str, list[Any]] = {name: [] for name in ("task", "arm", "labels", "seed")}
        metrics = [f"score:{metric}" for metric in study.metrics]
        own = ("instance", "input", "prediction", "references")
        columns |= {name: [] for name in (*own, *study.metrics)}
        for place, key in wanted.items():
            table = study.answers(key)
            for name, value in zip(("task", "arm", "labels", "seed"), place, strict=True):
                columns[name] += [value] * table.num_rows
            for name, stored in zip((*own, *study.metrics), (*own, *metrics), strict=True):
                there = stored in table.column_names
                columns[name] += table.column(stored).to_pylist() if there else [None] * table.num_rows
        return make_table(columns)

    def compare(
        self, arm: str, baseline: str, *, labels: int | None = None, metric: str | None = None, resamples: int = 2000
    ) -> Comparisons:
        """Compare two arms on the same test rows, at each number of labels that both have.

        Differences have hierarchical bootstrap intervals and p-values of sign-flip tests, corrected over the
        comparisons by Benjamini and Hochberg's procedure, as in `tuition compare`.

        Raises:
            UserError: there is no such arm, metric or number of labels, or the arms have no task in common.
        """
        study = read_study_instances(self.folder)
        one, other = (full_name(name, study.arms, "arm") for name in (arm, baseline))
        if one == other:
            raise UserError(f"{self.folder}: {clip(one, 60)!r} is compared with itself; name two arms")
        answer = compare_source(Question(self.folder, other, labels, metric, resamples=resamples))
        found = [made for made in answer.comparisons if made.found.arm == one]
        if not found:
            raise UserError(f"{self.folder}: {clip(one, 60)!r} and {clip(other, 60)!r} have no task in common there")
        return Comparisons(Comparison(made.found, made.need, answer.source.top) for made in found)

    def forecast(
        self,
        *,
        target: float | None = None,
        at: Sequence[int] = (),
        task: str | None = None,
        arm: str | None = None,
        metric: str | None = None,
    ) -> Forecasts:
        """Forecast each learning curve at more labels.

        Args:
            target: a score in 0-100 for which to forecast the number of labels needed.
            at: numbers of labels for which to forecast the score.
            task: forecast only this task's curves.
            arm: forecast only this arm's curves.
            metric: the metric; the main one by default.

        Raises:
            UserError: no such task, arm or metric has scores, or the target is out of range.
        """
        from tuition.reports.forecasting.api import forecast_rows

        rows = self._chosen(metric=metric or self.metrics[0])
        wanted = {(row.task, row.arm) for row in self._chosen(task=task, arm=arm)}
        made = forecast_rows(rows, metric=rows[0].metric, target=target, at=at)
        return Forecasts(one for one in made if (one.task, one.arm) in wanted)

    def curve(self, task: str | None = None, *, metric: str | None = None, forecast: bool = True) -> Any:
        """Return one task's learning curves as a plotly figure, one curve per arm, with their forecasts.

        Raises:
            UserError: no such task or metric has scores, or there are several tasks and none is given.
        """
        from tuition.reports.curve_figures import curves_figure

        if task is None and len(self.tasks) > 1:
            raise UserError(f"{self.folder}: has {len(self.tasks)} tasks; name one, such as task={self.tasks[0]!r}")
        curves = learning_curves(self._chosen(task=task, metric=metric or self.metrics[0]))
        return curves_figure(curves, self._drawable(curves) if forecast else ())

    def _drawable(self, curves: Sequence[Curve]) -> list[Forecast]:
        """Return the forecasts that are certain enough to draw, as in the HTML report."""
        from tuition.reports.forecast_summary import forecast_summaries

        shown = {key for key, one in forecast_summaries(self._chosen(metric=curves[0].metric)).items() if one.band}
        made = self.forecast(task=curves[0].task, metric=curves[0].metric)
        return [one for one in made if (one.task, one.arm, one.metric) in shown]

    def export(
        self,
        task: str | None,
        arm: str | None,
        to: str | os.PathLike[str],
        *,
        labels: int | None = None,
        seed: int | None = None,
        merge: bool = False,
    ) -> Path:
        """Write one trained model as an ordinary Hugging Face folder with a card; return the folder.

        Args:
            task: the task's name or a unique prefix of it; None if the run has only one task.
            arm: the arm's name; None if the run has only one arm.
            to: the folder to create.
            labels: the budget; the largest by default.
            seed: the seed; the first by default.
            merge: merge the adapter into the weights, so that transformers can load them without peft.

        Raises:
            UserError: no model or several match, or the folder exists.
        """
        from tuition.commands.export import export_and_print

        folder = Path(to).expanduser()
        export_and_print(self.folder, folder, task=task, arm=arm, labels=labels, seed=seed, merge=merge)
        return folder

    def _rows(self) -> tuple[ScoreRow, ...]:
        return score_rows(read_study_instances(self.folder))

    def _chosen(
        self, *, task: str | None = None, arm: str | None = None, metric: str | None = None
    ) -> tuple[ScoreRow, ...]:
        rows = self._rows()
        for name, wanted in (("task", task), ("arm", arm), ("metric", metric)):
            if wanted is not None:
                full = full_name(wanted, [getattr(row, name) for row in rows], name)
                rows = tuple(row for row in rows if getattr(row, name) == full)
        return rows

    def _repr_html_(self) -> str:
        curves = learning_curves(self._rows())
        rows = [
            (
                curve.task,
                curve.arm,
                curve.metric,
                *(f"{point.labels:,}: {point.value:.1f}" for point in curve.points[-1:]),
            )
            for curve in curves
        ]
        return html_table(("task", "arm", "metric", "at most labels"), rows, caption=str(self.folder))


def score_rows(study: StudyInstances) -> tuple[ScoreRow, ...]:
    """Return the scores of a study's finished points, in the study's order."""
    return tuple(
        ScoreRow(*place, metric, value, low, high, int(n))
        for place, key in study.keys.items()
        for metric in study.metrics
        if (found := study.scored.get(key, {}).get(metric)) is not None
        for value, low, high, n in (found,)
    )
