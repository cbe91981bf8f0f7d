"""Statistics of one task: its instruction's parts, its rows, its languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tuition.tasks.types import Task, Template

# A Jinja template's expressions, tags and comments are not words of the instruction: {{ x }}, {% if … %}, {# … #}.
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ENGLISH = frozenset({"english", "en", "eng", "en-us", "en-gb"})

UNDIVIDED = "undivided"
"""The count of rows whose source does not assign them to training, validation or test."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Statistics of one task; lengths are in words, separated by white space.

    `definition_words` is the length of each definition, `template_words` of each template without its Jinja tags.
    `languages` are those of input, output and instruction together. `split_rows` counts rows by their split in the
    source. `input_words` and `output_words` are sums over all rows, counting only the main output.
    """

    name: str
    categories: tuple[str, ...]
    domains: tuple[str, ...]
    languages: tuple[str, ...]
    definition_words: tuple[int, ...]
    template_words: tuple[int, ...]
    positive_examples: int
    negative_examples: int
    explanations: int
    instances: int
    split_rows: Mapping[str, int]
    several_outputs: int
    rationales: int
    input_words: int
    output_words: int

    @property
    def category(self) -> str:
        """The task's type: the first of its categories, empty if it has none."""
        return self.categories[0] if self.categories else ""

    @property
    def is_english(self) -> bool | None:
        """Whether input, output and instruction are all in English; None if no language is given."""
        return all(language == "English" for language in self.languages) if self.languages else None


def measure_task(task: Task) -> TaskFacts:
    """Compute a task's statistics, reading each of its instances once.

    Raises:
        ProblemsError: its rows cannot be read.
    """
    splits: Counter[str] = Counter()
    several = rationales = input_words = output_words = 0
    for instance in task.instances():
        splits[instance.split or UNDIVIDED] += 1
        several += len(instance.outputs) > 1
        rationales += bool(instance.rationale.strip())
        input_words += count_words(instance.input)
        output_words += count_words(instance.outputs[0]) if instance.outputs else 0
    examples = task.positive_examples + task.negative_examples
    return TaskFacts(
        name=task.name,
        categories=task.categories,
        domains=tuple(dict.fromkeys(broad_domain(domain) for domain in task.domains if domain.strip())),
        languages=_languages(task),
        definition_words=tuple(count_words(text) for text in task.definitions),
        template_words=tuple(_instruction_words(template) for template in task.templates),
        positive_examples=len(task.positive_examples),
        negative_examples=len(task.negative_examples),
        explanations=sum(bool(example.explanation.strip()) for example in examples),
        instances=splits.total(),
        split_rows=dict(splits),
        several_outputs=several,
        rationales=rationales,
        input_words=input_words,
        output_words=output_words,
    )


def count_words(text: str) -> int:
    """Return the number of words of a text: runs of characters other than white space."""
    return len(text.split())


def broad_domain(domain: str) -> str:
    """Return the broadest domain of a path; Super-NaturalInstructions writes `Commonsense -> Stories`.

    Examples:
        >>> broad_domain("Commonsense -> Concepts and Relations")
        'Commonsense'
    """
    return domain.split("->")[0].strip()


def _languages(task: Task) -> tuple[str, ...]:
    languages = [*task.input_languages, *task.output_languages, *task.instruction_languages]
    languages += [language for template in task.templates for language in template.languages]
    names = (name.strip() for name in languages)
    return tuple(dict.fromkeys("English" if name.casefold() in _ENGLISH else name for name in names if name))


def _instruction_words(template: Template) -> int:
    # A joined pattern also has its target, after the separator.
    pattern = template.input.partition("|||")[0] if template.joined else template.input
    return count_words(_JINJA.sub(" ", pattern))
