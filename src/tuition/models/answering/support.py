"""Which models answer over lanes: those whose keys and values of every position lie side by side, proven by running."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import nn

from tuition.models.answering.lane_attention import lane_attention
from tuition.models.answering.lane_cache import LaneCache
from tuition.models.answering.lane_model import LaneModel
from tuition.models.prefix import soft_prompt
from tuition.models.seq2seq import is_encoder_decoder

_log = logging.getLogger(__name__)
_PREFIX, _BODIES, _ANSWER = 5, (3, 1), 2


@dataclass(frozen=True, slots=True)
class Support:
    """Why a model cannot answer over lanes (empty where it can), and what one column of one slot takes in bytes."""

    refused: str
    column_bytes: int = 0


class _Bypassed(Protocol):
    def bypassed(self) -> AbstractContextManager[None]:
        """Let the base alone run meanwhile."""


_found: WeakKeyDictionary[nn.Module, Support] = WeakKeyDictionary()


def lane_support(model: nn.Module, bank: _Bypassed | None = None) -> Support:
    """Return whether a model answers over lanes as it does row by row; what was found is remembered.

    A short probe compares the logits of two prefixes with two rows each, over two steps, with whole sequences run
    alone. It fails for models that keep another cache than plain attention (recurrent, hybrid).
    """
    if model not in _found:
        with bank.bypassed() if bank is not None else nullcontext():
            _found[model] = _probed(model)
        if _found[model].refused:
            _log.warning("tasks are answered one after another: %s", _found[model].refused)
    return _found[model]


def _probed(model: nn.Module) -> Support:
    around: Any = model
    inner: Any = around.get_base_model() if hasattr(around, "get_base_model") else around
    name = type(inner).__name__
    if is_encoder_decoder(model):
        return Support(f"{name} is an encoder-decoder")
    if soft_prompt(model) is not None:
        return Support("the model has a soft prompt of its own")
    if getattr(inner.config.get_text_config(), "attention_chunk_size", None):
        return Support(f"{name} has chunked attention")
    if "position_ids" not in inspect.signature(inner.forward).parameters:
        return Support(f"{name} numbers tokens by columns, padding included")
    was_training = model.training
    model.eval()
    try:
        return _compared(model, name)
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError, KeyError) as error:
        return Support(f"{name} does not run over lanes ({error})")
    finally:
        model.train(was_training)


@torch.inference_mode()
def _compared(model: nn.Module, name: str, tolerance: float = 1e-3) -> Support:
    parameter = next(model.parameters())
    around: Any = model
    vocabulary = int(around.get_input_embeddings().weight.shape[0])
    ids = [(7 * i + 3) % vocabulary for i in range(40)]
    prefixes = [ids[:_PREFIX], ids[20 : 20 + _PREFIX - 2]]
    bodies = [ids[at : at + length] for at, length in zip((6, 9, 12, 30), _BODIES * 2, strict=True)]
    answers = [ids[at : at + _ANSWER] for at in (15, 17, 33, 37)]
    wanted = torch.stack(
        [_alone(model, [*prefixes[row // 2], *bodies[row], *answers[row]], parameter.device) for row in range(4)]
    )
    cache = LaneCache(2, 2, prefix=_PREFIX, columns=max(_BODIES) + _ANSWER, device=parameter.device)
    with lane_attention(model):
        found = _over_lanes(LaneModel(model, cache), prefixes, bodies, answers)
    loose = max(tolerance, 16 * torch.finfo(parameter.dtype).eps) * wanted.abs().clamp(min=1.0)
    if not bool(((found - wanted).abs() <= loose).all()):
        return Support(f"{name} keeps another cache than plain attention")
    if not _windows_are_known(around.config.get_text_config(), cache):
        return Support(f"{name} does not pass its sliding windows to attention")
    column = sum(layer.keys[0, :, 0].numel() + layer.values[0, :, 0].numel() for layer in cache.layers.values())
    return Support("", column * next(iter(cache.layers.values())).keys.element_size())


def _windows_are_known(config: Any, cache: LaneCache) -> bool:
    """Whether attention was given the window of every layer that has one: the probe's rows are too short to show it."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"] * len(
        cache.windows
    )
    wanted = [window if kind == "sliding_attention" else None for kind in kinds]
    return [cache.windows.get(layer) for layer in range(len(kinds))] == wanted


def _alone(model: nn.Module, whole: Sequence[int], device: torch.device) -> torch.Tensor:
    running: Any = model
    out = running(input_ids=torch.tensor([whole], device=device), use_cache=False)
    logits: torch.Tensor = out.logits[0, -_ANSWER - 1 :]
    return logits.float().log_softmax(dim=-1)


def _over_lanes(
    lanes: LaneModel, prefixes: Sequence[list[int]], bodies: Sequence[list[int]], answers: Sequence[list[int]]
) -> torch.Tensor:
    lanes.run_prefixes([0, 1], prefixes, [None, None])
    logits, _ = lanes.run_bodies(range(4), bodies, [None] * 4)
    found = [logits]
    given = torch.tensor(answers, device=logits.device)
    lanes.begin(range(4), given[:, 0])
    for step in range(_ANSWER):
        width = max(_BODIES) + step + 1
        found.append(lanes.step([None, None], prefix=_PREFIX, width=width))
        lanes.follow(given[:, min(step + 1, _ANSWER - 1)])
    return torch.stack(found, dim=1).float().log_softmax(dim=-1)
