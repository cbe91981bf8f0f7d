"""From task, instance and encoding to a prompt: plain functions on text."""

from __future__ import annotations

from tuition.base.seeds import named_random
from tuition.prompts.fill import fill
from tuition.prompts.parts import body_of, target_of
from tuition.prompts.prefix import Counts, prefix_of
from tuition.prompts.types import NO_EXAMPLES, Encoding, InContextExamples, Prompt
from tuition.tasks.types import Instance, Task


def encode(
    task: Task,
    instance: Instance,
    encoding: Encoding,
    *,
    output: str | None = None,
    shown: InContextExamples = NO_EXAMPLES,
    seed: int = 0,
    counts: Counts | None = None,
) -> Prompt:
    """Return the prompt of one instance: the prefix that all instances of the task share, its body, and the target.

    Args:
        task: where the instruction comes from.
        instance: the row to encode.
        encoding: which elements the prompt has, and their wording.
        output: the target's text; the instance's main output where it is not given.
        shown: exemplars and demonstrations, for an encoding that has any.
        seed: decides which encoding or template an instance gets, where one is sampled for each.
        counts: the most examples of each kind, where fewer than all are wanted.

    Raises:
        UserError: the task has no template that can render this instance, or lacks a rationale that is needed.
    """
    chosen = variant(task, instance, encoding, seed)
    if chosen.template or chosen.jinja:
        from tuition.prompts.templated import encode_by_template

        return encode_by_template(task, instance, chosen, output=output, seed=seed)
    answer = instance.outputs[0] if output is None else output
    return Prompt(
        prefix=prefix_of(task, chosen, shown, counts=counts),
        body=body_of(task, instance.input, chosen),
        target=target_of(task, instance, answer, chosen),
    )


def variant(task: Task, instance: Instance, encoding: Encoding, seed: int = 0) -> Encoding:
    """Return the encoding of this instance: `encoding` itself, or the one sampled by a named seed from several.

    Tk-Instruct's mixed model samples one of five for each instance (Wang et al. 2022, Table 4's last row).
    """
    if not encoding.one_of:
        return encoding
    return named_random("encoding", encoding.name, task.name, instance.id, seed).choice(encoding.one_of)


def answers(
    task: Task, instance: Instance, encoding: Encoding, *, seed: int = 0
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return an instance's accepted answers, and its closed set of options (empty for free answers).

    These are the row's accepted outputs and the task's options, or, where a template renders the row, the template's
    words for them.
    """
    chosen = variant(task, instance, encoding, seed)
    if chosen.template:
        from tuition.prompts.templated import answers_by_template

        return answers_by_template(task, instance, chosen, seed)
    return instance.outputs, task.options


def training_output(task: Task, instance: Instance, seed: int) -> str:
    """Return the output to train on: the only one, or one sampled by a named seed, as in Tk-Instruct."""
    if len(instance.outputs) == 1:
        return instance.outputs[0]
    return named_random("training output", task.name, instance.id, seed).choice(instance.outputs)


def read_answer(text: str, encoding: Encoding) -> str:
    """Return a model's answer: what follows the last marker, for an encoding that puts a rationale before it.

    A text without the marker is the answer as a whole, so that a model that ignores the format is scored by its text.
    """
    if not encoding.answer_after or encoding.answer_after not in text:
        return text
    answer = text.rpartition(encoding.answer_after)[2].strip()
    closing = fill(encoding.target, {"output": "", "rationale": ""}).rpartition(encoding.answer_after)[2].strip()
    return answer.removesuffix(closing).strip() if closing else answer
