"""Collections in numbers: each figure against one counted by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuition.base.errors import ProblemsError
from tuition.tasks import Example, Instance, Task, Template
from tuition.tasks.readers import open_collection
from tuition.tasks.statistics import count_categories, groups_of, measure_task, summarize
from tuition.tasks.statistics.published import THESIS_BUDGETS, THESIS_CATEGORIES


def task(name: str = "a", rows: tuple[Instance, ...] = (), **told: Any) -> Task:
    return Task(name, told.pop("definitions", ()), lambda: iter(rows), **told)


def test_a_task_is_counted_element_by_element() -> None:
    rows = (
        Instance("1", "two words", ("yes", "yes indeed")),
        Instance("2", "  one\r\n", ("a longer answer",), rationale="because", split="test"),
    )
    facts = measure_task(
        task(
            rows=rows,
            definitions=("Say yes or no.", "Answer."),
            positive_examples=(Example("x", "y", explanation="so"), Example("x", "y")),
            negative_examples=(Example("x", "z", explanation=" "),),
            categories=("First", "Second"),
            domains=("News -> Sport", "News", "Stories"),
            input_languages=("English",),
            output_languages=("German",),
        )
    )
    assert facts.category == "First"
    assert facts.domains == ("News", "Stories")
    assert facts.languages == ("English", "German")
    assert facts.is_english is False
    assert facts.definition_words == (4, 1)
    assert (facts.positive_examples, facts.negative_examples, facts.explanations) == (2, 1, 1)
    assert (facts.instances, facts.several_outputs, facts.rationales) == (2, 1, 1)
    assert (facts.input_words, facts.output_words) == (3, 4)
    assert facts.split_rows == {"undivided": 1, "test": 1}


def test_a_template_counts_as_an_instruction_without_what_it_fills_in() -> None:
    templates = (
        Template("t", "{{premise}} Does it follow that {{ hypothesis | upper }}?{# note #}", "{{label}}"),
        Template("j", "{% if text %}Is it good? {{text}}{% endif %} ||| {{ answer }} told here", "", joined=True),
    )
    told = task(templates=templates)
    assert measure_task(told).template_words == (5, 3)  # "Does it follow that ?" and "Is it good?"
    summary = summarize([measure_task(told)])
    assert (summary.instructions, summary.tasks_with_definition, summary.templates) == (2, 0, 2)
    assert summary.has_instructions
    assert summary.definition_words == 4


def test_codes_for_english_are_english() -> None:
    codes = task(
        input_languages=("en",), output_languages=("English",), templates=(Template("t", "x", "y", languages=("en",)),)
    )
    assert measure_task(codes).languages == ("English",)
    assert measure_task(codes).is_english is True


def test_a_task_that_names_no_language_is_not_counted_as_non_english() -> None:
    summary = summarize([measure_task(task())])
    assert (summary.non_english_tasks, summary.unstated_language) == (0, 1)
    assert summary.has_non_english is None


def test_nothing_has_no_means() -> None:
    summary = summarize([])
    assert summary.tasks == 0
    means = (summary.definition_words, summary.positive_examples, summary.instances, summary.input_words)
    assert means == (None, None, None, None)


def test_means_are_over_tasks_and_definitions_over_those_that_have_one() -> None:
    rows = tuple(Instance(str(n), "x", ("y",)) for n in range(3))
    facts = [measure_task(task("a", rows, definitions=("one two three",))), measure_task(task("b"))]
    summary = summarize(facts)
    assert (summary.definition_words, summary.instances, summary.tasks_without_instances) == (3, 1.5, 1)


def test_only_the_twelve_types_of_the_thesis_are_grouped() -> None:
    assert groups_of(["Word Analogy", "Title Generation"]) == {
        "Word Analogy": "Other",
        "Title Generation": "Title Generation",
    }
    assert groups_of(["Word Analogy", "Translation"]) == {"Word Analogy": "Word Analogy", "Translation": "Translation"}


def test_the_printed_figures_add_up_as_the_thesis_says() -> None:
    assert sum(THESIS_CATEGORIES.values()) == 119
    totals = {budget: sum(groups.values()) for budget, groups in THESIS_BUDGETS.items()}
    assert totals == {"100": 11_599, "200": 22_165, "1000": 94_956, "all": 374_745}


def test_rows_that_cannot_be_read_are_told_and_not_counted(task_file: Callable[..., Path], superni_task: Any) -> None:
    path = task_file(superni_task(Instances=[{"id": "1", "input": 3, "output": "x"}]))
    with pytest.raises(ProblemsError, match="input is a number"):
        measure_task(open_collection(path).read_task("task1_x"))


def test_categories_of_the_real_tasks_are_those_published(superni: Path) -> None:
    collection = open_collection(superni)
    facts = [measure_task(one) for one in collection]
    published = json.loads((superni / "expected_stats.json").read_text())
    assert count_categories(facts) == published["tasks_per_category"] == dict(THESIS_CATEGORIES)
    printed = {str(budget): sums for budget, sums in THESIS_BUDGETS.items() if budget != "all"}
    assert printed == published["train_samples"]
    # Counted anew by the standard library alone.
    files = [json.loads(file.read_bytes()) for file in (superni / "tasks").glob("*.json")]
    words = [len(file["Definition"][0].split()) for file in files]
    summary = summarize(facts)
    assert summary.definition_words == pytest.approx(sum(words) / len(files))
    assert summary.total_instances == sum(len(file["Instances"]) for file in files)
    assert summary.several_outputs == sum(len(row["output"]) > 1 for file in files for row in file["Instances"])
    assert summary.explained_examples == 112
    assert Counter(one.category for one in facts)["Textual Entailment"] == 24
