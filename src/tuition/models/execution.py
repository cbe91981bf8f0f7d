"""How training runs on a device: chosen here, for all of training.

On a CPU nothing waits to be launched, and short packs, caches of prefixes and plain matrix products were measured to be
the fastest (`objective`, `attention`). On a CUDA device a small model's step is thousands of launches that take longer
than their work: measured on an H200, 13,700 launches a step of a 135 M model, 72 ms of work in 430 ms. There everything
goes in one pass of few shapes, which a CUDA graph launches at once, and nothing is read back before it is needed.

Attention on CUDA is torch's scaled dot product with a mask over the whole pack. FlexAttention would skip the masked
blocks, but has to be compiled for each shape; variable-length kernels know no shared prefix. The prototype whose
figures docs/concepts/many-adapters.md gives ran masked products at lengths of about 450.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Execution:
    """What a device does its training with.

    `packed` puts a batch's prefixes and rows into rectangles of packed sequences (`packs`), where that is exact.
    `ahead` launches steps without waiting for their losses, which are read back every few steps.
    """

    packed: bool
    ahead: bool


def execution_for(device: torch.device) -> Execution:
    """Return how training runs on `device`."""
    cuda = device.type == "cuda"
    return Execution(packed=cuda, ahead=cuda)
