"""Task types counted, with the small ones of the label-budget study in one group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tuition.tasks.statistics.facts import TaskFacts

OTHER = "Other"
"""The name of the group that the small types stand in together."""

LARGE_TYPES = (
    "Answerability Classification",
    "Coreference Resolution",
    "Data to Text",
    "Question Rewriting",
    "Textual Entailment",
    "Title Generation",
)
"""The six types that Gupta 2023 reports one by one, in the order of its Table 4.3."""

SMALL_TYPES = (
    "Word Analogy",
    "Cause Effect Classification",
    "Dialogue Act Recognition",
    "Keyword Tagging",
    "Overlap Extraction",
    "Grammar Error Correction",
)
"""The last six types of its Table 4.1, which it puts together as "Other"."""


def groups_of(categories: Iterable[str]) -> dict[str, str]:
    """Return the group of each category: `OTHER` for the thesis's small types, itself for any other.

    The grouping is that study's alone: a collection with a category beyond its twelve keeps all of them apart.
    """
    names = list(dict.fromkeys(categories))
    grouped = set(names) <= {*LARGE_TYPES, *SMALL_TYPES}
    return {name: OTHER if grouped and name in SMALL_TYPES else name for name in names}


def count_categories(facts: Sequence[TaskFacts]) -> dict[str, int]:
    """Return the number of tasks of each type, most first; a task counts once, for the first of its categories."""
    counts = Counter(task.category for task in facts)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
