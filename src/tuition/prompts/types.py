"""A prompt's three parts, and the description of an encoding that produces them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tuition.tasks.types import Instance

TextRule = Literal["verbatim", "stripped", "punctuated"]
"""How a field's text enters a prompt: unchanged; stripped; or stripped and with a full stop added where it has no
punctuation at its end."""

ElementKind = Literal[
    "text",
    "name",
    "title",
    "definition",
    "prompt",
    "things_to_avoid",
    "emphasis",
    "category",
    "source",
    "language",
    "positive",
    "negative",
    "exemplars",
    "demonstrations",
]
"""What an element of a prefix contains. `exemplars` are labelled instances of the task itself (k-shot),
`demonstrations` are examples of other tasks, the same for every task (in-context instruction learning)."""

EXAMPLES: tuple[ElementKind, ...] = ("negative", "demonstrations", "exemplars", "positive")
"""The elements that are lists of examples, in the order in which they are dropped when a prompt is too long."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One instance as a prompt. White space comes first: `body` and `target` start with the space before them.

    `prefix` is the same for every instance of a task under one encoding, so it need be computed only once.
    """

    prefix: str
    body: str
    target: str

    @property
    def source(self) -> str:
        """The model's input: prefix and body."""
        return self.prefix + self.body

    @property
    def text(self) -> str:
        """The whole sequence, as the papers print it."""
        return self.prefix + self.body + self.target

    def _repr_html_(self) -> str:
        """Show the three parts in a notebook, each on its own colour."""
        from tuition.base.html import html_spans

        return html_spans(((self.prefix, "#e8f0fe"), (self.body, "#fef7e0"), (self.target, "#e6f4ea")))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a prefix: what it contains (`tell`), and its pattern (`text`).

    A pattern of a field has {value}; one of examples has {number}, {input}, {output} and, for demonstrations,
    {definition}. There are at most `count` examples. After an example come `explanation` and `suggestion` (patterns
    with {value}) where it has them, and `end`. `fill` adds exemplars where the task has fewer examples than `count`.
    """

    tell: ElementKind
    text: str
    count: int = 0
    explanation: str = ""
    suggestion: str = ""
    end: str = ""
    fill: bool = False


@dataclass(frozen=True, slots=True)
class OptionsStyle:
    """How a task's answer options are formatted: `before`, then each option in `each` with {option}."""

    before: str = ""
    each: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which elements of a task a prompt has, in which order and wording: data, not code.

    The prefix is its elements; an element that the task lacks is omitted, and `separator` comes between two fields.
    The body is `body` with {input} and {options}; the target is `target` with {output} and {rationale}. A model's
    answer is what follows the last `answer_after`, where that is not empty.

    Other forms: `one_of` samples one of several encodings for each instance; `template` renders the instance with one
    of the task's own templates (`drawn` samples one for each instance, `first`, or the name of one); `jinja` is a
    user's own template of the whole prompt. `chat` puts the prompt into the model's own chat template.
    """

    name: str
    description: str
    prefix: tuple[Element, ...] = ()
    body: str = " {input}"
    target: str = " {output}"
    text_rule: TextRule = "verbatim"
    separator: str = ""
    options: OptionsStyle = OptionsStyle()
    answer_after: str = ""
    one_of: tuple[Encoding, ...] = ()
    template: str = ""
    jinja: str = ""
    chat: bool = False

    @property
    def has_instruction(self) -> bool:
        """Whether the prompt has anything about the task beyond the instance itself and exemplars."""
        own = any(element.tell not in ("text", "name", "exemplars") for element in self.prefix)
        return own or bool(self.template or self.jinja) or any(other.has_instruction for other in self.one_of)

    @property
    def exemplars(self) -> int:
        """How many labelled instances of the task a prompt has (k of k-shot); they count in the label budget."""
        return max((e.count for e in self.prefix if e.tell == "exemplars" or e.fill), default=0)

    @property
    def demonstrations(self) -> int:
        """How many examples of other tasks a prompt has."""
        return max((element.count for element in self.prefix if element.tell == "demonstrations"), default=0)

    def in_chat(self) -> Encoding:
        """Return this encoding inside the model's chat template, whose answers start without a space."""
        return replace(self, name=f"{self.name} in chat", target=self.target.lstrip(), chat=True)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An example of another task, with that task's definition."""

    definition: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class InContextExamples:
    """A prompt's few-shot examples: labelled exemplars of the task, and demonstrations of other tasks."""

    exemplars: tuple[Instance, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()


NO_EXAMPLES = InContextExamples()
