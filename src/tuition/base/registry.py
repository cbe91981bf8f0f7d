"""The one registry: named things of a kind, found by name and loaded when first asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from tuition.base.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named objects of one kind (readers, encodings, metrics, tuners, engines).

    An entry is the object itself, or `"package.module:attribute"`, which is imported when it is first asked for, so
    that listing names stays cheap.
    """

    def __init__(self, kind: str) -> None:
        """`kind` is the noun used in messages, such as `"encoding"`."""
        self.kind = kind
        self._entries: dict[str, T | str] = {}

    def add(self, name: str, entry: T | str) -> None:
        """Register `entry` under `name`.

        Raises:
            ValueError: the name is taken by another entry.
        """
        if name in self._entries and self._entries[name] != entry:
            raise ValueError(f"two {self.kind}s are named {name!r}: {self._entries[name]!r} and {entry!r}")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            UserError: there is none; the message names the nearest and all that exist.
        """
        if name not in self._entries:
            raise UserError(self._unknown(name))
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = cast("T", getattr(importlib.import_module(module), attribute))
            self._entries[name] = entry
        return entry

    def __contains__(self, name: object) -> bool:
        """Whether an entry of that name exists."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in the order of registration."""
        return iter(self._entries)

    def __len__(self) -> int:
        """The number of names."""
        return len(self._entries)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"there is no {self.kind} named {name!r}{hint} Available: {', '.join(self._entries) or 'none'}."
