"""Facts for readers of a study's scores: decoding, ranked options, batch invariance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tuition.evaluation.visibility import unseen_sentence
from tuition.models.decoding import GREEDY, Decoding
from tuition.studies.planning.plan import Plan
from tuition.studies.planning.steps import EvaluateStep, OptionsFrom
from tuition.studies.storage.store import Finished

Evaluated = Iterable[tuple[EvaluateStep, Finished]]
_NAMED = 4
_ORIGINS: dict[OptionsFrom, str] = {
    "task": "the task itself",
    "template": "the task's template",
    "training rows": "the answers of its training rows, a closed set",
    "all rows": "the answers of all its rows, a closed set",
}


def evaluation_facts(plan: Plan, evaluated: Evaluated) -> list[tuple[str, str]]:
    """Return facts on decoding, the origin of ranked options, and whether the shape of a batch changed any answer."""
    evaluated = list(evaluated)
    facts = []
    if plan.spec.evaluate.decoding != GREEDY:
        facts.append(("Decoding", decoding_words(plan.spec.evaluate.decoding)))
    origins: dict[OptionsFrom, dict[str, None]] = {}
    for step, _ in evaluated:
        if step.option_scoring is not None:
            origins.setdefault(step.option_scoring.origin, {})[step.task.name] = None
    if origins:
        sources = (f"of {_tasks(names)} from {_ORIGINS[origin]}" for origin, names in origins.items())
        facts.append(("Ranked options", "; ".join(sources)))
    tests = _self_tests(evaluated)
    if tests:
        facts.append(("Batch invariance", "; ".join(_invariance(test) for test in tests)))
    return facts


def evaluation_notices(plan: Plan, evaluated: Evaluated) -> list[str]:
    """Return sentences on what was omitted from evaluation, and on limits of the scores."""
    evaluated = list(evaluated)
    notices = list(plan.notes)
    notices += [
        f"the shape of a batch changes what this model answers: {_invariance(test)}; use float32 to remove most of this"
        for test in _self_tests(evaluated)
        if min(test["batched"], test["padded"]) < 1
    ]
    from_tests = dict.fromkeys(
        s.task.name for s, _ in evaluated if s.option_scoring and s.option_scoring.origin == "all rows"
    )
    if from_tests:
        notices.append(
            f"the ranked options of {_named(from_tests)} were found in all rows, including test rows, since the others "
            "are too few to show a closed set"
        )
    notices += _unseen(evaluated)
    absent: dict[str, str] = {}
    without_pmi: dict[str, None] = {}
    for step, finished in evaluated:
        record = finished.details.get("rank", {})
        if step.option_scoring is None or not record:
            continue
        if record.get("absent"):
            absent[step.task.name] = f"{step.task.name} {record['absent']} of {len(step.instances)}"
        if "pmi" in step.option_scoring.ways and "rank_pmi" not in {score.metric for score in finished.scores}:
            without_pmi[step.task.name] = None
    if absent:
        rows = list(absent.values())
        more = f" and {len(rows) - _NAMED} more tasks" if len(rows) > _NAMED else ""
        notices.append(f"rows none of whose accepted answers is an option: {', '.join(rows[:_NAMED])}{more}")
    if without_pmi:
        notices.append(
            f"no PMI for {_named(without_pmi)}: a template, or the endpoint, gives nothing for an empty input"
        )
    return notices


def _unseen(evaluated: Evaluated) -> list[str]:
    """Return a sentence on each metric that gives some accepted outputs no score, with their tasks."""
    by_metric: dict[str, dict[str, tuple[int, int]]] = {}
    for step, finished in evaluated:
        for metric, rows in finished.details.get("unseen", {}).items():
            by_metric.setdefault(metric, {})[step.task.name] = (rows, len(step.instances))
    return [
        unseen_sentence(
            metric, sum(n for n, _ in own.values()), sum(n for _, n in own.values()), _named(dict.fromkeys(own))
        )
        for metric, own in by_metric.items()
    ]


def decoding_words(decoding: Decoding) -> str:
    """Return a decoding in words."""
    if decoding.samples:
        words = f"sampled at temperature {decoding.temperature:g}"
        words += f" from the most likely {decoding.top_p:g} of the distribution" if decoding.top_p < 1 else ""
        words += f", seed {decoding.seed}"
    elif decoding.beams > 1:
        words = f"{decoding.beams} beams"
        words += f", length penalty {decoding.length_penalty:g}" if decoding.length_penalty != 1 else ""
    else:
        words = "greedy"
    return words + (f", until one of {', '.join(map(repr, decoding.stop))}" if decoding.stop else "")


def _self_tests(evaluated: Evaluated) -> list[dict[str, Any]]:
    """Return the distinct self-tests of batch invariance: there is one for each time a model was loaded."""
    found: list[dict[str, Any]] = []
    for _, finished in evaluated:
        test = finished.details.get("invariance")
        if test and test not in found:
            found.append(test)
    return found


def _invariance(test: dict[str, Any]) -> str:
    alike = [round(test[name] * test["rows"]) for name in ("batched", "padded")]
    shifts = f"log-probabilities differ by {test['log_probability_difference']:.2g} nats at most ({test['precision']})"
    return (
        f"of {test['rows']} answers {alike[0]} are the same alone and in a batch, {alike[1]} with and without padding; "
        f"{shifts}"
    )


def _tasks(names: Sequence[str] | dict[str, None]) -> str:
    return "1 task" if len(names) == 1 else f"{len(names)} tasks"


def _named(names: dict[str, None]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return f"{', '.join(listed[:_NAMED])}{more}"
