"""Sharded weights (FSDP): each process keeps a part of every weight, its gradient and its moments (torch's FSDP2)."""

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
_NOT_DONE = {
    "FSDP_OFFLOAD_PARAMS": "leave weights on the GPUs, and use more of them, or LoRA",
    "FSDP_ACTIVATION_CHECKPOINTING": "say gradient_checkpointing: true in the recipe",
    "FSDP_ACTIVATION_CHECKPOINTING_OFFLOAD": "say gradient_checkpointing: true in the recipe",
    "FSDP_IGNORED_MODULES": "all weights are divided",
}


@dataclass(frozen=True, slots=True)
class Sharding:
    """How weights are divided, as accelerate's FSDP settings say it.

    `reshard` lets go of a block's whole weights between its forward and its backward pass; `blocks` are the classes of
    the blocks, the model's own where empty.
    """

    reshard: bool = True
    blocks: tuple[str, ...] = ()


def read_sharding(environment: Mapping[str, str]) -> Sharding | None:
    """Return what accelerate's environment variables ask for; None where they ask for no FSDP.

    Raises:
        UserError: they ask for what is not done here.
    """
    if environment.get("ACCELERATE_USE_FSDP", "false").lower() not in ("true", "1"):
        return None
    if environment.get("FSDP_VERSION", "2") != "2":
        raise UserError("accelerate's configuration says fsdp_version: 1, the launcher's default; say fsdp_version: 2")
    if environment.get("FSDP_AUTO_WRAP_POLICY", _BY_BLOCKS) != _BY_BLOCKS:
        raise UserError(f"accelerate's configuration: weights are divided by blocks alone, {_BY_BLOCKS}; say so")
    for name, instead in _NOT_DONE.items():
        if environment.get(name, "false").lower() not in ("false", "none", ""):
            raise UserError(f"accelerate's configuration says {name.lower()}, which is not done here; {instead}")
    reshard = environment.get("FSDP_RESHARD_AFTER_FORWARD", "true").lower()
    named = environment.get("FSDP_TRANSFORMER_CLS_TO_WRAP", "")
    return Sharding(
        reshard=reshard not in ("false", "shard_grad_op"),
        blocks=tuple(name.strip() for name in named.split(",") if name.strip()),
    )


def shard(tuned: nn.Module, sharding: Sharding, recipe: Recipe) -> None:
    """Leave of each weight of `tuned` only this process's part; gradients are summed over processes, not averaged.

    Raises:
        UserError: the model cannot be divided, or the recipe cannot learn divided weights.
    """
    if recipe.optimiser == "adafactor":
        # torch 2.13: its norms over rows and columns of divided weights are not supported.
        raise UserError(
            f"the recipe {recipe.name!r}: torch's Adafactor cannot learn weights divided by FSDP; "
            "say optimiser: adamw, or use MULTI_GPU"
        )
    from torch.distributed import get_world_size
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    if packed(tuned):
        raise UserError("weights in four bits are not divided by FSDP; use MULTI_GPU, or precision: bfloat16")
    config: Any = getattr(tuned, "active_peft_config", None)
    if config is not None and config.is_prompt_learning:
        raise UserError("a soft prompt cannot be learnt under FSDP; it is small, so use MULTI_GPU instead")
    first = next(tuned.parameters())
    mesh = init_device_mesh(first.device.type, (get_world_size(),))
    # Sums of bfloat16 gradients over many processes would lose what each adds.
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32 if first.dtype != torch.float32 else None)
    options: dict[str, Any] = {"mesh": mesh, "mp_policy": policy, "reshard_after_forward": sharding.reshard}
    for block in _blocks(tuned, sharding.blocks):
        fully_shard(block, **options)
    fully_shard(tuned, **options)
    for module in tuned.modules():
        if isinstance(module, FSDPModule):
            _sum_instead_of_mean(module)


def make_whole(tuned: nn.Module, *, keep: bool) -> None:
    """Put whole copies, on the CPU, in the places of the trainable weights, so that they can be saved.

    All processes take part, and those that `keep` nothing end with empty weights. The model cannot run any more; its
    frozen weights stay divided.
    """
    made: dict[int, nn.Parameter] = {}  # weights that stand in several places stay one
    for module in tuned.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.requires_grad and is_sharded(parameter):
                if id(parameter) not in made:
                    full = whole(parameter.detach())
                    made[id(parameter)] = nn.Parameter((full if keep else full[:0]).to("cpu", copy=True))
                module._parameters[name] = made[id(parameter)]


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether this process holds only a part of a tensor."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor with all its parts; all processes take part where it is divided."""
    divided: Any = tensor
    full: torch.Tensor = divided.full_tensor() if is_sharded(tensor) else tensor
    return full


def like(tensor: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """Return a whole tensor divided as `model` is; itself where that is not divided or has another shape."""
    if not is_sharded(model) or tensor.shape != model.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    divided: Any = model
    # Every process has read the same whole, so that nothing need be sent.
    made: torch.Tensor = distribute_tensor(
        tensor.to(model.device), divided.device_mesh, divided.placements, src_data_rank=None
    )
    return made


def _blocks(tuned: nn.Module, named: tuple[str, ...]) -> list[nn.Module]:
    around: Any = tuned
    inner: Any = around.get_base_model() if hasattr(around, "get_base_model") else around
    names = set(named) or set(getattr(inner, "_no_split_modules", None) or ())
    found = [module for module in tuned.modules() if type(module).__name__ in names]
    if not found:
        raise UserError(
            f"FSDP: the model has no blocks named {', '.join(sorted(names)) or 'by itself'}; "
            "name their class by fsdp_transformer_layer_cls_to_wrap in accelerate's configuration"
        )
    return found


def _sum_instead_of_mean(module: FSDPModule) -> None:
    # The loss is divided by the whole batch's target tokens already.
    module.set_gradient_divide_factor(1.0)
    module.set_force_sum_reduction_for_comms(True)
