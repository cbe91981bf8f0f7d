"""Shortening prompts that are too long: drop examples from the last, then truncate the instance's text. All is counted.

The definition and the target are never truncated. Nothing here depends on a tokenizer: the caller passes a function
that counts tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tuition.base.errors import UserError, clip
from tuition.prompts.encode import encode, variant
from tuition.prompts.prefix import example_counts
from tuition.prompts.types import EXAMPLES, NO_EXAMPLES, ElementKind, Encoding, InContextExamples, Prompt
from tuition.tasks.types import Instance, Task

Count = Callable[[str], int]
TooLong = Literal["shorten", "drop-instance", "raise"]
"""What happens to an instance that does not fit: it is shortened, dropped, or refused."""
End = Literal["end", "start"]


@dataclass(frozen=True, slots=True)
class LengthPolicy:
    """How many tokens a prompt may have, and how a longer one is shortened.

    `room` tokens are reserved for special tokens or for an answer yet to be generated. Under `shorten`, few-shot
    examples are dropped first, from the last; then the instance's text is truncated at its `cut` end.
    """

    limit: int
    too_long: TooLong = "shorten"
    cut: End = "end"
    room: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits, and what was dropped or truncated for it; `prompt` is None where the instance was dropped."""

    prompt: Prompt | None
    dropped_examples: int = 0
    cut_tokens: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing was dropped or truncated."""
        return self.prompt is not None and not self.dropped_examples and not self.cut_tokens


@dataclass(frozen=True, slots=True)
class FitLedger:
    """How many prompts of one task were shortened or dropped, and how much they lost."""

    prompts: int
    with_dropped_examples: int
    with_cut_input: int
    cut_tokens: int
    dropped_examples: int = 0
    dropped_instances: int = 0

    def __str__(self) -> str:
        """A sentence for the report; empty where nothing was lost."""
        parts = []
        if self.dropped_instances:
            were = "was" if self.dropped_instances == 1 else "were"
            parts.append(f"{self.dropped_instances} of {self.prompts} instances {were} too long and left out")
        if self.with_dropped_examples:
            parts.append(f"{self.with_dropped_examples} of {self.prompts} prompts lost examples")
        if self.with_cut_input:
            parts.append(f"{self.with_cut_input} of {self.prompts} inputs lost {self.cut_tokens} tokens")
        return "; ".join(parts)


def ledger(fitted: Iterable[Fitted]) -> FitLedger:
    """Sum up what was dropped and truncated in a task's prompts."""
    rows = list(fitted)
    return FitLedger(
        prompts=len(rows),
        with_dropped_examples=sum(row.dropped_examples > 0 for row in rows),
        with_cut_input=sum(row.cut_tokens > 0 for row in rows),
        cut_tokens=sum(row.cut_tokens for row in rows),
        dropped_examples=sum(row.dropped_examples for row in rows),
        dropped_instances=sum(row.prompt is None for row in rows),
    )


def fit(
    task: Task,
    instance: Instance,
    encoding: Encoding,
    policy: LengthPolicy,
    count: Count,
    *,
    output: str = "",
    shown: InContextExamples = NO_EXAMPLES,
    seed: int = 0,
) -> Fitted:
    """Encode an instance within the policy's limit, dropping and truncating as little as possible.

    Args:
        task: where the instruction comes from.
        instance: the row to encode.
        encoding: which elements the prompt has, and their wording.
        policy: the limit of prefix, body, target and room together, and how longer prompts are shortened.
        count: the number of tokens of a text alone.
        output: the target; where empty, the instance's main output is used but takes no room.
        shown: exemplars and demonstrations, for an encoding that has any.
        seed: decides which encoding or template an instance gets, where one is sampled.

    Raises:
        UserError: definition and target alone do not fit; or anything does not, under the policy `raise`.
    """
    encoder = _Encoder(task, instance, variant(task, instance, encoding, seed), output or None, shown, seed)
    whole = encoder.prompt()
    # An answer to be generated is not counted: `room` is reserved for it.
    taken = policy.room + (count(whole.target) if output else 0)
    length = taken + count(whole.prefix) + count(whole.body)
    if length <= policy.limit:
        return Fitted(whole)
    if policy.too_long == "drop-instance":
        return Fitted(None)
    if policy.too_long == "raise":
        raise UserError(
            f"task {clip(task.name)}, instance {clip(instance.id)}: {length} tokens with its target, and "
            f"{policy.limit} are allowed; raise max_length, or choose `too_long: shorten` or `drop-instance`"
        )
    room = policy.limit - taken
    counts, dropped = _fewer_examples(encoder, room, count)
    return _shorter_text(encoder, counts, dropped, room, policy, count)


