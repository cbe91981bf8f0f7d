"""Statistics of a collection: Table 2 of Super-NaturalInstructions, and the table that compares collections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tuition.tasks.statistics.facts import TaskFacts


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """Statistics of a collection. The mean of no values is None.

    The first nine fields are the rows of Table 2 in Wang et al. 2022 (arXiv:2204.07705). `definition_words` is the mean
    length of the first definition over tasks that have one; if no task has one, it is the mean over templates. Means of
    examples and instances are over all tasks. `domains` counts the broadest domains (see `broad_domain`),
    `instructions` counts definitions and templates. `unstated_language` counts tasks that give no language; these are
    not counted as non-English.
    """

    tasks: int
    task_types: int
    languages: int
    domains: int
    non_english_tasks: int
    definition_words: float | None
    positive_examples: float | None
    negative_examples: float | None
    instances: float | None
    total_instances: int
    instructions: int
    tasks_with_definition: int
    templates: int
    all_positive_examples: int
    all_negative_examples: int
    explained_examples: int
    unstated_language: int
    tasks_without_instances: int
    several_outputs: int
    rationales: int
    input_words: float | None
    output_words: float | None
    split_rows: Mapping[str, int]

    @property
    def has_instructions(self) -> bool:
        """Whether any task has an instruction."""
        return self.instructions > 0

    @property
    def has_negative_examples(self) -> bool:
        """Whether any task has a negative example."""
        return self.all_negative_examples > 0

    @property
    def has_non_english(self) -> bool | None:
        """Whether any task is in another language than English; None if no task gives its language."""
        return None if self.unstated_language == self.tasks else self.non_english_tasks > 0


def summarize(facts: Sequence[TaskFacts]) -> CollectionFacts:
    """Compute a collection's statistics from those of its tasks."""
    instances = sum(task.instances for task in facts)
    positive = sum(task.positive_examples for task in facts)
    negative = sum(task.negative_examples for task in facts)
    definitions = [task.definition_words[0] for task in facts if task.definition_words]
    templates = [words for task in facts for words in task.template_words]
    splits: Counter[str] = Counter()
    for task in facts:
        splits.update(task.split_rows)
    return CollectionFacts(
        tasks=len(facts),
        task_types=len({category for task in facts for category in task.categories}),
        languages=len({language for task in facts for language in task.languages}),
        domains=len({domain for task in facts for domain in task.domains}),
        non_english_tasks=sum(task.is_english is False for task in facts),
        definition_words=fmean(definitions or templates) if definitions or templates else None,
        positive_examples=_ratio(positive, len(facts)),
        negative_examples=_ratio(negative, len(facts)),
        instances=_ratio(instances, len(facts)),
        total_instances=instances,
        instructions=sum(len(task.definition_words) for task in facts) + len(templates),
        tasks_with_definition=len(definitions),
        templates=len(templates),
        all_positive_examples=positive,
        all_negative_examples=negative,
        explained_examples=sum(task.explanations for task in facts),
        unstated_language=sum(task.is_english is None for task in facts),
        tasks_without_instances=sum(task.instances == 0 for task in facts),
        several_outputs=sum(task.several_outputs for task in facts),
        rationales=sum(task.rationales for task in facts),
        input_words=_ratio(sum(task.input_words for task in facts), instances),
        output_words=_ratio(sum(task.output_words for task in facts), instances),
        split_rows=dict(splits),
    )


def _ratio(total: int, count: int) -> float | None:
    return total / count if count else None
