from __future__ import annotations

from tests.splits.made import made_collection, made_task
from tuition.splits.seen import divide_tasks, each_fold
from tuition.splits.seen.record import Excluded

TASKS = [
    made_task("rte", categories=["nli"]),
    made_task("cb", categories=["NLI"]),
    made_task("qqp", categories=["paraphrase"]),
    made_task("boolq", categories=["reading_comprehension"]),
    made_task("copa", categories=["commonsense"]),
    made_task("record", categories=["reading_with_commonsense"]),
    made_task("sst2", categories=["sentiment"]),
]
# FLAN's declared relations: entailment with paraphrase, reading and commonsense each with their mixed cluster.
RELATED = {
    "nli": ("paraphrase",),
    "paraphrase": ("nli",),
    "reading_comprehension": ("reading_with_commonsense",),
    "commonsense": ("reading_with_commonsense",),
}
FLAN = made_collection(TASKS, related=RELATED)


def test_the_related_cluster_is_not_trained_on_and_not_judged() -> None:
    split = divide_tasks(FLAN, "cluster=nli")
    assert split.unseen == ("rte", "cb")
    assert split.excluded == (Excluded("qqp", "its cluster 'paraphrase' is declared as related to 'nli'"),)
    assert split.seen == ("boolq", "copa", "record", "sst2")


def test_relations_go_one_step_and_the_way_they_are_declared() -> None:
    folds = {fold.by: [one.task for one in fold.excluded] for fold in each_fold(FLAN, "cluster")}
    assert folds == {
        "cluster=nli": ["qqp"],
        "cluster=paraphrase": ["rte", "cb"],
        "cluster=reading_comprehension": ["record"],
        "cluster=commonsense": ["record"],
        "cluster=reading_with_commonsense": [],
        "cluster=sentiment": [],
    }


def test_a_task_in_the_held_out_and_a_related_cluster_is_judged() -> None:
    both = made_collection([*TASKS, made_task("mrpc", categories=["paraphrase", "nli"])], related=RELATED)
    split = divide_tasks(both, "cluster=nli")
    assert "mrpc" in split.unseen
    assert [one.task for one in split.excluded] == ["qqp"]


def test_a_cluster_related_to_itself_is_held_out_all_the_same() -> None:
    split = divide_tasks(made_collection(TASKS, related={"nli": ("nli", "N.L.I.")}), "cluster=nli")
    assert split.unseen == ("rte", "cb")
    assert split.excluded == ()


def test_without_relations_or_their_tasks_that_is_noted() -> None:
    (note,) = divide_tasks(made_collection(TASKS), "cluster=nli").notes
    assert "declares no cluster as related" in note
    (note,) = divide_tasks(made_collection(TASKS[:2] + TASKS[6:], related=RELATED), "cluster=nli").notes
    assert note == "the cluster 'paraphrase' is declared as related to 'nli' and has no tasks here"
