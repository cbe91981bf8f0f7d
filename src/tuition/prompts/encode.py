"""Task, instance and encoding become a prompt: plain functions on text."""

from __future__ import annotations

import string
from collections.abc import Sequence

from tuition.base.seeds import named_random
from tuition.prompts.types import Encoding, ExampleStyle, Prompt, TextRule
from tuition.tasks.types import Example, Instance, Task


def encode(task: Task, instance: Instance, encoding: Encoding, *, output: str | None = None) -> Prompt:
    """Tell one instance of `task`: the prefix that all its instances share, the instance's body, and the target.

    Args:
        task: where the instruction comes from.
        instance: the row to tell.
        encoding: which elements are told, and how.
        output: the target's text; the instance's main output where it is not given.
    """
    answer = instance.outputs[0] if output is None else output
    return Prompt(
        prefix=prefix_of(task, encoding),
        body=body_of(instance.input, encoding),
        target=encoding.space + answer,
    )


def prefix_of(task: Task, encoding: Encoding, *, positive: int | None = None, negative: int | None = None) -> str:
    """Return the part of the prompt that is the same for every instance of `task`.

    Args:
        task: where the instruction comes from.
        encoding: which elements are told, and how.
        positive: at most so many positive examples, instead of the encoding's own number.
        negative: likewise for negative examples.
    """
    parts: list[str] = []
    if encoding.definition and task.definition:
        parts.append(_fill(encoding.definition, encoding.text_rule, definition=task.definition))
    parts += _examples(task.positive_examples, encoding.positive, positive, encoding.text_rule)
    parts += _examples(task.negative_examples, encoding.negative, negative, encoding.text_rule)
    return "".join(parts) + encoding.before_input


def body_of(text: str, encoding: Encoding) -> str:
    """Return the part of the prompt that tells one instance's input."""
    return encoding.space + _ruled(text, encoding.text_rule) + encoding.after_input


def training_output(task: Task, instance: Instance, seed: int) -> str:
    """Return the output to learn: the only one, or one drawn by a named seed (Tk-Instruct draws one of several)."""
    if len(instance.outputs) == 1:
        return instance.outputs[0]
    return named_random("training output", task.name, instance.id, seed).choice(instance.outputs)


def _examples(examples: Sequence[Example], style: ExampleStyle | None, limit: int | None, rule: TextRule) -> list[str]:
    if style is None:
        return []
    count = style.count if limit is None else min(limit, style.count)
    return [_example(example, number, style, rule) for number, example in enumerate(examples[:count], start=1)]


def _example(example: Example, number: int, style: ExampleStyle, rule: TextRule) -> str:
    text = style.text.replace("{number}", str(number))
    told = _fill(text, rule, input=example.input, output=example.output)
    if style.explanation and example.explanation.strip():
        told += _fill(style.explanation, rule, explanation=example.explanation)
    return told + style.end


def _fill(pattern: str, rule: TextRule, **fields: str) -> str:
    """Put each field into its place at once, so that braces inside one field are never taken for another's place."""
    pieces: list[str] = []
    places = sorted((pattern.index(f"{{{name}}}"), name) for name in fields)
    start = 0
    for position, name in places:
        pieces += [pattern[start:position], _ruled(fields[name], rule)]
        start = position + len(name) + 2
    return "".join(pieces) + pattern[start:]


def _ruled(text: str, rule: TextRule) -> str:
    if rule == "verbatim":
        return text
    stripped = text.strip()
    # Tk-Instruct looks at the last character written so far, so an empty field gets its full stop too.
    return stripped if stripped and stripped[-1] in string.punctuation else f"{stripped}."
