"""How a task becomes a prompt: encodings, and the three parts of a prompt."""

from tuition.prompts.encode import encode
from tuition.prompts.encodings import ENCODINGS, find_encoding
from tuition.prompts.prefix import prefix_of
from tuition.prompts.types import Demonstration, Element, Encoding, InContextExamples, Prompt

__all__ = [
    "ENCODINGS",
    "Demonstration",
    "Element",
    "Encoding",
    "InContextExamples",
    "Prompt",
    "encode",
    "find_encoding",
    "prefix_of",
]
