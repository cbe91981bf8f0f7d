"""Templates: render a row's named fields as text with Jinja patterns, both FLAN's and PromptSource's.

By default PromptSource truncates every variable to 2,048 characters; nothing is truncated here. A name that the row
does not have is an error; PromptSource prints nothing for it.
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
"""The separator between input and target, and between answer choices, in PromptSource's patterns."""

_SOURCE_LIMIT = 50_000  # characters; about ten times PromptSource's longest pattern
_OPTIONS = "0options"  # not a valid name in Jinja, so no pattern can use it
_SANDBOX = Sandbox()
_FILE = "<template>"  # Jinja's file name for a pattern that is not from a file
# Jinja would read these as the beginning of a tag; a brace at the end may be followed by the brace of a slot.
_TAG = re.compile(r"\{(?=[{%#]|$)")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A Jinja pattern that was parsed and found safe, and can be rendered.

    `leading_text` is the constant text before the first expression or tag: every rendering begins with it. `names` are
    the fields that the pattern reads. `what` names the pattern in error messages.
    """

    source: str
    what: str
    leading_text: str
    names: frozenset[str]
    _template: jinja2.Template = field(repr=False, compare=False)

    def render(self, fields: Mapping[str, Any], *, rng: random.Random | None = None) -> str:
        """Render the pattern with a row's fields; Jinja syntax inside a field's value is not interpreted.

        Args:
            fields: the row's named columns: texts, numbers, lists and mappings.
            rng: the generator for `choice`; by default one seeded by the pattern and the row.

        Raises:
            UserError: a name is missing, an operation fails on the row, or the rendering does too much work.
        """

        def seeded() -> random.Random:
            return rng or named_random("choice", self.source, fingerprint(repr(sorted(fields.items(), key=str))))

        pieces: list[str] = []
        length = 0
        try:
            for piece in self._template.generate({**fields, BUDGET_NAME: RenderBudget(seeded)}):
                length += len(piece)
                require_length(length)
                pieces.append(piece)
        except Exception as error:  # an untrusted pattern may raise anything; in any case the pattern is at fault
            raise UserError(f"{self.what}{_line_of(error)} {_fault(error, fields)}") from error
        text = "".join(pieces)
        if not text.isascii() or "\0" in text:
            _require_storable(text, self.what)
        return text


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row rendered by a template: the model's input, the target, and the answer choices."""

    input: str
    target: str
    choices: tuple[str, ...] = ()


def compile_pattern(source: str, *, what: str) -> Pattern:
    """Parse a Jinja pattern and check that it is safe; nothing is run.

    Args:
        source: the pattern, in Jinja with defaults, except that a newline at its end is kept. Its functions are `range`
            and PromptSource's `zip`, `choice` and `most_frequent`.
        what: names the pattern in messages: `"the input of template 'GPT-3 style'"`.

    Raises:
        UserError: the pattern is broken, or uses something that patterns must not use.
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
        raise UserError(f"{message.rstrip('.')}; fix the pattern there (it is parsed as Jinja)") from error
    except SecurityError as error:
        raise UserError(f"the pattern is refused: {error.message}") from error
    except RecursionError as error:
        raise UserError("the pattern is nested too deep; a pattern nests a few levels") from error
    except Exception as error:  # Jinja accepts, but Python refuses, a number of 5,000 digits or 21 nested loops
        raise UserError(f"the pattern cannot be used ({clip(str(error))}); make it simpler") from error


def render_template(
    template: Template,
    fields: Mapping[str, Any],
    *,
    options: Sequence[str] = (),
    rng: random.Random | None = None,
) -> Rendered | None:
    """Render a row with a template; None if the template does not apply to the row (its input or target is empty).

    In addition to the row's fields a pattern can use `answer_choices`, the list of choices, and `options_`, the choices
    in FLAN's format: `OPTIONS:` and a line `- …` for each. The choices are the template's own, or else `options`.

    Args:
        template: the patterns; if it is `joined`, the rendered input is split at `|||` and both sides are stripped, as
            in PromptSource. A `|||` in a field's value is never a separator.
        fields: the row's named columns.
        options: the task's answer options, for templates without `answer_choices`.
        rng: the generator for `choice`; by default one seeded by the pattern and the row.

    Raises:
        UserError: a pattern is refused, reads a name that the row does not have, or fails on the row.
    """
    name = f"template {clip(template.name, 80)!r}"
    if "answer_choices" in fields:
        raise UserError(f"{name}: the row has a field named 'answer_choices', which templates need; rename the field")
    try:
        hidden, restore = _hide_separators({**fields, _OPTIONS: list(options)})
    except RecursionError as error:
        raise UserError(f"{name}: the row's values are nested too deep; a row nests a few levels") from error
    choices = hidden[_OPTIONS]
    if template.answer_choices:
        pattern = compile_pattern(template.answer_choices, what=f"the answer choices of {name}")
        choices = [choice.strip() for choice in pattern.render(hidden, rng=rng).split(SEPARATOR)]
    names = {"options_": _options_text(choices), **hidden, "answer_choices": choices or _no_choices("answer_choices")}
    pattern = compile_pattern(
        template.input, what=f"the pattern of {name}" if template.joined else f"the input of {name}"
    )
    if template.joined:
        sides = split_target(pattern.render(names, rng=rng), what=name)
    else:
        target = compile_pattern(template.target, what=f"the target of {name}")
        sides = (pattern.render(names, rng=rng), target.render(names, rng=rng))
    if not all(side.strip() for side in sides):
        return None
    return Rendered(restore(sides[0]), restore(sides[1]), tuple(map(restore, choices)))


def split_target(rendered: str, *, what: str = "the template") -> tuple[str, str]:
    """Split `input ||| target` at the separator and strip both; without one the target is empty.

    Raises:
        UserError: the separator occurs more than once.
    """
    parts = [part.strip() for part in rendered.split(SEPARATOR)]
    if len(parts) > 2:
        raise UserError(f"{what} renders to {len(parts)} parts; {SEPARATOR} must occur once, between input and target")
    return parts[0], parts[1] if len(parts) == 2 else ""


def pattern_faults(template: Template) -> list[str]:
    """Return the faults of a template's patterns, checked without rendering a row: messages, none if it is valid."""
    faults = []
    sources = {"pattern" if template.joined else "input": template.input, "answer choices": template.answer_choices}
    if not template.joined:
        sources["target"] = template.target
    elif SEPARATOR not in template.input:
        faults.append(f"the pattern has no {SEPARATOR}; put it between input and target")
    for part, source in sources.items():
        try:
            compile_pattern(source, what=f"the {part}")
        except UserError as error:
            faults.append(str(error))
    return faults


