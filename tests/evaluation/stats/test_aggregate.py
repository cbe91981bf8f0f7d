from __future__ import annotations

import random
import statistics

import pytest
import sacrebleu

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import score_instances, summarise
from tuition.evaluation.stats.aggregate import CROSS_LINGUAL, ENGLISH, Place, aggregate, place_of
from tuition.tasks import Instance, Task

PLACES = [Place("a", "X", "d1", ENGLISH)] * 4 + [Place("b", "X", "d2", ENGLISH)] * 2 + [Place("c", "Y", "d1", "")] * 2
VALUES = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0]


def figures(**wanted):
    made = aggregate({"rouge_l": VALUES}, PLACES)
    return [one for one in made if all(getattr(one, name) == value for name, value in wanted.items())]


def test_micro_weighs_instances_and_macro_tasks() -> None:
    micro, macro = figures(level="overall")
    assert (micro.average, micro.value, micro.n, micro.tasks) == ("micro", pytest.approx(100 * 4.5 / 8), 8, 3)
    assert (macro.average, macro.value, macro.n, macro.tasks) == (
        "macro",
        pytest.approx(100 * (0.75 + 0 + 0.75) / 3),
        8,
        3,
    )


def test_groups_of_one_task_have_one_figure() -> None:
    [one] = figures(level="category", group="Y")
    assert (one.average, one.value, one.n, one.tasks) == ("micro", 75.0, 2, 1)
    assert [(one.group, one.value) for one in figures(level="task")] == [("a", 75.0), ("b", 0.0), ("c", 75.0)]


def test_groups_stand_in_the_order_in_which_they_come() -> None:
    assert [one.group for one in figures(level="dataset", average="micro")] == ["d1", "d2"]
    assert [one.group for one in figures(level="language", average="micro")] == [ENGLISH, ""]


def test_the_figure_of_all_instances_is_that_of_summarise() -> None:
    draw = random.Random(0)
    values = [draw.random() for _ in range(300)]
    [one] = aggregate({"rouge_l": values}, [Place("a")] * 300, levels=("overall",))
    [score] = summarise({"rouge_l": values}, seed=0)
    assert (one.value, one.n) == (score.value, score.n)
    assert one.low == pytest.approx(score.low, abs=0.5)
    assert one.high == pytest.approx(score.high, abs=0.5)


def test_the_macro_interval_draws_instances_within_their_tasks() -> None:
    """Tasks that differ much and instances that hardly do: the mean of these tasks is all but certain."""
    draw = random.Random(0)
    values = [base + 0.01 * draw.random() for base in (0.1, 0.5, 0.9) for _ in range(50)]
    places = [Place(name) for name in "abc" for _ in range(50)]
    micro, macro = aggregate({"rouge_l": values}, places, levels=("overall",))
    assert macro.high - macro.low < 0.2
    assert micro.high - micro.low > 5


def test_the_spread_of_the_macro_figure_is_that_of_theory() -> None:
    draw = random.Random(1)
    tasks = [[draw.random() for _ in range(200)] for _ in range(4)]
    values = [value for task in tasks for value in task]
    places = [Place(str(at)) for at, task in enumerate(tasks) for _ in task]
    _, macro = aggregate({"rouge_l": values}, places, levels=("overall",))
    error = 100 * (sum(statistics.pvariance(task) / 200 for task in tasks) ** 0.5) / 4
    assert macro.high - macro.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_corpus_metrics_are_worked_out_anew_for_each_group() -> None:
    predictions, references = ["a b c d e", "f g h i x", "k l m n o"], [["a b c d e"], ["f g h i j"], ["k l m n x"]]
    places = [Place("a"), Place("a"), Place("b")]
    made = aggregate(score_instances(predictions, references, ["bleu"]), places, levels=("overall", "task"))
    values = {(one.level, one.group, one.average): one.value for one in made}
    first = sacrebleu.corpus_bleu(predictions[:2], [[one[0] for one in references[:2]]]).score
    second = sacrebleu.corpus_bleu(predictions[2:], [[references[2][0]]]).score
    assert values["task", "a", "micro"] == pytest.approx(first)
    assert values["task", "b", "micro"] == pytest.approx(second)
    assert values["overall", "", "macro"] == pytest.approx((first + second) / 2)
    everything = sacrebleu.corpus_bleu(predictions, [[one[0] for one in references]]).score
    assert values["overall", "", "micro"] == pytest.approx(everything)


def test_equal_figures_are_not_certain() -> None:
    micro, macro = aggregate({"exact_match": [1.0] * 20}, [Place(name) for name in "ab" * 10], levels=("overall",))
    assert (micro.value, micro.high) == (100.0, 100.0)
    assert micro.low == pytest.approx(macro.low)
    assert 80 < macro.low < 90


def test_the_same_arguments_give_the_same_figures() -> None:
    assert aggregate({"rouge_l": VALUES}, PLACES) == aggregate({"rouge_l": VALUES}, PLACES)


def test_scores_and_places_must_belong_together() -> None:
    with pytest.raises(ValueError, match="2 scores of rouge_l but 1 places"):
        aggregate({"rouge_l": [0.0, 1.0]}, [Place("a")])
    assert aggregate({"rouge_l": []}, []) == []


@pytest.mark.parametrize(
    ("given", "told", "track"),
    [
        (("English",), ("English",), ENGLISH),
        (("English",), ("French",), CROSS_LINGUAL),
        (("Hindi",), ("Hindi",), CROSS_LINGUAL),
        ((), (), ""),
    ],
)
def test_a_task_is_of_the_track_of_its_languages(given, told, track) -> None:
    task = Task("t", ("",), lambda: iter([Instance("1", "", ("x",))]), categories=("C", "D"), sources=("s", "r"))
    object.__setattr__(task, "input_languages", given)
    object.__setattr__(task, "output_languages", told)
    assert place_of(task) == Place("t", "C", "s, r", track)


def test_an_unknown_metric_counts_as_a_mean_between_0_and_1() -> None:
    with pytest.raises(ValueError, match="not in 0"):
        aggregate({"mine": [7.0]}, [Place("a")])
    with pytest.raises(UserError, match="no metric named"):
        score_instances(["a"], [["a"]], ["mine"])
