"""Which models and tuners can be trained or answer as a bank of adapters; the others run one after another."""

from __future__ import annotations

from typing import Any

from torch import nn

from tuition.models.tuners import Tuner
from tuition.models.tuners.adapter import packed
from tuition.models.tuners.ia3 import IA3
from tuition.models.tuners.lora import LoRA
from tuition.models.tuners.prompt import PromptTuning

_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


def why_not(model: nn.Module, tuner: Tuner) -> str:
    """Return why adapters of this kind cannot be stacked on this model; nothing where they can."""
    if type(tuner) not in (LoRA, IA3, PromptTuning):
        return f"only LoRA, IA³ and soft prompts can be stacked, not {type(tuner).__name__}"
    if packed(model) or getattr(model, "is_quantized", False):
        return "its weights are quantised"
    config: Any = getattr(model, "config", None)
    text: Any = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in _EXPERTS:
        if (getattr(text, name, None) or 0) > 1:
            return f"it routes tokens to experts ({name}: {getattr(text, name)}), which mixes the rows of adapters"
    return ""


def drops_at_random(model: nn.Module) -> str:
    """Return the setting by which a model drops activations at random while it learns; nothing without one."""
    config: Any = getattr(model, "config", None)
    settings: dict[str, Any] = config.to_dict() if hasattr(config, "to_dict") else {}
    for name, value in settings.items():
        kind = ("drop" in name) and not name.startswith(("classifier", "summary"))
        if kind and isinstance(value, float) and value > 0:
            return f"{name}: {value:g}"
    for path, module in model.named_modules():
        if isinstance(module, nn.Dropout) and module.p > 0:
            return f"{path}: {module.p:g}"
    return ""
