"""Prompts as tokens: three parts, tokenized separately and joined, with a label mask over the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Parts(Protocol):
    """A prompt's three parts, as in `prompts.Prompt`; models need nothing else of it."""

    @property
    def prefix(self) -> str:
        """What all instances of a task share."""

    @property
    def body(self) -> str:
        """What is this instance's own."""

    @property
    def target(self) -> str:
        """The answer that the model is trained on."""


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """Token ids of a prompt's parts. A sequence is their concatenation; the loss is on `target` only.

    `prefix` starts with the tokenizer's start token where it has one; `target` ends with its end token.
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
        """The number of tokens before the target."""
        return len(self.prefix) + len(self.body)

    @property
    def label_mask(self) -> tuple[bool, ...]:
        """True where a token is in the loss; one entry per token of `ids`."""
        return (False,) * self.source_length + (True,) * len(self.target)


class PromptTokenizer:
    """Turns prompts into tokens with a Hugging Face tokenizer, part by part.

    A part's tokens do not depend on the other parts, so a sequence is the same with and without prefix sharing.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read from `tokenizer` which tokens start a sequence and which ends it.

        Raises:
            UserError: it has no end token, without which a model cannot be trained to stop.
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
        # An encoder-decoder's target is a text of its own, so the space that separates it from a source is dropped.
        texts = [prompt.target.removeprefix(" ") if self.encodes else prompt.target for prompt in prompts]
        targets = [self.target_start + ids for ids in self.ids(texts)]
        return [
            TokenizedPrompt(self._prefix(prompt.prefix), body + self.before_answer, (*target, self.end))
            for prompt, body, target in zip(prompts, bodies, targets, strict=True)
        ]

    @property
    def overhead(self) -> int:
        """How many tokens a whole sequence has in addition to those of its three texts."""
        return len(self.start) + len(self.before_answer) + 1

    def in_chat(self) -> PromptTokenizer:
        """Return a tokenizer that puts prompts into the model's own chat template, as one user's turn.

        Special tokens are recognised in the template's own text, and never in a prompt's.

        Raises:
            UserError: the tokenizer has no chat template, or one that splits or repeats the turn.
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
        """Return the token ids of each text alone; special tokens are neither added nor recognised."""
        if not texts:
            return []
        rows = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [tuple(row) for row in rows]

    def count(self, text: str) -> int:
        """Return the number of tokens of a text alone."""
        return len(self.ids([text])[0])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated tokens, without special tokens and otherwise unchanged."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def _prefix(self, text: str) -> tuple[int, ...]:
        if text not in self._prefixes:
            self._prefixes[text] = self.start + self.ids([text])[0]
        return self._prefixes[text]


_MARK = "\x02"


def _chat_frame(tokenizer: PreTrainedTokenizerBase) -> tuple[str, str, str]:
    """Return a chat template's text before a user's turn, between it and the answer, and after the answer."""
    if not getattr(tokenizer, "chat_template", None):
        raise UserError(
            f"the tokenizer {tokenizer.name_or_path!r} has no chat template; use the encoding without `chat`"
        )
    user = [{"role": "user", "content": _MARK}]
    dialogue = [*user, {"role": "assistant", "content": _MARK}]
    with library_errors(f"the chat template of {tokenizer.name_or_path!r} fails", "use the encoding without `chat`"):
        question = str(tokenizer.apply_chat_template(user, tokenize=False, add_generation_prompt=True))
        answered = str(tokenizer.apply_chat_template(dialogue, tokenize=False))
    if question.count(_MARK) != 1 or answered.count(_MARK) != 2:
        raise UserError(
            f"the chat template of {tokenizer.name_or_path!r} does not include a user's turn exactly once, unchanged"
        )
    before, _, after = question.partition(_MARK)
    return before, after, answered.rpartition(_MARK)[2]


def _around(tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens that a tokenizer puts before a text, and those after it."""
    with_special = list(tokenizer("a")["input_ids"])
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    for start in range(len(with_special) - len(plain) + 1):
        if with_special[start : start + len(plain)] == plain:
            return tuple(with_special[:start]), tuple(with_special[start + len(plain) :])
    return (), ()
