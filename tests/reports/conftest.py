"""Small studies with scores that can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tuition.studies.results import PredictionRow, ScoreRow, StudyResults

ARMS = ("without instruction", "with instruction")


def build_results(
    tasks: tuple[str, ...] = ("causation", "coreference", "paraphrase"),
    arms: tuple[str, ...] = ARMS,
    labels: tuple[int, ...] = (0, 16, 64),
    seeds: tuple[int, ...] = (1,),
    metrics: tuple[str, ...] = ("rouge_l", "exact_match"),
    answers: int = 10,
) -> StudyResults:
    """Scores rise with labels; each later arm is 20 above the one before, exact match 5 below ROUGE-L."""
    scores, predictions = [], []
    for task in tasks:
        for a, arm in enumerate(arms):
            for step, budget in enumerate(labels):
                for seed in seeds:
                    for m, metric in enumerate(metrics):
                        value = 10.0 + 20 * a + 15 * step - 5 * m + (seed - seeds[0])
                        scores.append(ScoreRow(task, arm, budget, seed, metric, value, value - 4, value + 6, 50))
                    for i in range(answers):
                        right = i <= step
                        predictions.append(
                            PredictionRow(
                                task,
                                arm,
                                budget,
                                seed,
                                f"{task}-{i}",
                                f"question {i} of {task}",
                                "yes" if right else "no idea",
                                ("yes", "Yes."),
                                {"rouge_l": 1.0 if right else 0.25, "exact_match": float(right)},
                            )
                        )
    return StudyResults(
        study="What an instruction is worth",
        scores=tuple(scores),
        predictions=tuple(predictions),
        tasks={task: f"Decide what the {task} is. Answer in one word." for task in tasks},
        facts=(("Model", "smollm2-135m"), ("Seeds", ", ".join(map(str, seeds)))),
        notices=("3 of 114 prompts were longer than 1,024 tokens.",),
    )


@pytest.fixture
def make_results() -> Callable[..., StudyResults]:
    return build_results


@pytest.fixture
def results() -> StudyResults:
    return build_results()
