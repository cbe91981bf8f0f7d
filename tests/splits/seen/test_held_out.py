from __future__ import annotations

import pytest

from tests.splits.made import made_collection, made_task
from tuition.base.errors import UserError
from tuition.splits.seen import divide_tasks, each_fold

# The tasks of Natural Instructions' three leave-one-out splits: its category QG, its dataset QASC, its task QASC QG.
NI = made_collection(
    [
        made_task("subtask001_qasc_question_generation", categories=["Question Generation"], sources=["QASC"]),
        made_task("subtask002_qasc_answer_generation", categories=["Answer Generation"], sources=["QASC"]),
        made_task("subtask003_drop_question_generation", categories=["Question Generation"], sources=["DROP"]),
        made_task("subtask004_drop_answer_generation", categories=["Answer Generation"], sources=["DROP", "Wiki"]),
        made_task("subtask005_odd", categories=[], sources=[]),
    ]
)


def unseen(by: str) -> list[str]:
    return [name[:10] for name in divide_tasks(NI, by).unseen]


def test_leave_one_category() -> None:
    assert unseen("category=Question Generation") == ["subtask001", "subtask003"]
    assert unseen("category=question_generation") == ["subtask001", "subtask003"]


def test_leave_one_dataset_takes_tasks_with_several_sources_too() -> None:
    assert unseen("dataset=qasc") == ["subtask001", "subtask002"]
    assert unseen("dataset=Wiki") == ["subtask004"]


def test_leave_one_task() -> None:
    split = divide_tasks(NI, "task=subtask001")
    assert split.unseen == ("subtask001_qasc_question_generation",)
    assert len(split.seen) == 4
    assert split.by == "task=subtask001_qasc_question_generation"


def test_tasks_that_say_nothing_count_as_seen_and_are_told() -> None:
    assert divide_tasks(NI, "dataset=QASC").notes == ("1 tasks name no dataset; they count as seen",)


def test_folds_go_through_each_value_once_however_it_is_spelt() -> None:
    made = made_collection([made_task("a", sources=["disfl_qa"]), made_task("b", sources=["disflqa", "x"])])
    assert [fold.by for fold in each_fold(made, "dataset")] == ["dataset=disfl_qa", "dataset=x"]
    assert each_fold(made, "dataset")[0].unseen == ("a", "b")


@pytest.mark.parametrize("by", ["category=QASC", "dataset=QASK?", "task=subtask009"])
def test_what_is_not_there_is_refused(by: str) -> None:
    with pytest.raises(UserError, match=r"no (category|dataset|task) is named"):
        divide_tasks(NI, by)


def test_the_real_tasks_of_mnli_are_held_out_together(superni: object) -> None:
    from pathlib import Path

    from tuition.tasks.readers import open_collection

    collection = open_collection(Path(str(superni)))
    assert [name[:7] for name in divide_tasks(collection, "dataset=mnli").unseen] == [
        "task199",
        "task200",
        "task201",
        "task202",
    ]
    counts = {fold.by.partition("=")[2]: len(fold.unseen) for fold in each_fold(collection, "category")}
    assert counts["Textual Entailment"] == 24
    assert counts["Title Generation"] == 18
    assert sum(counts.values()) == 119
