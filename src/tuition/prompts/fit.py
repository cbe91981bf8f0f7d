"""What gives way when a prompt is too long: examples from the last, then the instance's input at its end. All counted.

The definition and the target are never cut. Nothing here knows a tokenizer: the caller hands over a counting function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tuition.base.errors import UserError, clip
from tuition.prompts.encode import body_of, encode, prefix_of
from tuition.prompts.types import Encoding, Prompt
from tuition.tasks.types import Instance, Task

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits, and what was given up for it."""

    prompt: Prompt
    dropped_examples: int = 0
    cut_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FitLedger:
    """How many prompts of one task were shortened, and how much they lost."""

    prompts: int
    with_dropped_examples: int
    with_cut_input: int
    cut_tokens: int

    def __str__(self) -> str:
        """A sentence for people; empty where nothing was lost."""
        parts = []
        if self.with_dropped_examples:
            parts.append(f"{self.with_dropped_examples} of {self.prompts} prompts lost examples")
        if self.with_cut_input:
            parts.append(f"{self.with_cut_input} of {self.prompts} inputs lost {self.cut_tokens} tokens at their end")
        return "; ".join(parts)


def ledger(fitted: Iterable[Fitted]) -> FitLedger:
    """Sum up what a task's prompts gave up."""
    rows = list(fitted)
    return FitLedger(
        prompts=len(rows),
        with_dropped_examples=sum(row.dropped_examples > 0 for row in rows),
        with_cut_input=sum(row.cut_tokens > 0 for row in rows),
        cut_tokens=sum(row.cut_tokens for row in rows),
    )


def fit(
    task: Task, instance: Instance, encoding: Encoding, *, limit: int, count: Count, room: int = 0, output: str = ""
) -> Fitted:
    """Tell an instance within `limit` tokens, giving up as little as need be.

    Args:
        task: where the instruction comes from.
        instance: the row to tell.
        encoding: which elements are told, and how.
        limit: the most tokens that prefix, body, target and `room` may have together.
        count: the number of tokens of a text alone.
        room: tokens kept free for special tokens, or for an answer yet to be generated.
        output: the target; where empty, the instance's main output is told but takes no room.

    Raises:
        UserError: definition and target alone do not fit.
    """
    whole = encode(task, instance, encoding, output=output or None)
    taken = room + (count(whole.target) if output else 0)
    if taken + count(whole.prefix) + count(whole.body) <= limit:
        return Fitted(whole)
    prefix, dropped = _fewer_examples(task, encoding, limit - taken - count(whole.body), count)
    left = limit - taken - count(prefix)
    body, lost = _shorter_body(instance, encoding, left, count)
    if left < count(body_of("", encoding)):
        raise UserError(
            f"task {clip(task.name)}, instance {clip(instance.id)}: the instruction without examples "
            f"({count(prefix)} tokens) and the target with its room ({taken}) leave nothing for the input "
            f"within {limit} tokens; raise max_length to what the model can hold, or use an encoding that tells less"
        )
    return Fitted(Prompt(prefix, body, whole.target), dropped, lost)


def _fewer_examples(task: Task, encoding: Encoding, room: int, count: Count) -> tuple[str, int]:
    """Drop examples from the last, negative before positive, until the prefix has room; else drop them all."""
    positive = min(len(task.positive_examples), encoding.positive.count if encoding.positive else 0)
    negative = min(len(task.negative_examples), encoding.negative.count if encoding.negative else 0)
    told = positive + negative
    for kept in range(told, -1, -1):
        prefix = prefix_of(task, encoding, positive=min(kept, positive), negative=max(0, kept - positive))
        if kept == 0 or count(prefix) <= room:
            return prefix, told - kept
    raise AssertionError("unreachable: the loop ends at no examples")


def _shorter_body(instance: Instance, encoding: Encoding, room: int, count: Count) -> tuple[str, int]:
    """Keep the longest beginning of the input with which the body has room; return the body and the tokens lost."""
    whole = body_of(instance.input, encoding)
    if count(whole) <= room:
        return whole, 0
    low, high = 0, len(instance.input)
    while low < high:
        middle = (low + high + 1) // 2
        if count(body_of(instance.input[:middle], encoding)) <= room:
            low = middle
        else:
            high = middle - 1
    body = body_of(instance.input[:low], encoding)
    return body, count(whole) - count(body)
