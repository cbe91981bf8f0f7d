"""One model prompted by one encoding: tokenizer, length limit, prompts that fit, generated answers.

Studies and exported models both use it, so that a model is prompted after its export as it was in its study.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tuition.evaluation.predict import Prediction, predict
from tuition.models.batches import Batching
from tuition.models.decoding import GREEDY, Decoding
from tuition.prompts.encode import read_answer
from tuition.prompts.fit import End, Fitted, LengthPolicy, TooLong, fit
from tuition.prompts.types import NO_EXAMPLES, Encoding, InContextExamples

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel
    from tuition.models.tokens import TokenizedPrompt
    from tuition.tasks import Instance, Task


class PromptedModel:
    """A loaded base model and how it is prompted.

    The module that answers is an argument of `answer`: the base itself, or the base with an adapter.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        encoding: Encoding,
        *,
        max_length: int,
        too_long: TooLong = "shorten",
        truncated_end: End = "end",
        seed: int = 0,
    ) -> None:
        """Choose the tokenizer and the limit.

        Args:
            loaded: the base model with its tokenizer.
            encoding: how prompts are written; one with `chat` needs a tokenizer with a chat template.
            max_length: the most tokens of prompt and answer together; a smaller context of the model comes first.
            too_long: what becomes of an instance that does not fit.
            truncated_end: which end of the instance's text is truncated.
            seed: the seed by which an instance gets its variant or template, where an encoding has several.

        Raises:
            UserError: the encoding needs a chat template and the tokenizer has none.
        """
        self.loaded, self.encoding, self.seed = loaded, encoding, seed
        self.tokens = loaded.tokens.in_chat() if encoding.chat else loaded.tokens
        self._limit = min(max_length, loaded.context or max_length)
        self._too_long: TooLong = too_long
        self._truncated_end: End = truncated_end

    def training_policy(self) -> LengthPolicy:
        """Return what fits with the output to train on, which is part of the sequence."""
        return self._policy(self.tokens.overhead)

    def answer_policy(self, new_tokens: int) -> LengthPolicy:
        """Return what fits with an answer of up to `new_tokens` tokens."""
        return self._policy(new_tokens + self.tokens.overhead - 1)

    def _policy(self, room: int) -> LengthPolicy:
        return LengthPolicy(self._limit, self._too_long, self._truncated_end, room)

    def fit(
        self,
        task: Task,
        row: Instance,
        policy: LengthPolicy,
        *,
        shown: InContextExamples = NO_EXAMPLES,
        output: str = "",
    ) -> Fitted:
        """Return a row's prompt, shortened as the policy has it.

        Raises:
            UserError: the row is too long and the policy refuses that.
        """
        count = self.loaded.tokens.count
        return fit(task, row, self.encoding, policy, count, output=output, shown=shown, seed=self.seed)

    def tokenize(self, fitted: Iterable[Fitted]) -> list[TokenizedPrompt]:
        """Return the tokens of the prompts that fit; rows that were left out have none."""
        return self.tokens([row.prompt for row in fitted if row.prompt is not None])

    def answer(
        self,
        module: nn.Module,
        prompts: Sequence[TokenizedPrompt],
        *,
        new_tokens: int,
        decoding: Decoding = GREEDY,
        share_prefix: bool = True,
        advance: Callable[[float], None] = lambda done: None,
    ) -> list[Prediction]:
        """Return `module`'s answer to each prompt, of at most `new_tokens` tokens.

        Args:
            module: the base, or the base with an adapter.
            prompts: what `tokenize` returned.
            new_tokens: the most tokens of an answer.
            decoding: beams or sampling, and texts to stop at.
            share_prefix: run a common prefix once.
            advance: is called with how many rows were answered since the last call.
        """
        return predict(
            self.loaded,
            module,
            prompts,
            new_tokens=new_tokens,
            decoding=decoding,
            tokens=self.tokens,
            batching=Batching(share_prefix=share_prefix),
            advance=advance,
        )

    def read(self, answers: Iterable[Prediction]) -> list[str]:
        """Return the texts of answers, without what the encoding puts around them."""
        return [read_answer(answer.text, self.encoding) for answer in answers]
