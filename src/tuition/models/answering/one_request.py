"""A request answered alone, by the path that serves every model and every decoding."""

from __future__ import annotations

from torch import nn

from tuition.models.answering.requests import Answered, AnswerRequest
from tuition.models.batches import Batching
from tuition.models.generation import generate
from tuition.models.ranking import option_log_probabilities
from tuition.models.seq2seq import answer_pairs, is_encoder_decoder


def answer_alone(model: nn.Module, request: AnswerRequest, *, batch_size: int, reason: str) -> Answered:
    """Answer one request and rank its options, in batches of its own; `reason` is why it is alone."""
    batching = Batching(batch_size, share_prefix=request.share_prefix)
    result = Answered([()] * len(request.prompts), [], alone=reason)
    if request.options:
        result.options = option_log_probabilities(
            model,
            request.prompts,
            request.options,
            opening=request.opening,
            batching=batching,
        )
    if not request.new_tokens:
        return result
    if is_encoder_decoder(model):
        result.answers = answer_pairs(
            model,
            request.prompts,
            end=request.end,
            new_tokens=request.new_tokens,
            decoding=request.decoding,
            decode=request.decode,
            batch_size=batch_size,
        )
        return result
    result.answers = generate(
        model,
        request.prompts,
        request.decoding,
        end=request.end,
        new_tokens=request.new_tokens,
        decode=request.decode,
        batching=batching,
    )
    return result
