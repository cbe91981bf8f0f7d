"""Figures as printed in the papers, to compare with computed ones; Tuition does not compute these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuition.tasks.statistics.categories import LARGE_TYPES, OTHER

TABLE_SOURCE = "Wang et al. 2022, Super-NaturalInstructions (arXiv:2204.07705), Tables 1 and 2"
BUDGET_SOURCE = "Gupta 2023, Instruction Tuned Models Are Quick Learners, chapter 4"


@dataclass(frozen=True, slots=True)
class Published:
    """A column of the table in which Super-NaturalInstructions is compared with other resources.

    Figures that the paper does not give are None; `note` is the paper's remark on a figure.
    """

    name: str
    instructions_given: bool
    negative_examples_given: bool
    non_english_given: bool
    public: bool
    tasks: int | None
    instructions: int | None
    task_types: int
    definition_words: float | None
    note: str = ""


RESOURCES = (
    Published("SuperNI", True, True, True, True, 1616, 1616, 76, 56.6),
    Published("NI", True, True, False, True, 61, 61, 6, 134.4),
    Published("CrossFit", False, False, False, True, 269, None, 13, None),
    Published("PromptSource", True, False, False, True, 176, 2052, 13, 24.8, note="task types printed as 13*"),
    Published("FLAN", True, False, True, True, 62, 620, 12, 8.2),
    Published("InstructGPT", True, False, True, False, None, 14378, 10, None),
)

SUPERNI_TABLE_2: Mapping[str, float] = {
    "tasks": 1616,
    "task_types": 76,
    "languages": 55,
    "domains": 33,
    "non_english_tasks": 576,
    "definition_words": 56.6,
    "positive_examples": 2.8,
    "negative_examples": 2.4,
    "instances": 3106.0,
}

THESIS_CATEGORIES: Mapping[str, int] = {
    "Textual Entailment": 24,
    "Title Generation": 18,
    "Coreference Resolution": 14,
    "Answerability Classification": 13,
    "Question Rewriting": 11,
    "Data to Text": 9,
    "Word Analogy": 8,
    "Cause Effect Classification": 7,
    "Dialogue Act Recognition": 7,
    "Keyword Tagging": 5,
    "Overlap Extraction": 2,
    "Grammar Error Correction": 1,
}

_GROUPS = (*LARGE_TYPES, OTHER)

THESIS_BUDGETS: Mapping[str, Mapping[str, int]] = {
    "100": dict(zip(_GROUPS, (1300, 1370, 826, 949, 2376, 1784, 2994), strict=True)),
    "200": dict(zip(_GROUPS, (2600, 2441, 1626, 1849, 4457, 3484, 5708), strict=True)),
    "1000": dict(zip(_GROUPS, (11529, 8831, 8026, 9049, 19019, 16514, 21988), strict=True)),
    "all": dict(zip(_GROUPS, (43871, 35560, 36815, 41391, 78802, 78357, 59949), strict=True)),
}

THESIS_TEST_ROWS = 11810
THESIS_MEAN_LENGTHS: Mapping[str, float] = {"with instructions": 364.97, "without instructions": 89.03}
"""On its downstream data; the thesis gives no unit."""
