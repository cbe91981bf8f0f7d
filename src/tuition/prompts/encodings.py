"""The encodings of the papers, word for word, one declaration each.

Tk-Instruct: Wang et al. 2022, "Super-NaturalInstructions" (every field stripped, a full stop where it has no end
mark). Quick Learners: Gupta 2023, "Instruction Tuned Models Are Quick Learners" (nothing stripped, no explanations).
"""

from __future__ import annotations

from dataclasses import replace

from tuition.base.registry import Registry
from tuition.prompts.types import Encoding, ExampleStyle

ENCODINGS: Registry[Encoding] = Registry("encoding")

_TK_INPUT_ONLY = Encoding(
    name="input-only",
    description="Tk-Instruct's wording with neither definition nor examples",
    before_input="Now complete the following example -\nInput:",
    after_input="\nOutput:",
    text_rule="punctuated",
)
_TK_DEFINITION = replace(
    _TK_INPUT_ONLY,
    name="definition",
    description="Tk-Instruct: the definition alone",
    definition="Definition: {definition}\n\n",
)
_TK_DEFINITION_2_POSITIVE = replace(
    _TK_DEFINITION,
    name="definition+2-positive",
    description="Tk-Instruct: the definition and two positive examples",
    positive=ExampleStyle(
        count=2,
        text=" Positive Example {number} -\nInput: {input}\n Output: {output}\n",
        end="\n",
    ),
)
_THESIS_INPUT_ONLY = Encoding(
    name="quick-learners-input-only",
    description="Quick Learners' baselines: input and output, no instruction",
    before_input="input:",
    after_input="\noutput:",
)
_THESIS = replace(
    _THESIS_INPUT_ONLY,
    name="quick-learners",
    description="Quick Learners: the definition and two positive examples",
    definition="Definition: {definition}\n",
    positive=ExampleStyle(count=2, text="Positive example {number}-\ninput: {input}\noutput: {output}\n"),
    before_input="Now complete the following example-\ninput:",
)

for _encoding in (_TK_INPUT_ONLY, _TK_DEFINITION, _TK_DEFINITION_2_POSITIVE, _THESIS_INPUT_ONLY, _THESIS):
    ENCODINGS.add(_encoding.name, _encoding)
