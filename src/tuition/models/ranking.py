"""Option scoring: the log-probability of every token of every option, from one pass through a tree.

The tree is a task's prefix, followed by each instance's body, followed by the instance's options. For a causal model
the prefix is run once, and body and options of a row in one pass, with a mask by which an option's token attends to the
prefix, the body and the earlier tokens of its own option. An option's last token is predicted and never run, so
options of one token cost nothing beyond the body. The result equals scoring every whole sequence alone.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from tuition.models.batches import BATCHING, IGNORED, Batching, collate, group_by_prefix
from tuition.models.option_tree import Tokens
from tuition.models.prefix import counts_padding, shared_logits, sharing_is_exact, soft_prompt
from tuition.models.seq2seq import is_encoder_decoder
from tuition.models.seq2seq_ranking import pair_log_probabilities
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tree_attention import Found, LogProbabilities, Questions, by_tree, logits_room, vocabulary

_log = logging.getLogger(__name__)
_exact: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


@torch.inference_mode()
def option_log_probabilities(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    options: Sequence[Sequence[Tokens]],
    *,
    opening: Tokens = (),
    batching: Batching = BATCHING,
    advance: Callable[[int], None] = lambda done: None,
) -> list[LogProbabilities]:
    """Return log p(token | prefix, body, the option's earlier tokens) for each token of each prompt's options.

    Args:
        model: a causal language model or an encoder-decoder, with an adapter, a soft prompt, or neither.
        prompts: the questions; their targets are ignored.
        options: the tokens of each prompt's options; as many lists as prompts. Options may repeat.
        opening: tokens with which every answer of an encoder-decoder starts; they are given and not scored.
        batching: how many prompts are run at once (fewer where their options have many tokens), and whether each
            prefix is run once and options as a tree; without that, every sequence is run whole.
        advance: called with the number of prompts finished.

    Raises:
        ValueError: the numbers of prompts and of lists of options differ, or an option or a prompt has no token.
    """
    if len(prompts) != len(options):
        raise ValueError(f"{len(prompts)} prompts but {len(options)} lists of options; give one to each")
    if not all(option for own in options for option in own):
        raise ValueError("every option needs at least one token")
    with_options = [at for at, own in enumerate(options) if own]
    advance(len(options) - len(with_options))
    questions = [(_question(prompts[at]), options[at]) for at in with_options]
    found: list[LogProbabilities] = [[()] * len(own) for own in options]
    if is_encoder_decoder(model):
        rows = pair_log_probabilities(model, questions, opening=opening, batch_size=batching.size, advance=advance)
        for at, row in zip(with_options, rows, strict=True):
            found[at] = row
        return found
    longest = max((len(p.prefix) + len(p.body) + max(map(len, own)) for p, own in questions), default=0)
    exact = batching.share_prefix and _tree_reaches(model, longest) and tree_is_exact(model)
    score = by_tree if exact else _by_rows
    for at, option, log_probabilities in score(model, questions, batching.size, batching.share_prefix, advance):
        found[with_options[at]][option] = log_probabilities
    return found


def _question(prompt: TokenizedPrompt) -> TokenizedPrompt:
    """Return a prompt with a body, whose last token predicts the first token of each option."""
    if prompt.body:
        return TokenizedPrompt(prompt.prefix, prompt.body, ())
    if not prompt.prefix:
        raise ValueError("every prompt needs at least one token: it predicts the first token of each option")
    return TokenizedPrompt(prompt.prefix[:-1], prompt.prefix[-1:], ())


def _by_rows(
    model: nn.Module, questions: Questions, batch_size: int, share: bool, advance: Callable[[int], None]
) -> Found:
    """Score each option as a row of its own, padded at the right; this works with sliding windows too."""
    always = soft_prompt(model) is not None
    share = always or (share and sharing_is_exact(model))
    rows = [(at, option) for at, (_, own) in enumerate(questions) for option in range(len(own))]
    whole = [_row(*questions[at], option, share) for at, option in rows]
    left = [len(own) for _, own in questions]
    for group in group_by_prefix(whole):
        ordered = sorted(group, key=lambda row: len(whole[row].body) + len(whole[row].target), reverse=True)
        while ordered:
            columns = max(len(whole[row].body) + len(whole[row].target) for row in ordered[:batch_size])
            room = max(logits_room(model) // columns, 1)
            taken, ordered = ordered[: min(room, batch_size)], ordered[min(room, batch_size) :]
            done = 0
            for row, log_probabilities in zip(taken, _scored(model, [whole[row] for row in taken], share), strict=True):
                at, option = rows[row]
                yield at, option, log_probabilities
                left[at] -= 1
                done += not left[at]
            advance(done)


def _row(prompt: TokenizedPrompt, own: Sequence[Tokens], option: int, share: bool) -> TokenizedPrompt:
    if share:
        return TokenizedPrompt(prompt.prefix, prompt.body, tuple(own[option]))
    return TokenizedPrompt((), prompt.prefix + prompt.body, tuple(own[option]))


def _scored(model: nn.Module, rows: Sequence[TokenizedPrompt], share: bool) -> LogProbabilities:
    """Return the log-probabilities of the targets of rows of one prefix."""
    batch = collate(rows, pad_right=True).to(next(model.parameters()).device)
    if share:
        logits = shared_logits(model, batch)
    else:
        running: Any = model
        logits = running(
            input_ids=batch.rows, attention_mask=batch.mask, use_cache=False, logits_to_keep=batch.logit_columns
        ).logits
    logits, labels = logits.float(), batch.labels[:, batch.logit_columns + 1]
    labelled = labels != IGNORED
    chosen = logits.gather(2, labels.clamp(min=0)[..., None])[..., 0] - logits.logsumexp(dim=-1)
    return [tuple(row[kept].tolist()) for row, kept in zip(chosen, labelled, strict=True)]


def tree_is_exact(model: nn.Module, *, tolerance: float = 1e-3) -> bool:
    """Whether a causal model gives the same log-probabilities with a tree as row by row, on two short questions.

    Models that take positions from columns (ALiBi), or use another cache than plain attention, may fail; they then run
    a row for each option. `tolerance` is in nats, for fp32; it is loosened for a model in lower precision. The result
    is cached as long as the model exists.
    """
    if model in _exact:
        return _exact[model]
    wrapped: Any = model
    inner: Any = wrapped.get_base_model() if hasattr(wrapped, "get_base_model") else wrapped
    if "position_ids" not in inspect.signature(inner.forward).parameters:
        _exact[model] = False  # It takes positions from columns; short questions in low precision hardly show that.
        return False
    ids = tuple((7 * i + 3) % vocabulary(model) for i in range(40))
    # With many options, the last is far from its question in columns, though not in position.
    others = [(token, ids[0]) for token in ids[8:]]
    questions = [
        (TokenizedPrompt(ids[:2], ids[2:4], ()), [ids[4:6], *others, ids[3:6], (ids[4], *ids[6:8])]),
        (TokenizedPrompt(ids[:2], ids[1:2], ()), [*others, ids[4:6], ids[3:5]]),
    ]
    loose = max(tolerance, 16 * torch.finfo(next(model.parameters()).dtype).eps)
    was_training = model.training
    model.eval()
    try:
        tree, rows = (
            {(at, option): sum(found) for at, option, found in score(model, questions, 64, False, lambda done: None)}
            for score in (by_tree, _by_rows)
        )
        _exact[model] = all(abs(tree[key] - value) <= loose * max(1.0, abs(value)) for key, value in rows.items())
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
        _log.info("scoring options as a tree failed: %s", error)
        _exact[model] = False
    finally:
        model.train(was_training)
    return _exact[model]


def _tree_reaches(model: nn.Module, longest: int) -> bool:
    """Whether each token of a sequence of `longest` tokens can attend to all earlier ones, as a tree's mask assumes."""
    if not counts_padding(model):
        return True
    config: Any = model.config
    text_config = config.get_text_config()
    windows = [getattr(text_config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    soft = soft_prompt(model)
    return longest + (0 if soft is None else soft.shape[1]) <= min(int(window) for window in windows if window)
