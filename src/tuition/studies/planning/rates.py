"""Rates that were measured on this machine, kept in the user's cache by machine, model and versions."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tuition.base.cache import cache_root
from tuition.base.files import write_atomically
from tuition.base.fingerprints import fingerprint

if TYPE_CHECKING:
    from tuition.models.load import LoadedModel


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens a second of one model on one machine.

    `training` counts the tokens that go through the model, forward and backward, to train an adapter (a shared prefix
    once a batch); `reading` those of prompts; `decoding` those of answers, a batch of rows together. `measured` is the
    day (ISO 8601, UTC).
    """

    training: float
    reading: float
    decoding: float
    measured: str


def today() -> str:
    """Return the day as rates name it."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def rates_key(loaded: LoadedModel) -> dict[str, Any]:
    """Return what rates depend on: the machine, the model's shape and precision, the versions of what computes."""
    import torch

    from tuition.models.machine import device_name, versions

    config = loaded.model.config.get_text_config()
    shape = {name: getattr(config, name, None) for name in ("model_type", "hidden_size", "num_hidden_layers")}
    known = versions()
    return {
        "device": device_name(loaded.device),
        "threads": torch.get_num_threads() if loaded.device.type == "cpu" else None,
        **shape,
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "precision": str(next(loaded.model.parameters()).dtype),
        "versions": {name: known[name] for name in ("tuition", "torch", "transformers") if name in known},
    }


def keep_rates(loaded: LoadedModel, rates: Rates) -> Path | None:
    """Keep measured rates in the cache; return the file, or None where the cache cannot be written."""
    key = rates_key(loaded)
    file = _file(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, orjson.dumps({"key": key, "rates": asdict(rates)}, option=orjson.OPT_INDENT_2))
    except OSError:
        return None
    return file


def kept_rates(loaded: LoadedModel) -> Rates | None:
    """Return the rates that were measured of such a model on this machine; None where there are none to be read."""
    try:
        rates = Rates(**orjson.loads(_file(rates_key(loaded)).read_bytes())["rates"])
        sound = min(rates.training, rates.reading, rates.decoding) > 0
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return rates if sound else None


def _file(key: dict[str, Any]) -> Path:
    return cache_root() / "rates" / f"{fingerprint(key)}.json"
