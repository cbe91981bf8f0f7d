"""Prompts as tokens: the three parts each on their own, joined into one sequence, with a mask over what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Parts(Protocol):
    """A prompt's three parts, as `prompts.Prompt` has them; models need know no more of it."""

    @property
    def prefix(self) -> str:
        """What all instances of a task share."""

    @property
    def body(self) -> str:
        """What this instance adds."""

    @property
    def target(self) -> str:
        """What is to be learnt."""


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """Token ids of a prompt's parts. A sequence is their concatenation; only `target` is learnt.

    `prefix` begins with the tokenizer's start token where it has one; `target` ends with its end token.
    """

    prefix: tuple[int, ...]
    body: tuple[int, ...]
    target: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The whole sequence."""
        return self.prefix + self.body + self.target

    @property
    def source_length(self) -> int:
        """The number of tokens that are given, not learnt."""
        return len(self.prefix) + len(self.body)

    @property
    def label_mask(self) -> tuple[bool, ...]:
        """True where a token is learnt, one entry a token of `ids`."""
        return (False,) * self.source_length + (True,) * len(self.target)


class PromptTokenizer:
    """Turns prompts into tokens with a Hugging Face tokenizer, part by part.

    A part's tokens do not depend on its neighbours, so the shared and the plain path see the very same sequence.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Learn from `tokenizer` which tokens open a sequence and which closes it.

        Raises:
            UserError: it has no end token, without which a model would never learn to stop.
        """
        self.tokenizer = tokenizer
        if tokenizer.eos_token_id is None:
            raise UserError(f"the tokenizer {tokenizer.name_or_path!r} has no end token; set its eos_token")
        self.end: int = int(tokenizer.eos_token_id)
        self.start: tuple[int, ...] = _around(tokenizer)[0]
        self.before_answer: tuple[int, ...] = ()
        self.target_start: tuple[int, ...] = ()
        self.encodes = False
        self._prefixes: dict[str, tuple[int, ...]] = {}

    def __call__(self, prompts: Sequence[Parts]) -> list[TokenizedPrompt]:
        """Return the tokens of each prompt, in order."""
        bodies = self.ids([prompt.body for prompt in prompts])
        # An encoder-decoder's target is a text of its own, so the space that parts it from a source goes.
        told = [prompt.target.removeprefix(" ") if self.encodes else prompt.target for prompt in prompts]
        targets = [self.target_start + ids for ids in self.ids(told)]
        return [
            TokenizedPrompt(self._prefix(prompt.prefix), body + self.before_answer, (*target, self.end))
            for prompt, body, target in zip(prompts, bodies, targets, strict=True)
        ]

    @property
    def overhead(self) -> int:
        """How many tokens a whole sequence has besides those of its three texts."""
        return len(self.start) + len(self.before_answer) + 1

    def in_chat(self) -> PromptTokenizer:
        """Return a tokenizer that puts prompts into the model's own chat template, as one user's turn.

        What the template says around the turn is read with its special tokens; what a prompt says never is.

        Raises:
            UserError: the tokenizer has no chat template, or one that does not keep the turn together.
        """
        framed = PromptTokenizer(self.tokenizer)
        before, after, end = _chat_frame(self.tokenizer)
        framed.start, framed.before_answer = self._special(before), self._special(after)
        closing = self._special(end)
        framed.end = next((token for token in closing if token in self.tokenizer.all_special_ids), self.end)
        return framed

    def for_encoder(self) -> PromptTokenizer:
        """Return a tokenizer for an encoder-decoder: sources and targets each with their own start and end tokens."""
        pair = PromptTokenizer(self.tokenizer)
        pair.start, pair.before_answer = _around(self.tokenizer)
        pair.target_start, pair.encodes = pair.start, True
        return pair

    def _special(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()

    def ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token ids of each text alone, with no special tokens added or read."""
        if not texts:
            return []
        rows = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [tuple(row) for row in rows]

    def count(self, text: str) -> int:
        """Return the number of tokens of a text alone."""
        return len(self.ids([text])[0])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated tokens, without special tokens, otherwise as it is."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def _prefix(self, text: str) -> tuple[int, ...]:
        if text not in self._prefixes:
            self._prefixes[text] = self.start + self.ids([text])[0]
        return self._prefixes[text]


_MARK = "\x02"


def _chat_frame(tokenizer: PreTrainedTokenizerBase) -> tuple[str, str, str]:
    """Return what a chat template says before a user's turn, between it and the answer, and behind the answer."""
    if not getattr(tokenizer, "chat_template", None):
        raise UserError(
            f"the tokenizer {tokenizer.name_or_path!r} has no chat template; use the encoding without `chat`"
        )
    asked = [{"role": "user", "content": _MARK}]
    answered = [*asked, {"role": "assistant", "content": _MARK}]
    with library_errors(f"the chat template of {tokenizer.name_or_path!r} fails", "use the encoding without `chat`"):
        asking = str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))
        told = str(tokenizer.apply_chat_template(answered, tokenize=False))
    if asking.count(_MARK) != 1 or told.count(_MARK) != 2:
        raise UserError(
            f"the chat template of {tokenizer.name_or_path!r} does not tell a user's turn once, as it stands"
        )
    before, _, after = asking.partition(_MARK)
    return before, after, told.rpartition(_MARK)[2]


def _around(tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens that a tokenizer puts before a text, and those behind it."""
    with_special = list(tokenizer("a")["input_ids"])
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    for start in range(len(with_special) - len(plain) + 1):
        if with_special[start : start + len(plain)] == plain:
            return tuple(with_special[:start]), tuple(with_special[start + len(plain) :])
    return (), ()
