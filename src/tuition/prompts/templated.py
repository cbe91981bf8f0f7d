"""Prompts from templates: one of a dataset's own, or a user's template of the whole prompt."""

from __future__ import annotations

from typing import Any

from tuition.base.errors import UserError, clip
from tuition.base.seeds import named_random
from tuition.prompts.fill import fill
from tuition.prompts.parts import options_text, target_of
from tuition.prompts.types import Encoding, Prompt
from tuition.tasks.templating import SEPARATOR, Rendered, compile_pattern, render_template
from tuition.tasks.types import Instance, Task, Template

_MARK = "\x02"


def encode_by_template(task: Task, instance: Instance, encoding: Encoding, *, output: str | None, seed: int) -> Prompt:
    """Return the prompt of one instance by a template; see `encode`.

    The prefix is the template's text before its first slot: rows of a template that starts with a field share nothing.

    Raises:
        UserError: no template can render this instance.
    """
    if encoding.jinja:
        return _by_own_template(task, instance, encoding, output)
    template, rendered = _rendered(task, instance, encoding, seed)
    shares = compile_pattern(template.input, what=f"template {template.name}").leading_text.rstrip()
    prefix, rest = _divide(rendered.input, shares)
    options = "" if _shows_choices(template) else options_text(rendered.choices, encoding)
    return Prompt(
        prefix=prefix,
        body=fill(encoding.body, {"input": rest, "options": options}),
        # The template has its own words for each answer, so the target has these instead of the row's own.
        target=target_of(task, instance, rendered.target, encoding),
    )


def _shows_choices(template: Template) -> bool:
    """Whether a template's input contains the choices; where it does not declare that, whether it uses them."""
    if template.choices_in_prompt is not None:
        return template.choices_in_prompt
    question = template.input.partition(SEPARATOR)[0] if template.joined else template.input
    return "answer_choices" in question or "options_" in question


def answers_by_template(
    task: Task, instance: Instance, encoding: Encoding, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return an instance's accepted answers and its options in the words of its template."""
    _, rendered = _rendered(task, instance, encoding, seed)
    return (rendered.target,), rendered.choices


def _rendered(task: Task, instance: Instance, encoding: Encoding, seed: int) -> tuple[Template, Rendered]:
    """Return a template for this instance and its rendering: the named template, the first, or a sampled one."""
    if encoding.template in ("drawn", "first"):
        candidates = [template for template in task.templates if template.original_task]
    else:
        candidates = [template for template in task.templates if template.name == encoding.template]
    if not candidates:
        wanted = (
            "templates of its own task" if encoding.template in ("drawn", "first") else f"one {encoding.template!r}"
        )
        names = ", ".join(template.name for template in task.templates[:5]) or "none"
        raise UserError(
            f"task {clip(task.name)} does not have {wanted}, which the encoding {encoding.name!r} needs; "
            f"it has: {names}"
        )
    if encoding.template == "drawn":
        named_random("template", task.name, instance.id, seed).shuffle(candidates)
    for template in candidates:
        random = named_random("choice", task.name, template.name, instance.id, seed)
        if (rendered := render_template(template, instance.fields, options=task.options, rng=random)) is not None:
            return template, rendered
    raise UserError(
        f"task {clip(task.name)}, instance {clip(instance.id)}: every one of its {len(candidates)} templates yields "
        "an empty input or target; fix the templates or drop the row"
    )


def _by_own_template(task: Task, instance: Instance, encoding: Encoding, output: str | None) -> Prompt:
    text = _render_own(task, encoding, instance.input, instance.fields)
    shares = _shared_text(task, encoding)
    prefix, body = _divide(text, shares)
    answer = instance.outputs[0] if output is None else output
    return Prompt(prefix=prefix, body=body, target=target_of(task, instance, answer, encoding))


def _render_own(task: Task, encoding: Encoding, text: str, fields: Any, *, strict: bool = True) -> str:
    """Render a user's template with the task's fields and the instance's text; white space at its end is dropped."""
    variables = {
        "name": task.name,
        "title": task.title,
        "definition": task.definition,
        "definitions": list(task.definitions),
        "prompt": task.prompt,
        "things_to_avoid": task.things_to_avoid,
        "emphasis": task.emphasis,
        "positive_examples": [_example(e) for e in task.positive_examples],
        "negative_examples": [_example(e) for e in task.negative_examples],
        "options": list(task.options),
        "categories": list(task.categories),
        "input": text,
        "fields": dict(fields),
    }
    try:
        rendered = compile_pattern(encoding.jinja, what=f"the encoding {encoding.name}").render(variables)
    except UserError:
        if strict:
            raise
        return ""  # A template over the row's fields cannot be rendered without a row, so its rows share no prefix.
    if strict and not rendered.strip():
        raise UserError(f"task {clip(task.name)}: the encoding {encoding.name!r} yields an empty prompt")
    return rendered.rstrip()


def _example(example: Any) -> dict[str, str]:
    return {name: getattr(example, name) for name in ("input", "output", "explanation", "suggestion")}


def _shared_text(task: Task, encoding: Encoding) -> str:
    """Return a template's text before the row's slot, found by rendering it with a mark in that slot."""
    marked = _render_own(task, encoding, _MARK, {}, strict=False)
    return marked.partition(_MARK)[0].rstrip() if _MARK in marked else ""


def _divide(text: str, shares: str) -> tuple[str, str]:
    """Split a rendered prompt after the text that all rows share, if it starts with that and something follows."""
    if shares and text.startswith(shares) and len(text) > len(shares):
        return shares, text[len(shares) :]
    return "", text
