"""Resolve abbreviated names: a full name, or a prefix that only one name has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from tuition.base.errors import UserError, clip

_LISTED = 10
_COMPARED = 180


def full_name(name: str, names: Iterable[str], kind: str, where: str = "") -> str:
    """Return the name that `name` abbreviates: the same name, one whose first word it is, or a unique prefix's.

    `task39` is `task39_sum` even if there is a `task391_difference`, since it is the whole first word.

    Args:
        name: the typed name.
        names: all known names.
        kind: what the names are of, for messages: `"task"`, `"arm"`.
        where: their path, for messages.

    Raises:
        UserError: no name, or several names, begin with it.
    """
    known = list(dict.fromkeys(names))
    if name in known:
        return name
    prefix = f"{where}: " if where else ""
    for stem in (f"{name}_", name):
        found = [other for other in known if name and other.startswith(stem)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{prefix}{clip(name, 80)!r} begins {len(found)} {kind} names ({_listed(found, 5)}); write more of it"
            )
    near = difflib.get_close_matches(name[:_COMPARED], known, n=3, cutoff=0.4)
    if near:
        hint = f"nearest: {', '.join(clip(other, 80) for other in near)}"
    else:
        few = len(known) <= _LISTED
        hint = f"there are {_listed(known, _LISTED)}" if few else f"it has {len(known)}, such as {_listed(known, 2)}"
    raise UserError(f"{prefix}no {kind} is named {clip(name, 80)!r}; {hint}")


def _listed(names: Sequence[str], most: int) -> str:
    shown = ", ".join(clip(other, 80) for other in names[:most]) or "none"
    return f"{shown}, …" if len(names) > most else shown