def template_names(template: Template) -> frozenset[str]:
    """Return the fields that a template reads, except `answer_choices` and `options_`, which are always available.

    Raises:
        UserError: a pattern is refused.
    """
    sources = (template.input, template.target, template.answer_choices)
    names = (compile_pattern(source, what=f"template {clip(template.name, 80)!r}").names for source in sources)
    return frozenset().union(*names) - {"answer_choices", "options_"}


def from_flan(pattern: str, *, what: str, names: Mapping[str, str] | None = None) -> str:
    """Convert a pattern from FLAN's notation (`{premise}`, `{options_}`, `{{` for a brace) to Jinja.

    Args:
        pattern: text with slots in single braces.
        what: names the pattern in messages.
        names: slots whose field has another name.

    Raises:
        UserError: a brace is not closed, a slot is not a plain name, or the pattern looks like Jinja.
    """
    if re.search(r"\{%|(?<!\{)\{\{\s*\w+\s*\}\}(?!\})", pattern):
        raise UserError(
            f"{what}: it looks like Jinja; write {{name}} in single braces, or give it under the key 'jinja'"
        )
    converted: list[str] = []
    try:
        for text, name, spec, conversion in string.Formatter().parse(pattern):
            converted.append(_TAG.sub("{{ '{' }}", text))
            if name is None:
                continue
            if not re.fullmatch(r"[^\W\d]\w*", name) or spec or conversion:
                raise UserError(
                    f"{what}: the slot {clip('{' + name + '}', 40)!r} is not a plain name, such as {{premise}}"
                )
            converted.append("{{ " + (names or {}).get(name, name) + " }}")
    except ValueError as error:
        raise UserError(f"{what}: {error}; a slot is {{name}}, and a literal brace is written twice") from error
    return "".join(converted)


def _options_text(choices: Sequence[str]) -> str | jinja2.Undefined:
    if not choices:
        return _no_choices("options_")
    return "\n".join(["OPTIONS:", *(f"- {choice}" for choice in choices)])


def _no_choices(name: str) -> jinja2.Undefined:
    return jinja2.StrictUndefined(f"{name} needs answer options, and there are none")


def _hide_separators(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Callable[[str], str]]:
    """Return the fields with a substitute for each `|||` in them, and the function that restores it."""
    if not any(SEPARATOR in text for text in _texts(fields)):
        return fields, lambda text: text
    substitute = "\ue000"
    while any(substitute in text for text in _texts(fields)):
        substitute += "\ue001"

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(SEPARATOR, substitute)
        if isinstance(value, Mapping):
            return {key: hide(item) for key, item in value.items()}
        return [hide(item) for item in value] if isinstance(value, (list, tuple)) else value

    return {name: hide(value) for name, value in fields.items()}, lambda text: text.replace(substitute, SEPARATOR)


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
    constants: list[str] = []
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            break
        for child in node.nodes:
            if not isinstance(child, nodes.TemplateData):
                return "".join(constants)
            constants.append(child.data)
    return "".join(constants)


def _fault(error: Exception, fields: Mapping[str, Any]) -> str:
    if isinstance(error, SecurityError):
        return str(error.message)
    if isinstance(error, jinja2.UndefinedError):
        names = ", ".join(clip(str(name), 40) for name in list(fields)[:20] if name != _OPTIONS)
        return f"uses a name that does not exist: {clip(str(error.message))}; the row has {names or 'no fields'}"
    if isinstance(error, RecursionError):
        return "reads values that are nested too deep; a row nests a few levels"
    reason = error.message if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    return f"fails on this row ({clip(str(reason))}); fix the pattern, or the row"


def _line_of(error: Exception) -> str:
    """Return `, line N:` for the pattern's line that raised; `:` if Jinja does not report a line."""
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
        code = ord(text[error.start])
        raise UserError(f"{what}: renders half a character, \\u{code:04x}; write the whole pair") from error
    if "\0" in text:
        raise UserError(f"{what}: renders the character \\u0000; remove it")
