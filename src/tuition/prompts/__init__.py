"""How a task is told to a model: encodings, and the three parts of a prompt."""

from tuition.prompts.encode import encode, prefix_of
from tuition.prompts.encodings import ENCODINGS
from tuition.prompts.types import Encoding, ExampleStyle, Prompt

__all__ = ["ENCODINGS", "Encoding", "ExampleStyle", "Prompt", "encode", "prefix_of"]
