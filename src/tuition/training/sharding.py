"""Sharded weights (FSDP): each process stores a shard of every weight, its gradient and its moments (torch's FSDP2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.models.recipes import Recipe
from tuition.models.tuners.adapter import packed

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule


_BY_BLOCKS = "TRANSFORMER_BASED_WRAP"
_UNSUPPORTED = {
    "FSDP_OFFLOAD_PARAMS": "leave weights on the GPUs, and use more GPUs, or LoRA",
    "FSDP_ACTIVATION_CHECKPOINTING": "set gradient_checkpointing: true in the recipe",
    "FSDP_ACTIVATION_CHECKPOINTING_OFFLOAD": "set gradient_checkpointing: true in the recipe",
    "FSDP_IGNORED_MODULES": "all weights are sharded",
}


@dataclass(frozen=True, slots=True)
class Sharding:
    """How weights are sharded, from accelerate's FSDP settings.

    `reshard` frees a block's full weights between its forward and its backward pass. `blocks` are the class names of
    the blocks; where empty, those that the model names.
    """

    reshard: bool = True
    blocks: tuple[str, ...] = ()


def read_sharding(environment: Mapping[str, str]) -> Sharding | None:
    """Return the sharding that accelerate's environment variables request; None where they request no FSDP.

    Raises:
        UserError: they request something unsupported.
    """
    if environment.get("ACCELERATE_USE_FSDP", "false").lower() not in ("true", "1"):
        return None
    if environment.get("FSDP_VERSION", "2") != "2":
        raise UserError("accelerate's configuration has fsdp_version: 1, the launcher's default; set fsdp_version: 2")
    if environment.get("FSDP_AUTO_WRAP_POLICY", _BY_BLOCKS) != _BY_BLOCKS:
        raise UserError(f"accelerate's configuration: only fsdp_auto_wrap_policy: {_BY_BLOCKS} is supported; set it")
    for name, instead in _UNSUPPORTED.items():
        if environment.get(name, "false").lower() not in ("false", "none", ""):
            raise UserError(f"accelerate's configuration sets {name.lower()}, which is not supported; {instead}")
    reshard = environment.get("FSDP_RESHARD_AFTER_FORWARD", "true").lower()
    named = environment.get("FSDP_TRANSFORMER_CLS_TO_WRAP", "")
    return Sharding(
        reshard=reshard not in ("false", "shard_grad_op"),
        blocks=tuple(name.strip() for name in named.split(",") if name.strip()),
    )


def shard(tuned: nn.Module, sharding: Sharding, recipe: Recipe) -> None:
    """Keep only this process's shard of each weight of `tuned`; gradients are summed over processes, not averaged.

    Raises:
        UserError: the model cannot be sharded, or the recipe cannot train sharded weights.
    """
    if recipe.optimiser == "adafactor":
        # torch 2.13 does not support its norms over rows and columns of sharded weights.
        raise UserError(
            f"the recipe {recipe.name!r}: torch's Adafactor cannot train weights sharded by FSDP; "
            "set optimiser: adamw, or use MULTI_GPU"
        )
    from torch.distributed import get_world_size
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    if packed(tuned):
        raise UserError("four-bit weights cannot be sharded by FSDP; use MULTI_GPU, or precision: bfloat16")
    config: Any = getattr(tuned, "active_peft_config", None)
    if config is not None and config.is_prompt_learning:
        raise UserError("a soft prompt cannot be trained under FSDP; it is small, so use MULTI_GPU instead")
    first = next(tuned.parameters())
    mesh = init_device_mesh(first.device.type, (get_world_size(),))
    # Sums of bfloat16 gradients over many processes would round small gradients away.
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32 if first.dtype != torch.float32 else None)
    options: dict[str, Any] = {"mesh": mesh, "mp_policy": policy, "reshard_after_forward": sharding.reshard}
    for block in _blocks(tuned, sharding.blocks):
        fully_shard(block, **options)
    fully_shard(tuned, **options)
    for module in tuned.modules():
        if isinstance(module, FSDPModule):
            _sum_instead_of_mean(module)


def make_whole(tuned: nn.Module, *, keep: bool) -> None:
    """Replace the sharded trainable weights by full copies on the CPU, so that they can be saved.

    All processes take part; those without `keep` end with empty weights. The model cannot run any more; its frozen
    weights stay sharded.
    """
    copies: dict[int, nn.Parameter] = {}  # tied weights stay tied
    for module in tuned.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.requires_grad and is_sharded(parameter):
                if id(parameter) not in copies:
                    full = whole(parameter.detach())
                    copies[id(parameter)] = nn.Parameter((full if keep else full[:0]).to("cpu", copy=True))
                module._parameters[name] = copies[id(parameter)]


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this process has only a shard of a tensor."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return the full tensor; all processes take part where it is sharded."""
    sharded: Any = tensor
    full: torch.Tensor = sharded.full_tensor() if is_sharded(tensor) else tensor
    return full


def like(tensor: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """Return a full tensor sharded as `model` is; itself where `model` is not sharded or has another shape."""
    if not is_sharded(model) or tensor.shape != model.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    template: Any = model
    # Every process has read the same full tensor, so nothing need be sent.
    sharded: torch.Tensor = distribute_tensor(
        tensor.to(model.device), template.device_mesh, template.placements, src_data_rank=None
    )
    return sharded


def _blocks(tuned: nn.Module, named: tuple[str, ...]) -> list[nn.Module]:
    wrapped: Any = tuned
    inner: Any = wrapped.get_base_model() if hasattr(wrapped, "get_base_model") else wrapped
    names = set(named) or set(getattr(inner, "_no_split_modules", None) or ())
    found = [module for module in tuned.modules() if type(module).__name__ in names]
    if not found:
        listed = ", ".join(sorted(names))
        raise UserError(
            f"FSDP: the model {f'has no blocks of class {listed}' if listed else 'does not name its blocks'}; "
            "set fsdp_transformer_layer_cls_to_wrap in accelerate's configuration to their class"
        )
    return found


def _sum_instead_of_mean(module: FSDPModule) -> None:
    # The loss is already divided by the whole batch's target tokens.
    module.set_gradient_divide_factor(1.0)
    module.set_force_sum_reduction_for_comms(True)
