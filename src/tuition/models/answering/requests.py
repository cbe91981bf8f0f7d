"""What is to be answered, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tuition.models.decoding import GREEDY, Decoding
from tuition.models.option_tree import Tokens
from tuition.models.sampling import Decode
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tree_attention import LogProbabilities


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """The prompts of one task for one adapter, and how to answer them.

    Attributes:
        prompts: what to answer; their targets are not looked at.
        end: tokens that end an answer (not part of it).
        new_tokens: the most tokens of an answer; with 0 nothing is generated.
        decoding: greedy, sampled, or by beams; sampling depends on a prompt's position in this request alone.
        decode: reads an answer's tokens, where it stops at a text.
        adapter: the slot of the adapter that answers, in the bank of adapters; None for the model as it is.
        options: the options to rank behind each prompt, as tokens, a list for each prompt; none to rank nothing.
        opening: tokens that every option of an encoder-decoder begins with.
        share_prefix: run each prefix once, instead of once a row.
    """

    prompts: Sequence[TokenizedPrompt]
    end: frozenset[int] = frozenset()
    new_tokens: int = 0
    decoding: Decoding = GREEDY
    decode: Decode | None = None
    adapter: int | None = None
    options: Sequence[Sequence[Tokens]] = ()
    opening: Tokens = ()
    share_prefix: bool = True


@dataclass(slots=True)
class Answered:
    """What came of a request: answers and the log-probabilities of its options in the order of its prompts.

    `error` is why the request failed; then there are no answers. `alone` is why it was not answered together with the
    other requests (beams, an architecture with another cache); empty where it was.
    """

    answers: list[tuple[int, ...]] = field(default_factory=list)
    options: list[LogProbabilities] = field(default_factory=list)
    error: Exception | None = None
    alone: str = ""


OnAnswered = Callable[[int, Answered], None]
"""Is given each request's number and result as soon as the request is finished."""
