"""`tuition evaluate`: a model judged on many tasks without tuning, by category, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tuition.base.errors import UserError, clip
from tuition.commands.console import console, notes, print_json
from tuition.commands.progress import RunProgress
from tuition.evaluation.aggregate import GroupScore, Place, aggregate, place_of
from tuition.evaluation.heuristics import HEURISTICS
from tuition.reports.page import write_report
from tuition.reports.scores_csv import write_scores_csv
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, measure, plan_study, run_plan
from tuition.studies.spec import STARTER, StudySpec, parse_study
from tuition.studies.store import open_store
from tuition.tasks import Task

_SETTINGS = ("zero-shot", "few-shot")


@dataclass(frozen=True, slots=True)
class EvaluateChoice:
    """What is judged: a model on tasks, told in encodings; `labels` of each task stand in the prompt (few-shot)."""

    tasks: Path
    names: tuple[str, ...]
    model: str
    setting: str
    encodings: tuple[str, ...]
    labels: int
    metrics: tuple[str, ...]
    heuristics: bool
    test: int
    order: str
    chat: bool

    def study(self) -> StudySpec:
        """Return the choice as a study, whose arms are the encodings, and the heuristics if they are wanted.

        Raises:
            UserError: the setting is not known, or does not go with the number of labels.
        """
        if self.setting not in _SETTINGS:
            raise UserError(f"--setting {clip(self.setting)!r} is not known; use {' or '.join(_SETTINGS)}")
        if (self.setting == "zero-shot") is bool(self.labels):
            raise UserError("zero-shot shows no labels, and few-shot needs --labels: how many stand in the prompt")
        arms: dict[str, object] = {
            name: [{"setting": "in-context", "encoding": name, "chat": self.chat}] for name in self.encodings
        }
        if self.heuristics:
            arms |= {name: [{"setting": "heuristic", "heuristic": name}] for name in HEURISTICS}
        data = {
            "study": f"{self.model}, {self.setting}",
            "tasks": {
                "collection": STARTER if str(self.tasks) == STARTER else str(self.tasks.expanduser().resolve()),
                "names": list(self.names),
                "order": self.order,
                "over": "capped",
            },
            "model": self.model,
            "arms": arms,
            "labels": [self.labels],
            "judge": {"test": self.test, "metrics": list(self.metrics)},
        }
        return parse_study(data, Path("--"))


def evaluate_and_print(choice: EvaluateChoice, out: Path, *, as_json: bool) -> int:
    """Judge a model and print its scores by category; return 1 where a task could not be judged, else 0.

    Raises:
        UserError: the model or a task cannot be had.
    """
    spec = choice.study()
    with open_store(out) as store:
        with RunProgress(notes()) as progress:
            plan = plan_study(spec, progress)
            store.write_study(spec.model_dump_json(indent=2))
            progress.expect(measure(plan, store))
            failures = run_plan(plan, store, progress)
        results = gather(plan, store)
    if results.scores:
        write_scores_csv(out / "scores.csv", results.scores)
        write_report(results, out / "report.html")
        figures = {arm: _figures(results, plan.tasks, arm) for arm in dict.fromkeys(row.arm for row in results.scores)}
        _show(figures, out, as_json=as_json)
    for failure in failures:
        notes().print(escape(f"not judged: {failure.step.title}: {failure.reason}"), style="red")
    return 1 if failures else 0


def _figures(results: StudyResults, tasks: Sequence[Task], arm: str) -> list[GroupScore]:
    places = {task.name: place_of(task) for task in tasks}
    rows = [row for row in results.predictions if row.arm == arm]
    scores: dict[str, list[float]] = {}
    for row in rows:
        for metric, score in row.scores.items():
            scores.setdefault(metric, []).append(score)
    at: list[Place] = [places[row.task] for row in rows]
    return aggregate(scores, at, levels=("category", "overall"))


def _show(figures: dict[str, list[GroupScore]], out: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({arm: [asdict(figure) for figure in of_arm] for arm, of_arm in figures.items()})
        return
    for arm, of_arm in figures.items():
        metrics = list(dict.fromkeys(figure.metric for figure in of_arm))
        table = Table("category", "mean over", "tasks", "rows", *metrics, title=escape(arm), title_justify="left")
        # A category with one task has only a mean over rows; with several, the mean over tasks stands first.
        groups = dict.fromkeys((figure.level, figure.group, figure.average) for figure in of_arm)
        for level, group, average in groups:
            cells = {f.metric: f for f in of_arm if (f.level, f.group, f.average) == (level, group, average)}
            first = next(iter(cells.values()))
            told = [f"{f.value:.1f} ({f.low:.1f} – {f.high:.1f})" if (f := cells.get(m)) else "–" for m in metrics]
            name = "all" if level == "overall" else group or "(no category)"
            over = "rows" if average == "micro" else "tasks"
            table.add_row(escape(name), over, str(first.tasks), f"{first.n:,}", *told)
        console().print(table)
    console().print("95% intervals in brackets, over the rows of these tasks.")
    console().print(f"Report: {escape(str(out / 'report.html'))}   Scores: {escape(str(out / 'scores.csv'))}")