@dataclass(frozen=True, slots=True)
class _Encoder:
    """One instance and all that decides its prompt."""

    task: Task
    instance: Instance
    encoding: Encoding
    output: str | None
    shown: InContextExamples
    seed: int

    def prompt(self, counts: dict[ElementKind, int] | None = None, instance: Instance | None = None) -> Prompt:
        row = self.instance if instance is None else instance
        return encode(
            self.task, row, self.encoding, output=self.output, shown=self.shown, seed=self.seed, counts=counts
        )


def _fewer_examples(encoder: _Encoder, room: int, count: Count) -> tuple[dict[ElementKind, int], int]:
    """Drop examples from the last, kind by kind, until prefix and body fit; else drop them all."""
    counts = example_counts(encoder.task, encoder.encoding, encoder.shown)
    dropped = 0
    for kind in EXAMPLES:
        while counts.get(kind):
            counts[kind] -= 1
            dropped += 1
            shorter = encoder.prompt(counts)
            if count(shorter.prefix) + count(shorter.body) <= room:
                return counts, dropped
    return counts, dropped


def _shorter_text(
    encoder: _Encoder, counts: dict[ElementKind, int], dropped: int, room: int, policy: LengthPolicy, count: Count
) -> Fitted:
    """Keep as much of the instance's text as there is room for, truncating its longest field first."""
    whole = encoder.prompt(counts)

    def kept(characters: int) -> Prompt:
        # A template may take the target from a field that is truncated for the input: the target stays whole.
        shorter = encoder.prompt(counts, _cut(encoder.instance, characters, policy.cut))
        return dataclasses.replace(shorter, target=whole.target)

    def tokens(prompt: Prompt) -> int:
        return count(prompt.prefix) + count(prompt.body)

    if tokens(whole) <= room:
        return Fitted(whole, dropped)
    low, high = 0, _longest(encoder.instance)
    if tokens(kept(0)) > room:
        raise UserError(
            f"task {clip(encoder.task.name)}, instance {clip(encoder.instance.id)}: the instruction without examples "
            f"({count(whole.prefix)} tokens) and the target with its room ({policy.limit - room}) leave nothing for "
            f"the input within {policy.limit} tokens; raise max_length up to the model's context, use a "
            "shorter encoding, or drop such rows from training (`too_long: drop-instance`)"
        )
    while low < high:
        middle = (low + high + 1) // 2
        if tokens(kept(middle)) <= room:
            low = middle
        else:
            high = middle - 1
    prompt = kept(low)
    return Fitted(prompt, dropped, tokens(whole) - tokens(prompt))


def _longest(instance: Instance) -> int:
    return max([len(instance.input), *(len(value) for value in instance.fields.values() if isinstance(value, str))])


def _cut(instance: Instance, characters: int, end: End) -> Instance:
    """Return the instance with its input, and every text field, truncated to so many characters."""

    def cut(text: str) -> str:
        if len(text) <= characters:
            return text
        return text[:characters] if end == "end" else text[len(text) - characters :]

    fields = {name: cut(value) if isinstance(value, str) else value for name, value in instance.fields.items()}
    return dataclasses.replace(instance, input=cut(instance.input), fields=fields)
