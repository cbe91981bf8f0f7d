"""The prefix of a prompt: what a task's instruction says, element by element."""

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
        encoding: which elements are told, and how.
        shown: exemplars and demonstrations, for an encoding that tells any.
        counts: at most so many examples of a kind, where fewer than all that `example_counts` gives are wanted.
    """
    return "".join(text for _, texts in prefix_parts(task, encoding, shown, counts=counts) for text in texts)


def prefix_parts(
    task: Task, encoding: Encoding, shown: InContextExamples = NO_EXAMPLES, *, counts: Counts | None = None
) -> list[tuple[ElementKind, list[str]]]:
    """Return what each element of a prefix tells of `task`, in order; elements that tell nothing are left out.

    The texts of all of them, one behind the other, are the prefix. Arguments are those of `prefix_of`.
    """
    parts: list[tuple[ElementKind, list[str]]] = []
    fields = 0
    for element in encoding.prefix:
        if element.tell in EXAMPLES:
            told = _examples(task, element, shown, encoding.text_rule, counts)
        elif element.tell == "text":
            told = [element.text]
        else:
            value = field_value(task, element.tell)
            told = [fill(element.text, {"value": value}, encoding.text_rule)] if value.strip() else []
            if told and fields:
                parts.append(("text", [encoding.separator]))
            fields += len(told)
        if told:
            parts.append((element.tell, told))
    return parts


def example_counts(task: Task, encoding: Encoding, shown: InContextExamples = NO_EXAMPLES) -> dict[ElementKind, int]:
    """Return how many examples of each kind a prompt of this task tells when nothing gives way."""
    return {element.tell: len(_chosen(task, element, shown)) for element in encoding.prefix if element.tell in EXAMPLES}


def field_value(task: Task, tell: ElementKind) -> str:
    """Return what a task says in the field that an element tells."""
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
    return values[tell]


def _chosen(task: Task, element: Element, shown: InContextExamples) -> Sequence[Example | Instance | Demonstration]:
    """Return the examples that an element tells, topped up with exemplars where it may be."""
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
    told = fill(element.text.replace("{number}", str(number)), fields, rule)
    if isinstance(example, Example):
        told += _more(element.explanation, example.explanation, number, rule)
        told += _more(element.suggestion, example.suggestion, number, rule)
    elif isinstance(example, Instance):
        told += _more(element.explanation, example.rationale, number, rule)
    return told + element.end


def _more(pattern: str, value: str, number: int, rule: TextRule) -> str:
    if not pattern or not value.strip():
        return ""
    return fill(pattern.replace("{number}", str(number)), {"value": value}, rule)
