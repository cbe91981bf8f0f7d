"""A prompt's three parts, and the description of an encoding that makes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tuition.tasks.types import Instance

TextRule = Literal["verbatim", "stripped", "punctuated"]
"""How a field's text enters a prompt: as it stands; stripped; or stripped and closed by a full stop if it has no end
mark."""

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
"""What an element of a prefix tells. `exemplars` are labelled instances of the task itself (k-shot), `demonstrations`
are worked examples of other tasks, the same for every task (in-context instruction learning)."""

EXAMPLES: tuple[ElementKind, ...] = ("negative", "demonstrations", "exemplars", "positive")
"""The elements that are lists of examples, in the order in which they give way when a prompt is too long."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One instance told to a model. White space leads: `body` and `target` begin with the space before them.

    `prefix` is the same for every instance of a task under one encoding, so it need be computed only once.
    """

    prefix: str
    body: str
    target: str

    @property
    def source(self) -> str:
        """What the model is given: prefix and body."""
        return self.prefix + self.body

    @property
    def text(self) -> str:
        """The whole sequence, as the papers write it."""
        return self.prefix + self.body + self.target

    def _repr_html_(self) -> str:
        """Show the three parts in a notebook, each on its own colour."""
        from tuition.base.html import html_spans

        return html_spans(((self.prefix, "#e8f0fe"), (self.body, "#fef7e0"), (self.target, "#e6f4ea")))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a prefix: what it tells, and the pattern that it is told in.

    A pattern of a field has {value}; one of examples has {number}, {input}, {output} and, for demonstrations,
    {definition}. At most `count` examples are told. Behind an example come `explanation` and `suggestion` (patterns
    with {value}) where it has such, and `end`. `fill` tells exemplars where the task has fewer examples than `count`.
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
    """How a task's answer options are told: `before`, then each option in `each` with {option}."""

    before: str = ""
    each: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which elements of a task are told, in which order and wording: data, not code.

    The prefix is its elements; an element that the task lacks is left out without a trace, and `separator` stands
    between two told fields. The body is `body` with {input} and {options}; the target is `target` with {output} and
    {rationale}. A model's answer is what follows the last `answer_after`, where that is not empty.

    Other forms: `one_of` draws one of several encodings for each instance; `template` tells the instance in one of the
    task's own templates (`drawn` for each instance, `first`, or the name of one); `jinja` is a user's own template of
    the whole prompt. `chat` puts the prompt into the model's own chat template.
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
        """Whether a model learns anything about the task beyond the instance itself."""
        own = any(element.tell not in ("text", "name", "exemplars") for element in self.prefix)
        return own or bool(self.template or self.jinja) or any(other.has_instruction for other in self.one_of)

    @property
    def exemplars(self) -> int:
        """How many labelled instances of the task a prompt shows (k of k-shot); these are labels that are paid for."""
        return max((e.count for e in self.prefix if e.tell == "exemplars" or e.fill), default=0)

    @property
    def demonstrations(self) -> int:
        """How many worked examples of other tasks a prompt shows."""
        return max((element.count for element in self.prefix if element.tell == "demonstrations"), default=0)

    def in_chat(self) -> Encoding:
        """Return this encoding inside the model's chat template, whose answers begin without a space."""
        return replace(self, name=f"{self.name} in chat", target=self.target.lstrip(), chat=True)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A worked example of another task, with that task's definition."""

    definition: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class InContextExamples:
    """What a prompt shows beyond the task's instruction: its labelled exemplars, and other tasks' demonstrations."""

    exemplars: tuple[Instance, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()


NO_EXAMPLES = InContextExamples()
