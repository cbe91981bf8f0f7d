"""Counting for a remote model: a step's tokens as its server reports them, and a prompt's before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tuition.evaluation.remote import guessed_tokens
from tuition.evaluation.remote.cost import Tokens
from tuition.studies.planning.steps import EvaluateStep

_MOST_NEW_TOKENS = 128
# What a server's chat template puts around a prompt, about.
_AROUND = 64


@dataclass(slots=True)
class Account:
    """What a step's answers took, as the server counts it, whenever they were paid for."""

    answers: int = 0
    uncounted: int = 0
    empty: int = 0
    taken: Tokens = field(default_factory=Tokens)
    models: dict[str, None] = field(default_factory=dict)
    ranked: dict[str, Any] = field(default_factory=dict)

    def add(self, model: str, usage: Tokens | None) -> None:
        """Count a request's answer: the model that gave it, and its tokens where the server reports them."""
        self.answers += 1
        self.uncounted += usage is None
        self.taken += usage or Tokens()
        if model:
            self.models[model] = None

    def details(self) -> dict[str, Any]:
        """Return it as the store keeps it."""
        return {
            "answered_by": list(self.models),
            "answers": self.answers,
            "prompt_tokens": self.taken.prompt,
            "answer_tokens": self.taken.answer,
            "uncounted": self.uncounted,
            "empty": self.empty,
            "ranked": self.ranked,
        }


class Counts:
    """Counts tokens: by a local tokenizer where one is named, or else by a guess; `how` is which of these."""

    def __init__(self, tokenizer: str, say: Callable[[str], None]) -> None:
        """Load the tokenizer of the local model that is named, if any.

        Raises:
            UserError: it cannot be found.
        """
        self._tokens = None
        self._around: dict[bool, int] = {}
        self.how = "guessed, one for every 4 bytes"
        if tokenizer:
            from tuition.models.load import load_tokens

            self._tokens = load_tokens(tokenizer, say=say)
            self.how = f"counted by the tokenizer of {tokenizer}"

    def count(self, text: str) -> int:
        """Return a text's tokens."""
        return guessed_tokens(text) if self._tokens is None else self._tokens.count(text)

    def around(self, chat: bool) -> int:
        """Return how many tokens a sequence has in addition to those of its texts, without its end."""
        if chat not in self._around:
            tokens = self._tokens
            guess = _AROUND if chat else 0
            self._around[chat] = guess if tokens is None else (tokens.in_chat() if chat else tokens).overhead - 1
        return self._around[chat]

    def answer_limit(self, step: EvaluateStep) -> int:
        """Return one and a half times the longest answer known from outside the test rows, and a little.

        A guess is doubled, since an answer that is cut costs more than room that is not used.
        """
        if not step.typical_outputs:
            return _MOST_NEW_TOKENS
        longest = max(self.count(f" {out}") for out in step.typical_outputs) * (1 if self._tokens else 2)
        return min(_MOST_NEW_TOKENS, longest + longest // 2 + 4)
