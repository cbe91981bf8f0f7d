"""Count task types, with the small types of the label-budget study in one group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tuition.tasks.statistics.facts import TaskFacts

OTHER = "Other"
"""The name of the group of the small types."""

LARGE_TYPES = (
    "Answerability Classification",
    "Coreference Resolution",
    "Data to Text",
    "Question Rewriting",
    "Textual Entailment",
    "Title Generation",
)
"""The six types that Gupta 2023 reports separately, in the order of its Table 4.3."""

SMALL_TYPES = (
    "Word Analogy",
    "Cause Effect Classification",
    "Dialogue Act Recognition",
    "Keyword Tagging",
    "Overlap Extraction",
    "Grammar Error Correction",
)
"""The last six types of its Table 4.1, which it groups as "Other"."""


def groups_of(categories: Iterable[str]) -> dict[str, str]:
    """Return the group of each category: `OTHER` for the thesis's small types, else the category itself.

    The grouping applies only to that study's twelve categories: if a collection has another one, nothing is grouped.
    """
    names = list(dict.fromkeys(categories))
    grouped = set(names) <= {*LARGE_TYPES, *SMALL_TYPES}
    return {name: OTHER if grouped and name in SMALL_TYPES else name for name in names}


def count_categories(facts: Sequence[TaskFacts]) -> dict[str, int]:
    """Return the number of tasks of each type, most frequent first; a task counts once, for its first category."""
    counts = Counter(task.category for task in facts)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
