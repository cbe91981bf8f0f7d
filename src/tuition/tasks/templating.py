"""Templates: a row's named fields told as text by Jinja patterns, FLAN's and PromptSource's alike.

PromptSource cuts every variable at 2,048 characters unless it is told not to; nothing is ever cut here. A name that the
row lacks is an error, where PromptSource prints nothing.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError

from tuition.base.errors import UserError, clip
from tuition.base.fingerprints import fingerprint
from tuition.base.seeds import named_random
from tuition.tasks.sandbox.environment import Sandbox
from tuition.tasks.sandbox.guard import guarded
from tuition.tasks.sandbox.render_budget import BUDGET_NAME, RenderBudget, require_length
from tuition.tasks.types import Template

SEPARATOR = "|||"
"""What parts input from target, and one answer choice from the next, in PromptSource's patterns."""

_SOURCE_LIMIT = 50_000  # characters; some ten times the longest of PromptSource's
_OPTIONS = "0options"  # no pattern can write such a name
_SANDBOX = Sandbox()
_FILE = "<template>"  # what Jinja calls a pattern that came from no file
# Jinja would take one of these for the beginning of a tag; a brace at the end may meet the brace of a slot.
_TAG = re.compile(r"\{(?=[{%#]|$)")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A Jinja pattern that was read, found safe, and can be rendered.

    `leading_text` is the constant text before the first expression or tag: every rendering begins with it. `names` are
    the fields that it reads. `what` says in messages which pattern this is.
    """

    source: str
    what: str
    leading_text: str
    names: frozenset[str]
    _template: jinja2.Template = field(repr=False, compare=False)

    def render(self, fields: Mapping[str, Any], *, draw: random.Random | None = None) -> str:
        """Return the text that the pattern makes of a row's fields; its values stay text, whatever they hold.

        Args:
            fields: the row's named columns: texts, numbers, lists and mappings.
            draw: where `choice` draws from; by default a generator seeded by the pattern and the row.

        Raises:
            UserError: a name is missing, an operation does not suit the row, or the rendering does too much work.
        """

        def seeded() -> random.Random:
            return draw or named_random("choice", self.source, fingerprint(repr(sorted(fields.items(), key=str))))

        made: list[str] = []
        length = 0
        try:
            for piece in self._template.generate({**fields, BUDGET_NAME: RenderBudget(seeded)}):
                length += len(piece)
                require_length(length)
                made.append(piece)
        except Exception as error:  # a stranger's pattern may raise anything; whatever it is, the pattern is at fault
            raise UserError(f"{self.what}{_line_of(error)} {_fault(error, fields)}") from error
        text = "".join(made)
        if not text.isascii() or "\0" in text:
            _require_storable(text, self.what)
        return text


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row told by a template: what the model is given, what it should answer, and the choices that it has."""

    input: str
    target: str
    choices: tuple[str, ...] = ()


def compile_pattern(source: str, *, what: str) -> Pattern:
    """Read a Jinja pattern and make sure that it is safe; nothing is run.

    Args:
        source: the pattern. Jinja as it comes, except that a newline at its end is kept; besides `range` there are
            PromptSource's `zip`, `choice` and `most_frequent`.
        what: which pattern this is, for messages: `"the input of template 'GPT-3 style'"`.

    Raises:
        UserError: the pattern is broken, or reaches for what no pattern may have.
    """
    try:
        leading_text, names, template = _compiled(source)
    except UserError as error:
        raise UserError(f"{what}: {error}") from error
    return Pattern(source, what, leading_text, names, template)


