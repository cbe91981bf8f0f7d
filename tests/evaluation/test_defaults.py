from __future__ import annotations

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.defaults import default_metrics
from tuition.tasks import Instance, Task
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Template


def task(outputs, **told) -> Task:
    rows = [Instance(str(at), "", (output,)) for at, output in enumerate(outputs)]
    return Task("t", ("Say.",), lambda: iter(rows), **told)


def test_classification_tasks_also_get_accuracy() -> None:
    assert default_metrics(task(["yes", "no"] * 10)) == ("rouge_l", "exact_match", "accuracy")
    assert default_metrics(task(["a", "b"], options=("a", "b"))) == ("rouge_l", "exact_match", "accuracy")
    assert default_metrics(task([f"text {at}" for at in range(30)])) == ("rouge_l", "exact_match")
    assert default_metrics(task([])) == ("rouge_l", "exact_match")


def test_a_task_may_name_its_own() -> None:
    assert default_metrics(task(["x"], extra={"metrics": ["bleu", "chrf"]})) == (
        "rouge_l",
        "exact_match",
        "bleu",
        "chrf",
    )
    assert default_metrics(task(["x"], extra={"metrics": "f1_squad"})) == ("rouge_l", "exact_match", "f1_squad")
    named = (Template("t", "a", "b", metrics=("ROUGE", "Other")), Template("u", "a", "b", metrics=("Accuracy",)))
    assert default_metrics(task(["x"], templates=named)) == ("rouge_l", "exact_match", "rouge_1", "accuracy")


def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="task t names the unknown metric 'rogue'"):
        default_metrics(task(["x"], extra={"metrics": ["rogue"]}))


def test_rows_that_were_read_already_are_not_read_again() -> None:
    def unreadable():
        raise AssertionError

    rows = [Instance(str(at), "", ("yes",)) for at in range(9)]
    assert "accuracy" in default_metrics(Task("t", ("Say.",), unreadable), rows)


def test_about_half_of_the_real_tasks_classify(superni) -> None:
    found = ["accuracy" in default_metrics(one) for one in open_collection(superni)]
    assert 40 < sum(found) < 100
