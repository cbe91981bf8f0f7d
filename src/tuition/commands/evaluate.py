"""`tuition evaluate`: evaluate a model on many tasks without training, by category, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from tuition.base.errors import UserError, clip
from tuition.commands.category_tables import category_figures, category_tables
from tuition.commands.console import console, notes, print_json
from tuition.commands.failures import failure_lines
from tuition.commands.study import finish_study, write_results
from tuition.evaluation.baselines import BASELINES
from tuition.reports.probe_tables import probe_tables
from tuition.studies.planning.plan import Plan
from tuition.studies.results import StudyResults
from tuition.studies.spec.overrides import set_value
from tuition.studies.spec.study import STARTER, StudySpec, parse_study

_SETTINGS = ("zero-shot", "few-shot")


@dataclass(frozen=True, slots=True)
class EvaluateChoice:
    """A model to evaluate on tasks, with encodings; `labels` of each task are few-shot examples in the prompt.

    Without `metrics` each task has its default metrics. `rank` also ranks options, `rank_only` ranks them and generates
    nothing; `probes` also evaluate changed prompts; `decoding` are the settings that differ from greedy decoding;
    `settings` are any other settings of a study, as `KEY=VALUE`.
    """

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
    rank: bool = False
    rank_only: bool = False
    probes: tuple[str, ...] = ()
    decoding: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def study(self) -> StudySpec:
        """Return the choice as a study whose arms are the encodings, and the heuristics if requested.

        Raises:
            UserError: the setting is unknown or does not match the number of labels, or metrics are requested for
                answers that are not generated.
        """
        if self.setting not in _SETTINGS:
            raise UserError(f"--setting {clip(self.setting)!r} is not known; use {' or '.join(_SETTINGS)}")
        if (self.setting == "zero-shot") is bool(self.labels):
            raise UserError("zero-shot uses no --labels, and few-shot needs them: the number of examples in the prompt")
        if self.rank_only and self.metrics:
            raise UserError("--rank-only generates no answers for --metric to score; use --rank")
        options: dict[str, object] = {"test": self.test}
        if self.metrics or self.rank_only:
            options["metrics"] = list(self.metrics)
        if self.rank or self.rank_only:
            options["rank"] = True
        options |= {"probes": list(self.probes)} if self.probes else {}
        options |= {"decoding": dict(self.decoding)} if self.decoding else {}
        arms: dict[str, object] = {
            name: [{"setting": "in-context", "encoding": name, "chat": self.chat}] for name in self.encodings
        }
        if self.heuristics:
            arms |= {name: [{"setting": "heuristic", "heuristic": name}] for name in BASELINES}
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
            "evaluate": options,
        }
        for setting in self.settings:
            set_value(data, setting)
        return parse_study(data, Path("--"))


def evaluate_and_print(choice: EvaluateChoice, out: Path, *, as_json: bool) -> int:
    """Evaluate a model and print its scores by category; return 1 if a task could not be evaluated, else 0.

    Raises:
        UserError: the model or a task cannot be read.
    """
    plan, results, failures = finish_study(choice.study(), out)
    if results.scores:
        write_results(results, out)
        _show(results, plan, out, as_json=as_json)
    if failures:
        notes().print(escape(failure_lines(failures, "not evaluated", arms=False)), style="red")
    return 1 if failures else 0


def _show(results: StudyResults, plan: Plan, out: Path, *, as_json: bool) -> None:
    rows = {
        arm: [row for row in results.predictions if row.arm == arm]
        for arm in dict.fromkeys(s.arm for s in results.scores)
    }
    figures = {arm: category_figures(own, plan.tasks) for arm, own in rows.items()}
    if as_json:
        print_json({arm: [asdict(figure) for figure in of_arm] for arm, of_arm in figures.items()})
    else:
        for arm, of_arm in figures.items():
            for table in category_tables(arm, of_arm, rows[arm]):
                console().print(table)
        console().print("95% intervals in brackets, over the rows of these tasks.")
        for table in probe_tables(results):
            console().print(table)
    for notice in results.notices:
        (notes() if as_json else console()).print(escape(f"Note: {notice}"))
    if not as_json:
        console().print(f"Report: {escape(str(out / 'report.html'))}   Scores: {escape(str(out / 'scores.csv'))}")