@lru_cache(maxsize=4096)
def _compiled(source: str) -> tuple[str, frozenset[str], jinja2.Template]:
    if len(source) > _SOURCE_LIMIT:
        raise UserError(f"the pattern has {len(source):,} characters; it may have {_SOURCE_LIMIT:,}")
    try:
        tree = _SANDBOX.parse(source)
        leading_text = _leading_text(tree)
        tree = guarded(tree)
        names = frozenset(meta.find_undeclared_variables(tree))
        return leading_text, names, _SANDBOX.from_string(tree)
    except TemplateSyntaxError as error:
        message = f"line {error.lineno}: {clip(error.message or 'it cannot be read')}"
        raise UserError(f"{message.rstrip('.')}; fix the pattern there (it is read as Jinja)") from error
    except SecurityError as error:
        raise UserError(f"the pattern is refused: {error.message}") from error
    except RecursionError as error:
        raise UserError("the pattern is nested too deep; a pattern nests a few levels") from error
    except Exception as error:  # a number of 5,000 digits, 21 loops in each other: Python refuses what Jinja let pass
        raise UserError(f"the pattern cannot be used ({clip(str(error))}); make it simpler") from error


def render_template(
    template: Template,
    fields: Mapping[str, Any],
    *,
    options: Sequence[str] = (),
    draw: random.Random | None = None,
) -> Rendered | None:
    """Tell a row by a template; None where the template does not suit the row (its input or target comes out empty).

    Beside the row's fields a pattern sees `answer_choices`, the list of choices, and `options_`, the same as FLAN
    tells them: `OPTIONS:` and a line `- …` for each. The choices are the template's own, or else `options`.

    Args:
        template: its patterns; where it is `joined`, the rendered input is parted at `|||` and both sides are stripped,
            as PromptSource does. A `|||` in a field's value never parts anything.
        fields: the row's named columns.
        options: the task's answer options, for templates without `answer_choices`.
        draw: where `choice` draws from; by default a generator seeded by the pattern and the row.

    Raises:
        UserError: a pattern is refused, reads a name that the row lacks, or fails on it.
    """
    name = f"template {clip(template.name, 80)!r}"
    if "answer_choices" in fields:
        raise UserError(f"{name}: the row has a field named 'answer_choices', which templates need; rename the field")
    try:
        hidden, shown = _hide_separators({**fields, _OPTIONS: list(options)})
    except RecursionError as error:
        raise UserError(f"{name}: the row's values are nested too deep; a row nests a few levels") from error
    choices = hidden[_OPTIONS]
    if template.answer_choices:
        pattern = compile_pattern(template.answer_choices, what=f"the answer choices of {name}")
        choices = [choice.strip() for choice in pattern.render(hidden, draw=draw).split(SEPARATOR)]
    told = {"options_": _options_text(choices), **hidden, "answer_choices": choices or _no_choices("answer_choices")}
    pattern = compile_pattern(
        template.input, what=f"the pattern of {name}" if template.joined else f"the input of {name}"
    )
    if template.joined:
        made = split_target(pattern.render(told, draw=draw), what=name)
    else:
        target = compile_pattern(template.target, what=f"the target of {name}")
        made = (pattern.render(told, draw=draw), target.render(told, draw=draw))
    if not all(part.strip() for part in made):
        return None
    return Rendered(shown(made[0]), shown(made[1]), tuple(map(shown, choices)))


def split_target(rendered: str, *, what: str = "the template") -> tuple[str, str]:
    """Part `input ||| target` at the separator and strip both; without one there is no target.

    Raises:
        UserError: the separator stands there more than once.
    """
    parts = [part.strip() for part in rendered.split(SEPARATOR)]
    if len(parts) > 2:
        raise UserError(f"{what} renders to {len(parts)} parts; {SEPARATOR} stands once, between input and target")
    return parts[0], parts[1] if len(parts) == 2 else ""


def pattern_faults(template: Template) -> list[str]:
    """Return what is wrong in a template's patterns before any row is told: the messages, none if it is valid."""
    faults = []
    sources = {"pattern" if template.joined else "input": template.input, "answer choices": template.answer_choices}
    if not template.joined:
        sources["target"] = template.target
    elif SEPARATOR not in template.input:
        faults.append(f"the pattern has no {SEPARATOR}; it stands between input and target")
    for part, source in sources.items():
        try:
            compile_pattern(source, what=f"the {part}")
        except UserError as error:
            faults.append(str(error))
    return faults


