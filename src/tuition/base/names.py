"""Names as people type them: in full, or as a prefix that only one name has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from tuition.base.errors import UserError, clip

_LISTED = 10
_COMPARED = 180


def full_name(name: str, names: Iterable[str], kind: str, where: str = "") -> str:
    """Return the name that is meant: itself, the one whose first word it is, or the only one that begins with it.

    `task39` means `task39_sum` even beside `task391_difference`, since it is a whole first word.

    Args:
        name: what was typed.
        names: all names there are.
        kind: what they are names of, for messages: `"task"`, `"arm"`.
        where: where they are, for messages: a path.

    Raises:
        UserError: no name, or several, begin so.
    """
    known = list(dict.fromkeys(names))
    if name in known:
        return name
    place = f"{where}: " if where else ""
    for stem in (f"{name}_", name):
        found = [other for other in known if name and other.startswith(stem)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{place}{clip(name, 80)!r} begins {len(found)} {kind} names ({_listed(found, 5)}); write more of it"
            )
    near = difflib.get_close_matches(name[:_COMPARED], known, n=3, cutoff=0.4)
    if near:
        hint = f"nearest: {', '.join(clip(other, 80) for other in near)}"
    else:
        few = len(known) <= _LISTED
        hint = f"there are {_listed(known, _LISTED)}" if few else f"it has {len(known)}, such as {_listed(known, 2)}"
    raise UserError(f"{place}no {kind} is named {clip(name, 80)!r}; {hint}")


def _listed(names: Sequence[str], most: int) -> str:
    shown = ", ".join(clip(other, 80) for other in names[:most]) or "none"
    return f"{shown}, …" if len(names) > most else shown
