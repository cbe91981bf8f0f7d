"""The user's cache of fetched models; a model in it is always complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from tuition.base.cache import cache_root
from tuition.base.errors import UserError

_CARD = "tuition.json"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in the cache: its alias, folder, size on disk in bytes, source, and the source's checksum."""

    alias: str
    path: Path
    size: int
    source: str
    sha256: str
    licence: str


def model_folder(alias: str) -> Path:
    """Return the folder for the model of that alias, cached or not."""
    return cache_root() / "models" / alias


def write_card(folder: Path, *, source: str, sha256: str, licence: str) -> None:
    """Record in `folder` the source of a cached model."""
    card = {"source": source, "sha256": sha256, "licence": licence}
    (folder / _CARD).write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2))


def cached_models() -> list[CachedModel]:
    """Return the models in the cache, by alias.

    Raises:
        UserError: a cached folder's card cannot be read.
    """
    root = cache_root() / "models"
    found = []
    for card in sorted(root.glob(f"*/{_CARD}")):
        try:
            facts = orjson.loads(card.read_bytes())
            size = sum(file.stat().st_size for file in card.parent.rglob("*") if file.is_file())
            found.append(
                CachedModel(card.parent.name, card.parent, size, facts["source"], facts["sha256"], facts["licence"])
            )
        except (OSError, orjson.JSONDecodeError, KeyError) as error:
            raise UserError(
                f"{card}: cannot be read ({error}); remove the folder {card.parent} and fetch it again"
            ) from error
    return found