def template_names(template: Template) -> frozenset[str]:
    """Return the fields that a template reads, without `answer_choices` and `options_`, which every template has.

    Raises:
        UserError: a pattern is refused.
    """
    sources = (template.input, template.target, template.answer_choices)
    names = (compile_pattern(source, what=f"template {clip(template.name, 80)!r}").names for source in sources)
    return frozenset().union(*names) - {"answer_choices", "options_"}


def from_flan(pattern: str, *, what: str, names: Mapping[str, str] | None = None) -> str:
    """Return a pattern in FLAN's notation (`{premise}`, `{options_}`, `{{` for a brace) as Jinja.

    Args:
        pattern: text with slots in single braces.
        what: which pattern this is, for messages.
        names: slots that stand for a field of another name.

    Raises:
        UserError: a brace is not closed, a slot is no plain name, or the pattern was meant as Jinja.
    """
    if re.search(r"\{%|(?<!\{)\{\{\s*\w+\s*\}\}(?!\})", pattern):
        raise UserError(
            f"{what}: it looks like Jinja; write {{name}} in single braces, or give it under the key 'jinja'"
        )
    made: list[str] = []
    try:
        for text, name, spec, conversion in string.Formatter().parse(pattern):
            made.append(_TAG.sub("{{ '{' }}", text))
            if name is None:
                continue
            if not re.fullmatch(r"[^\W\d]\w*", name) or spec or conversion:
                raise UserError(
                    f"{what}: the slot {clip('{' + name + '}', 40)!r} is no plain name; write {{premise}}, say"
                )
            made.append("{{ " + (names or {}).get(name, name) + " }}")
    except ValueError as error:
        raise UserError(f"{what}: {error}; a slot is {{name}}, and a brace by itself is written twice") from error
    return "".join(made)


def _options_text(choices: Sequence[str]) -> str | jinja2.Undefined:
    if not choices:
        return _no_choices("options_")
    return "\n".join(["OPTIONS:", *(f"- {choice}" for choice in choices)])


def _no_choices(name: str) -> jinja2.Undefined:
    return jinja2.StrictUndefined(f"there are no answer options for {name} to tell")


def _hide_separators(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Callable[[str], str]]:
    """Return the fields with another sign for each `|||` in them, and the function that puts it back."""
    if not any(SEPARATOR in text for text in _texts(fields)):
        return fields, lambda text: text
    sign = "\ue000"
    while any(sign in text for text in _texts(fields)):
        sign += "\ue001"

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(SEPARATOR, sign)
        if isinstance(value, Mapping):
            return {key: hide(item) for key, item in value.items()}
        return [hide(item) for item in value] if isinstance(value, (list, tuple)) else value

    return {name: hide(value) for name, value in fields.items()}, lambda text: text.replace(sign, SEPARATOR)


def _texts(fields: Mapping[str, Any]) -> Iterator[str]:
    waiting = list(fields.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


def _leading_text(tree: nodes.Template) -> str:
    made: list[str] = []
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            break
        for child in node.nodes:
            if not isinstance(child, nodes.TemplateData):
                return "".join(made)
            made.append(child.data)
    return "".join(made)


def _fault(error: Exception, fields: Mapping[str, Any]) -> str:
    if isinstance(error, SecurityError):
        return str(error.message)
    if isinstance(error, jinja2.UndefinedError):
        names = ", ".join(clip(str(name), 40) for name in list(fields)[:20])
        return f"reads what is not there: {clip(str(error.message))}; the row has {names or 'no fields'}"
    if isinstance(error, RecursionError):
        return "meets values nested too deep; a row nests a few levels"
    reason = error.message if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    return f"fails on this row ({clip(str(reason))}); fix the pattern, or the row"


def _line_of(error: Exception) -> str:
    """Return `, line N` for the pattern's line that raised; empty where Jinja does not say."""
    line = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in (_FILE, "<unknown>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}:" if line else ":"


def _require_storable(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{what}: makes half a character, \\u{ord(text[error.start]):04x}; write it whole") from error
    if "\0" in text:
        raise UserError(f"{what}: makes the character \\u0000; remove it")
