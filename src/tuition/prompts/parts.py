"""The parts of a prompt that plain encodings and templates both have: the body, the options, the target."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.base.errors import UserError, clip
from tuition.prompts.fill import fill, ruled
from tuition.prompts.types import Encoding
from tuition.tasks.types import Instance, Task


def body_of(task: Task, text: str, encoding: Encoding) -> str:
    """Return the part of the prompt with one instance's input, and the task's options where the encoding has them."""
    options = options_text(task.options, encoding) if "{options}" in encoding.body else ""
    return fill(encoding.body, {"input": ruled(text, encoding.text_rule), "options": options})


def options_text(options: Sequence[str], encoding: Encoding) -> str:
    """Return answer options as the encoding formats them; an empty text for free answers."""
    style = encoding.options
    if not options or not style.each:
        return ""
    return style.before + "".join(fill(style.each, {"option": option}) for option in options)


def target_of(task: Task, instance: Instance, answer: str, encoding: Encoding) -> str:
    """Return the text that the model is trained on: the answer, after its rationale where the encoding has one.

    Raises:
        UserError: the encoding has rationales and the instance has none.
    """
    if "{rationale}" in encoding.target and not instance.rationale.strip():
        raise UserError(
            f"task {clip(task.name)}, instance {clip(instance.id)}: the encoding {encoding.name!r} needs rationales "
            "and this instance has none; use an encoding without them, or tasks with rationales"
        )
    return fill(encoding.target, {"output": answer, "rationale": instance.rationale.strip()})
