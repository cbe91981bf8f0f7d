"""A metric says which references it cannot see, and where it cannot see a task's, another leads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuition.evaluation.defaults import default_metrics, visible_metrics
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.scoring import ScoreChoice, score_predictions
from tuition.evaluation.visibility import cannot_be_seen, unseen_counts, unseen_sentence
from tuition.tasks import Instance, Task

PERFECT = ["今天天气很好", "الطقس جميل اليوم", "आज मौसम अच्छा है", "Погода хорошая", "วันนี้อากาศดี", "🙂", "今天 3"]


@pytest.mark.parametrize("text", PERFECT)
def test_rouge_cannot_see_what_is_not_in_latin_letters(text: str) -> None:
    assert unseen_counts(["rouge_l", "rouge_1", "chrf", "rouge_l_xlingual", "accuracy"], [[text]]) == {
        "rouge_l": 1,
        "rouge_1": 1,
    }


@pytest.mark.parametrize("text", ["yes", "naïve café", "Việt Nam", "über", "3", "A1 – é", "", "   "])
def test_rouge_sees_latin_letters_digits_and_nothing_where_there_is_nothing(text: str) -> None:
    assert not unseen_counts(["rouge_l"], [[text]])


def test_a_row_is_seen_if_any_of_its_references_is() -> None:
    assert not unseen_counts(["rouge_l"], [["今天", "today"]])
    assert unseen_counts(["rouge_l"], [["今天", "明天"], ["today"]]) == {"rouge_l": 1}


@pytest.mark.parametrize(
    ("metric", "text", "other"),
    [("exact_match", "?", "!"), ("exact_match_squad", "the", "..."), ("f1_squad", "An", "")],
)
def test_what_normalisation_takes_away_cannot_be_seen(metric: str, text: str, other: str) -> None:
    assert unseen_counts([metric], [[text]]) == {metric: 1}
    assert METRICS[metric].score(other, [text]) == METRICS[metric].score(text, [text])  # hence it says nothing


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("text", [*PERFECT, "yes", "?!", "a b c d e", "The"])
def test_a_metric_gives_a_perfect_answer_its_best_score_or_says_that_it_cannot_see_it(name: str, text: str) -> None:
    metric = METRICS[name]
    best = metric.profile.range[0 if metric.lower_is_better else 1]
    hidden = metric.blind_spot is not None and metric.blind_spot.hides(text)
    assert hidden or metric.score(text, [text]) == pytest.approx(best, abs=1e-9)


def task(*outputs: str) -> Task:
    rows = tuple(Instance(str(n), f"row {n}", (out,)) for n, out in enumerate(outputs))
    return Task("t", ("Say it.",), lambda: iter(rows), output_languages=("Chinese",))


def test_another_metric_leads_where_rouge_cannot_see_most_outputs() -> None:
    assert default_metrics(task(*PERFECT))[:2] == ("rouge_l_xlingual", "exact_match")
    assert default_metrics(task("yes it is", "no", "今天"))[:2] == ("rouge_l", "exact_match")
    assert visible_metrics([]) == ("rouge_l", "exact_match")
    assert not cannot_be_seen("rouge_l", [["", " "]])


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_perfect_answer_in_chinese_is_scored_by_what_can_see_it(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", {"id": "1", "prediction": "今天天气很好", "references": ["今天天气很好"]})
    scored = score_predictions(ScoreChoice(file))
    assert [metric.name for metric in scored.metrics][:2] == ["rouge_l_xlingual", "exact_match"]
    assert scored.systems[0].figures[0].value == 100
    asked = score_predictions(ScoreChoice(file, profiles=("rouge_l",)))
    assert asked.systems[0].figures[0].value == 0  # as rouge_score has it
    assert unseen_sentence("rouge_l", 1, 1) in asked.notices


def test_tasks_of_both_kinds_are_scored_by_both_metrics(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "task": "a", "prediction": "今天", "references": ["今天"]},
        {"id": "1", "task": "b", "prediction": "it is so", "references": ["it is"]},
    ]
    scored = score_predictions(ScoreChoice(write(tmp_path / "p.jsonl", *rows)))
    assert [metric.name for metric in scored.metrics][:3] == ["rouge_l", "exact_match", "rouge_l_xlingual"]
    assert any("1 of 2 rows" in notice for notice in scored.notices)
