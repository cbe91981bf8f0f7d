"""Checks that a model's configuration is plausible, before a library builds the model from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError, clip

_LAYERS = re.compile(r"(^|_)(n_?layers?|num_layers|num_hidden_layers|(en|de)coder_layers)$|num_(en|de)coder_layers$")
_MOST_LAYERS = 10_000
_MOST = 1 << 40
"""No size of a model is larger; a list or tensor of this length would fill any memory."""

_SIZES = re.compile(r"(size|dim|d_model|d_ff|d_kv|heads?|layers?|positions|n_embd|n_ctx|experts?|buckets)$")


def require_readable_config(folder: Path) -> None:
    """Check that a local model's configuration is a JSON object, of a known architecture, with sizes that are numbers.

    Raises:
        UserError: it is not; or the model comes with code of its own, which is never run.
    """
    file = folder / "config.json"
    if not file.is_file():
        return  # a model of the hub that is not downloaded yet
    with library_errors(f"{file}: is not valid JSON"):
        config = orjson.loads(file.read_bytes())
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str):
        found = "has no model_type" if kind is None else f"model_type is {clip(repr(kind), 40)}"
        raise UserError(f"{file}: {found}; it names the architecture, such as llama")
    wrong = [name for name, value in config.items() if _SIZES.search(name) and isinstance(value, (str, dict))]
    if wrong:
        values = ", ".join(f"{name} is {clip(repr(config[name]), 40)}" for name in wrong)
        raise UserError(f"{file}: {values}; sizes are whole numbers")
    from transformers import CONFIG_MAPPING

    if kind not in CONFIG_MAPPING:
        code = "comes with code of its own, which is never run" if config.get("auto_map") else "is not known"
        raise UserError(
            f"{file}: the architecture {clip(kind, 60)!r} {code}; give a model that the installed transformers supports"
        )


def require_plausible_sizes(config: Any, folder: Path) -> None:
    """Refuse a configuration with impossible sizes: building it would fill the memory or never end.

    Args:
        config: the configuration.
        folder: the model's folder; where it contains the weights, each layer must have at least one tensor.

    Raises:
        UserError: a size is not plausible.
    """
    tensors = _count_tensors(folder)
    for name, value in _settings(config).items():
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        if _LAYERS.search(name) and value > min(_MOST_LAYERS, tensors or _MOST_LAYERS):
            held = f"its weights have {tensors:,} tensors" if tensors else f"a model has at most {_MOST_LAYERS:,}"
            raise UserError(f"config.json: {name} is {value:,}, and {held}; correct the configuration")
        if _SIZES.search(name) and abs(value) > _MOST:
            raise UserError(f"config.json: {name} is {clip(str(value), 30)}; no model is so large")


def _settings(config: Any) -> dict[str, Any]:
    settings = dict(vars(config))
    text = config.get_text_config()
    return settings if text is config else {**settings, **vars(text)}


def _count_tensors(folder: Path) -> int:
    """Return how many tensors the weights in a folder have; 0 where there are none that can be read."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, framework="numpy") as weights:
                total += len(weights.keys())
        except (OSError, SafetensorError):
            return 0  # reported when the weights are loaded
    return total
