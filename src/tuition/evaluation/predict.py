"""Predictions: what a model answers to a task's test instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.models.batches import BATCHING, Batching
from tuition.models.decoding import GREEDY, Decoding, cut_at_stop
from tuition.models.generation import generate
from tuition.models.seq2seq import answer_pairs

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel
    from tuition.models.tokens import PromptTokenizer, TokenizedPrompt


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer; `ended` is False where the token limit cut it, not an end token or a stop string."""

    text: str
    tokens: int
    ended: bool


def predict(
    loaded: LoadedModel,
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    *,
    new_tokens: int,
    decoding: Decoding = GREEDY,
    tokens: PromptTokenizer | None = None,
    batching: Batching = BATCHING,
    advance: Callable[[float], None] = lambda done: None,
) -> list[Prediction]:
    """Answer each prompt in at most `new_tokens` tokens, greedily by default.

    White space around an answer is stripped, since the encodings put a space before each target.

    Args:
        loaded: the base model with its tokenizer.
        tuned: the module that answers: the base model, with or without a tuner loaded.
        prompts: what to answer.
        new_tokens: the maximum number of tokens in an answer.
        decoding: beam search, sampling, and stop strings, which are not part of an answer.
        tokens: the tokenizer that encoded the prompts, if not the model's plain one (a chat tokenizer, say).
        batching: the batch size, and whether each shared prefix is run once.
        advance: called with the number of rows answered since the last call; fractions as tokens are generated.
    """
    tokens = tokens or loaded.tokens
    end = end_tokens(loaded, tokens)
    if loaded.encoder_decoder:
        rows = answer_pairs(
            tuned,
            prompts,
            end=end,
            new_tokens=new_tokens,
            decoding=decoding,
            decode=tokens.decode,
            batch_size=batching.size,
            advance=advance,
        )
    else:
        rows = generate(
            tuned,
            prompts,
            decoding,
            end=end,
            new_tokens=new_tokens,
            decode=tokens.decode,
            batching=batching,
            advance=advance,
        )
    return read_answers(rows, tokens, decoding, new_tokens)


def read_answers(
    rows: Sequence[Sequence[int]], tokens: PromptTokenizer, decoding: Decoding, new_tokens: int
) -> list[Prediction]:
    """Return answers as text, up to a text at which they stop, without white space around them.

    Args:
        rows: the tokens of each answer.
        tokens: the tokenizer that made the prompts.
        decoding: the texts to stop at.
        new_tokens: the most tokens that an answer may have.
    """
    predictions = []
    for row in rows:
        whole = tokens.decode(row)
        text = cut_at_stop(whole, decoding.stop)
        predictions.append(Prediction(text.strip(), len(row), len(row) < new_tokens or len(text) < len(whole)))
    return predictions


def end_tokens(loaded: LoadedModel, tokens: PromptTokenizer) -> frozenset[int]:
    """Return the tokens that end an answer: the tokenizer's end token and those in the model's configuration."""
    configured = getattr(loaded.model.generation_config, "eos_token_id", None)
    others = configured if isinstance(configured, (list, tuple)) else [] if configured is None else [configured]
    return frozenset({tokens.end, *(int(token) for token in others)})
