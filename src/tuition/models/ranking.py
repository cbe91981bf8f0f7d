"""Options foretold: the log-probability of every token of every option, all from one pass through a tree.

The tree is a task's prefix, behind it each instance's body, behind it the instance's options. For a causal model the
prefix is run once, and body and options of a row in one pass, under a mask by which an option's token sees the
prefix, the body and the tokens before it in its own option. An option's last token is foretold and never run, so
options of one token cost nothing beyond the body. What comes out equals scoring every whole sequence alone.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from tuition.models.batches import IGNORED, collate, group_by_prefix
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
    batch_size: int = 32,
    share_prefix: bool = True,
    advance: Callable[[int], None] = lambda done: None,
) -> list[LogProbabilities]:
    """Return log p(token | prefix, body, the option's earlier tokens) for each token of each prompt's options.

    Args:
        model: a causal language model or an encoder-decoder; tuned by an adapter, or by a soft prompt, or not at all.
        prompts: the questions; their targets are not looked at.
        options: the tokens of each prompt's options; as many lists as prompts. Options may repeat.
        opening: tokens that every answer of an encoder-decoder begins with, which are given and not foretold.
        batch_size: prompts run at once; fewer where their options have many tokens.
        share_prefix: run each prefix once and options as a tree; without it every sequence is run whole.
        advance: is told how many prompts were finished.

    Raises:
        ValueError: there are more prompts than lists of options or fewer, or an option or a prompt has no token.
    """
    if len(prompts) != len(options):
        raise ValueError(f"{len(prompts)} prompts but {len(options)} lists of options; give one to each")
    if not all(option for own in options for option in own):
        raise ValueError("every option needs a token at least")
    asking = [at for at, own in enumerate(options) if own]
    advance(len(options) - len(asking))
    questions = [(_asked(prompts[at]), options[at]) for at in asking]
    found: list[LogProbabilities] = [[()] * len(own) for own in options]
    if is_encoder_decoder(model):
        rows = pair_log_probabilities(model, questions, opening=opening, batch_size=batch_size, advance=advance)
        for at, row in zip(asking, rows, strict=True):
            found[at] = row
        return found
    longest = max((len(p.prefix) + len(p.body) + max(map(len, own)) for p, own in questions), default=0)
    exact = share_prefix and _tree_reaches(model, longest) and tree_is_exact(model)
    way = by_tree if exact else _by_rows
    for at, option, log_probabilities in way(model, questions, batch_size, share_prefix, advance):
        found[asking[at]][option] = log_probabilities
    return found


def _asked(prompt: TokenizedPrompt) -> TokenizedPrompt:
    """Return a prompt with a body, from whose last token its options follow."""
    if prompt.body:
        return TokenizedPrompt(prompt.prefix, prompt.body, ())
    if not prompt.prefix:
        raise ValueError("every prompt needs a token at least, from which its options follow")
    return TokenizedPrompt(prompt.prefix[:-1], prompt.prefix[-1:], ())


def _by_rows(
    model: nn.Module, questions: Questions, batch_size: int, share: bool, advance: Callable[[int], None]
) -> Found:
    """Each option as a row of its own, padded at the right: what serves where layers look back over a window."""
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
            input_ids=batch.rows, attention_mask=batch.mask, use_cache=False, logits_to_keep=batch.asking
        ).logits
    logits, labels = logits.float(), batch.labels[:, batch.asking + 1]
    learnt = labels != IGNORED
    chosen = logits.gather(2, labels.clamp(min=0)[..., None])[..., 0] - logits.logsumexp(dim=-1)
    return [tuple(row[kept].tolist()) for row, kept in zip(chosen, learnt, strict=True)]


def tree_is_exact(model: nn.Module, *, tolerance: float = 1e-3) -> bool:
    """Whether a causal model gives the same log-probabilities by a tree as row by row, on two short questions.

    Models that place tokens by columns (ALiBi), or keep another cache than plain attention, may fail; they then take
    a row for each option. `tolerance` is in nats, for fp32; it is loosened by the model's own precision. What was found
    is remembered as long as the model is.
    """
    if model in _exact:
        return _exact[model]
    around: Any = model
    inner: Any = around.get_base_model() if hasattr(around, "get_base_model") else around
    if "position_ids" not in inspect.signature(inner.forward).parameters:
        _exact[model] = False  # It would place tokens by columns, which short questions in low precision hardly show.
        return False
    ids = tuple((7 * i + 3) % vocabulary(model) for i in range(40))
    # Many options side by side put the last far from its question by columns, though not by position.
    beside = [(token, ids[0]) for token in ids[8:]]
    questions = [
        (TokenizedPrompt(ids[:2], ids[2:4], ()), [ids[4:6], *beside, ids[3:6], (ids[4], *ids[6:8])]),
        (TokenizedPrompt(ids[:2], ids[1:2], ()), [*beside, ids[4:6], ids[3:5]]),
    ]
    loose = max(tolerance, 16 * torch.finfo(next(model.parameters()).dtype).eps)
    was_training = model.training
    model.eval()
    try:
        ways = [
            {(at, option): sum(found) for at, option, found in way(model, questions, 64, False, lambda done: None)}
            for way in (by_tree, _by_rows)
        ]
        _exact[model] = all(
            abs(ways[0][place] - value) <= loose * max(1.0, abs(value)) for place, value in ways[1].items()
        )
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
        _log.info("ranking by a tree failed: %s", error)
        _exact[model] = False
    finally:
        model.train(was_training)
    return _exact[model]


def _tree_reaches(model: nn.Module, longest: int) -> bool:
    """Whether every token of sequences of `longest` tokens sees all those before it, as a tree's mask says."""
    if not counts_padding(model):
        return True
    config: Any = model.config
    told = config.get_text_config()
    windows = [getattr(told, name, None) for name in ("sliding_window", "attention_chunk_size")]
    soft = soft_prompt(model)
    return longest + (0 if soft is None else soft.shape[1]) <= min(int(window) for window in windows if window)
