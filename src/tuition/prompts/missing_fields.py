"""The fields that an encoding uses and a task does not have: prompts omit them."""

from __future__ import annotations

from tuition.prompts.prefix import field_value
from tuition.prompts.types import Element, Encoding
from tuition.tasks.types import Task

_FIELDS = {
    "things_to_avoid": "things to avoid",
    "language": "output language",
    "source": "source dataset",
}


def lacking(task: Task, encoding: Encoding) -> tuple[str, ...]:
    """Return the fields that an encoding uses and the task does not have, in the order of the prompt.

    Exemplars and demonstrations are ignored: they are not fields of the task.

    Examples: `no negative example`, `fewer than 4 positive examples`, `no things to avoid`.
    """
    found: dict[str, None] = {}
    for one in encoding.one_of or (encoding,):
        for element in one.prefix:
            found |= dict.fromkeys(_lacks(task, element))
    return tuple(found)


def _lacks(task: Task, element: Element) -> list[str]:
    if element.tell in ("positive", "negative"):
        return _lacks_examples(task, element)
    if element.tell in ("text", "exemplars", "demonstrations") or field_value(task, element.tell).strip():
        return []
    return [f"no {_FIELDS.get(element.tell, element.tell)}"]


def _lacks_examples(task: Task, element: Element) -> list[str]:
    examples = task.positive_examples if element.tell == "positive" else task.negative_examples
    chosen = examples[: element.count]
    if element.fill and len(chosen) < element.count:
        return []  # filled up with labelled rows of the task
    if not chosen:
        return [f"no {element.tell} example"]
    found = []
    if len(chosen) < element.count:
        found.append(f"fewer than {element.count} {element.tell} examples")
    if element.explanation and not any(example.explanation.strip() for example in chosen):
        found.append(f"no explanation of a {element.tell} example")
    return found
