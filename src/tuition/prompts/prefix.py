"""The prefix of a prompt: the task's instruction, element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuition.prompts.fill import fill
from tuition.prompts.types import (
    EXAMPLES,
    NO_EXAMPLES,
    Demonstration,
    Element,
    ElementKind,
    Encoding,
    InContextExamples,
    TextRule,
)
from tuition.tasks.types import Example, Instance, Task

Counts = Mapping[ElementKind, int]


def prefix_of(
    task: Task, encoding: Encoding, shown: InContextExamples = NO_EXAMPLES, *, counts: Counts | None = None
) -> str:
    """Return the part of the prompt that is the same for every instance of `task`.

    Args:
        task: where the instruction comes from.
        encoding: which elements the prefix has, and their wording.
        shown: exemplars and demonstrations, for an encoding that has any.
        counts: the most examples of each kind, where fewer than `example_counts` gives are wanted.
    """
    return "".join(text for _, texts in prefix_parts(task, encoding, shown, counts=counts) for text in texts)


def prefix_parts(
    task: Task, encoding: Encoding, shown: InContextExamples = NO_EXAMPLES, *, counts: Counts | None = None
) -> list[tuple[ElementKind, list[str]]]:
    """Return the texts of each element of a prefix, in order; empty elements are omitted.

    All texts, concatenated, are the prefix. Arguments are those of `prefix_of`.
    """
    parts: list[tuple[ElementKind, list[str]]] = []
    fields = 0
    for element in encoding.prefix:
        if element.tell in EXAMPLES:
            texts = _examples(task, element, shown, encoding.text_rule, counts)
        elif element.tell == "text":
            texts = [element.text]
        else:
            value = field_value(task, element.tell)
            texts = [fill(element.text, {"value": value}, encoding.text_rule)] if value.strip() else []
            if texts and fields:
                parts.append(("text", [encoding.separator]))
            fields += len(texts)
        if texts:
            parts.append((element.tell, texts))
    return parts


def example_counts(task: Task, encoding: Encoding, shown: InContextExamples = NO_EXAMPLES) -> dict[ElementKind, int]:
    """Return how many examples of each kind a prompt of this task has when none are dropped."""
    return {element.tell: len(_chosen(task, element, shown)) for element in encoding.prefix if element.tell in EXAMPLES}


def field_value(task: Task, kind: ElementKind) -> str:
    """Return the task's field that an element contains."""
    values: Mapping[str, str] = {
        "name": task.name,
        "title": task.title,
        "definition": task.definition,
        "prompt": task.prompt,
        "things_to_avoid": task.things_to_avoid,
        "emphasis": task.emphasis,
        "category": ", ".join(task.categories),
        "source": ", ".join(task.sources),
        "language": ", ".join(task.output_languages),
    }
    return values[kind]


def _chosen(task: Task, element: Element, shown: InContextExamples) -> Sequence[Example | Instance | Demonstration]:
    """Return the examples of an element, filled up with exemplars where it has `fill`."""
    lists: Mapping[str, Sequence[Example | Instance | Demonstration]] = {
        "positive": task.positive_examples,
        "negative": task.negative_examples,
        "exemplars": shown.exemplars,
        "demonstrations": shown.demonstrations,
    }
    own = list(lists[element.tell][: element.count])
    return own + list(shown.exemplars[: element.count - len(own)]) if element.fill else own


def _examples(
    task: Task, element: Element, shown: InContextExamples, rule: TextRule, counts: Counts | None
) -> list[str]:
    chosen = _chosen(task, element, shown)
    if counts is not None:
        chosen = chosen[: counts.get(element.tell, 0)]
    return [_example(example, number, element, rule) for number, example in enumerate(chosen, start=1)]


def _example(example: Example | Instance | Demonstration, number: int, element: Element, rule: TextRule) -> str:
    output = example.outputs[0] if isinstance(example, Instance) else example.output
    fields = {"input": example.input, "output": output}
    if isinstance(example, Demonstration):
        fields["definition"] = example.definition
    text = fill(element.text.replace("{number}", str(number)), fields, rule)
    if isinstance(example, Example):
        text += _more(element.explanation, example.explanation, number, rule)
        text += _more(element.suggestion, example.suggestion, number, rule)
    elif isinstance(example, Instance):
        text += _more(element.explanation, example.rationale, number, rule)
    return text + element.end


def _more(pattern: str, value: str, number: int, rule: TextRule) -> str:
    if not pattern or not value.strip():
        return ""
    return fill(pattern.replace("{number}", str(number)), {"value": value}, rule)
