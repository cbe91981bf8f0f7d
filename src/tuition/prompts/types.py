"""A prompt's three parts, and the description of an encoding that makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TextRule = Literal["verbatim", "punctuated"]
"""How a field's text enters a prompt: as it stands, or stripped and closed by a full stop where it has no end mark."""


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


@dataclass(frozen=True, slots=True)
class ExampleStyle:
    """How worked examples are told: at most `count` of them, each as `text` with {number}, {input} and {output}.

    Where `explanation` is not empty and the example has one, it follows, with {explanation}; `end` closes each.
    """

    count: int
    text: str
    explanation: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which elements of a task are told, in which order and wording: data, not code.

    The prefix is definition, positive examples, negative examples and `before_input`; the body is `space`, the
    instance's input and `after_input`; the target is `space` and the output. `definition` has {definition}; an empty
    pattern leaves the element out, and so does a task that lacks it.
    """

    name: str
    description: str
    before_input: str
    after_input: str
    text_rule: TextRule = "verbatim"
    definition: str = ""
    positive: ExampleStyle | None = None
    negative: ExampleStyle | None = None
    space: str = " "

    @property
    def tells_instruction(self) -> bool:
        """Whether a model learns anything about the task beyond the instance itself."""
        return bool(self.definition or self.positive or self.negative)
