"""Run a study from the command line: progress, the table of results, `scores.csv` and `report.html`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tuition.commands.console import console, notes, print_json
from tuition.commands.failures import failure_lines
from tuition.commands.numbers import budgets
from tuition.commands.progress import RunProgress
from tuition.reports.page import write_report
from tuition.reports.probe_tables import probe_tables
from tuition.reports.probes import ProbeSpread, probe_spreads, write_probes_csv
from tuition.reports.scores_csv import write_scores_csv
from tuition.reports.tables import results_table
from tuition.studies.engines import ENGINES, Failure
from tuition.studies.engines.distributed_study import run_distributed
from tuition.studies.planning.plan import Plan
from tuition.studies.presets import DEMO
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, keep_points, measure, plan_study, run_plan
from tuition.studies.spec.study import STARTER, StudySpec, read_study
from tuition.studies.storage.finished_steps import with_stored_keys
from tuition.studies.storage.resuming import continued, require_no_other_results
from tuition.studies.storage.run_files import mark_results
from tuition.studies.storage.store import open_store
from tuition.tasks.readers import open_collection

_DEMO_TASKS = 3


def demo_study(
    tasks: str, names: Sequence[str], labels: str, *, model: str | None = None, test: int | None = None
) -> StudySpec:
    """Return the packaged demo study, with other tasks, budgets or another model if these are given.

    Args:
        tasks: a collection's path, or `starter`.
        names: task names or unique prefixes; if empty, the demo's own, or the first three of another collection.
        labels: budgets, separated by commas.
        model: embedded alias, folder or hub id.
        test: the number of test instances per task.

    Raises:
        UserError: the budgets are invalid, or the collection has no tasks.
    """
    spec = read_study(DEMO)
    chosen = {"collection": tasks, "names": tuple(names)}
    if tasks == STARTER and not names:
        chosen["names"] = spec.tasks.names
    elif not names:
        chosen["names"] = open_collection(Path(tasks).expanduser()).names[:_DEMO_TASKS]
    changed = spec.model_dump()
    changed["tasks"] |= chosen
    changed["labels"] = budgets(labels)
    if model is not None:
        changed["model"] = model
    if test is not None:
        changed["evaluate"]["test"] = test
    return StudySpec.model_validate(changed)


def study_folder(spec: StudySpec) -> Path:
    """Return the default folder of a study's results: its name in `runs/`, with unsafe characters replaced."""
    return Path("runs") / (re.sub(r"[^\w.-]+", "-", spec.study).strip(".-") or "study")


def run_and_report(spec: StudySpec, out: Path, *, as_json: bool = False, engine: str = "") -> int:
    """Run the unfinished steps of a study and show its results; return the exit code.

    0: all steps are finished. 1: some failed; the others are shown, and the same command retries the failed ones.

    Raises:
        UserError: the study cannot be planned, or `out` cannot be used.
    """
    return run_distributed(lambda: _run_and_report(spec, out, as_json=as_json, engine=engine))


def _run_and_report(spec: StudySpec, out: Path, *, as_json: bool, engine: str) -> int:
    _, results, failures = finish_study(spec, out, engine=engine)
    if results.scores:
        _show(results, out, write_results(results, out), as_json=as_json)
    if failures:
        notes().print(escape(failure_lines(failures, "not finished")), style="red")
    return 1 if failures else 0


def finish_study(
    spec: StudySpec, out: Path, *, quiet: bool = False, engine: str = ""
) -> tuple[Plan, StudyResults, list[Failure]]:
    """Run the unfinished steps of a study; return its plan, all its results and the steps that failed.

    If the folder has more of the same study (other arms, budgets, seeds or tasks), the plan and results include both.
    Steps whose records or answers are damaged are run again. Progress is shown on standard error, unless `quiet`.

    Raises:
        UserError: the study cannot be planned, `out` cannot be used or contains another study, or there is no such
            engine.
    """
    if engine:
        ENGINES[engine]  # an unknown one is refused before the tasks are read
    require_no_other_results(out)
    with open_store(out) as store:
        with RunProgress(Console(quiet=True) if quiet else notes()) as progress:
            held = continued(store.kept_study(), spec, out)
            for damaged in store.discard_damaged():
                progress.say(f"run again: {damaged}")
            plan = with_stored_keys(plan_study(spec, progress), store)
            for note in (*plan.notes, *held.notes):
                progress.say(f"Note: {note}")
            shown = plan if held.spec == spec else with_stored_keys(plan_study(held.spec, progress), store)
            store.write_study(held.spec.model_dump_json(indent=2))
            progress.expect(measure(plan, store))
            failures = run_plan(plan, store, progress, engine=engine)
        # A step of an arm that only the folder has may be stored under the key of an arm that was just run.
        shown = with_stored_keys(replace(shown, notes=(*shown.notes, *held.notes)), store)
        keep_points(shown, store)
        return shown, gather(shown, store), failures


def write_results(results: StudyResults, out: Path) -> tuple[ProbeSpread, ...]:
    """Write `scores.csv`, `report.html` and, if prompts were probed, `probes.csv`; return the rows of the latter."""
    write_scores_csv(out / "scores.csv", results.scores)
    mark_results(out)
    write_report(results, out / "report.html")
    spreads = probe_spreads(results.predictions)
    if spreads:
        write_probes_csv(out / "probes.csv", spreads)
    return spreads


def _show(results: StudyResults, out: Path, spreads: Sequence[ProbeSpread], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "study": results.study,
                "scores": [asdict(row) for row in results.scores],
                "notices": list(results.notices),
                **({"probes": [asdict(row) | {"spread": row.spread} for row in spreads]} if spreads else {}),
                "report": str(out / "report.html"),
            }
        )
        return
    console().print(results_table(results))
    for table in probe_tables(results):
        console().print(table)
    for notice in results.notices:
        console().print(escape(f"Note: {notice}"))
    console().print(f"Report: {escape(str(out / 'report.html'))}   Scores: {escape(str(out / 'scores.csv'))}")
