"""The registry of named objects of a kind, found by name and imported on first use."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from tuition.base.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named objects of one kind (readers, encodings, metrics, tuners, engines).

    An entry is the object, or `"package.module:attribute"`, which is imported on first use, so that listing names is
    cheap. Installed packages add entries through an entry point group.
    """

    def __init__(self, kind: str, plugins: str = "") -> None:
        """Create an empty registry.

        Args:
            kind: the noun used in messages, such as `"encoding"`.
            plugins: the entry point group through which installed packages add entries, such as `"tuition.metrics"`.
        """
        self.kind = kind
        self._plugins = plugins
        self._entries: dict[str, T | str] = {}
        self._packages: dict[str, str] = {}
        """The package of each entry that a plugin added."""

    def add(self, name: str, entry: T | str) -> None:
        """Register `entry` under `name`.

        Raises:
            ValueError: the name is taken by another entry.
        """
        if name in self._entries and self._entries[name] != entry:
            raise ValueError(f"two {self.kind}s are named {name!r}: {self._entries[name]!r} and {entry!r}")
        self._entries[name] = entry

    def remove(self, name: str) -> None:
        """Remove the entry named `name`, if there is one."""
        self._entries.pop(name, None)

    def is_built_in(self, name: str) -> bool:
        """Whether `name` is an entry of Tuition's own, and not of an installed package."""
        return name in self._entries and name not in self._packages

    def __getitem__(self, name: str) -> T:
        """Return the entry named `name`.

        Raises:
            UserError: there is none (the message names the nearest and all entries), or the package that adds it cannot
                be imported.
        """
        if name not in self._entries:
            self._load_plugins()
        if name not in self._entries:
            raise UserError(self._unknown(name))
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._entries[name] = self._imported(name, entry)
        return entry

    def __contains__(self, name: object) -> bool:
        """Whether an entry with that name exists."""
        if name not in self._entries:
            self._load_plugins()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the names: Tuition's own in the order of registration, then those of installed packages."""
        self._load_plugins()
        return iter(self._entries)

    def __len__(self) -> int:
        """The number of names."""
        self._load_plugins()
        return len(self._entries)

    def _load_plugins(self) -> None:
        """Add the entries of installed packages, once; Tuition's own are never replaced."""
        group, self._plugins = self._plugins, ""
        if not group:
            return
        for point in importlib.metadata.entry_points(group=group):
            package = point.dist.name if point.dist else point.value
            if point.name in self._entries:
                earlier = self._packages.get(point.name, "tuition itself")
                raise UserError(
                    f"the package {package!r} adds a {self.kind} named {point.name!r}, and so does {earlier}; "
                    "uninstall one of them"
                )
            self._entries[point.name] = point.value
            self._packages[point.name] = package

    def _imported(self, name: str, entry: str) -> T:
        module, _, attribute = entry.partition(":")
        try:
            return cast("T", getattr(importlib.import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            if name not in self._packages:
                raise
            raise UserError(
                f"the {self.kind} {name!r} of the package {self._packages[name]!r} cannot be loaded ({error}); "
                "upgrade that package, or uninstall it"
            ) from error

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"there is no {self.kind} named {name!r}{hint} Available: {', '.join(self._entries) or 'none'}."
