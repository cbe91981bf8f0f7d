"""What a task split is: seen, unseen and excluded tasks, and the request that it answers."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Collection as Names
from dataclasses import dataclass

from tuition.base.errors import UserError, clip
from tuition.tasks.collection import Collection, TaskSplit


@dataclass(frozen=True, slots=True)
class Excluded:
    """A task that is neither trained on nor held out, and why."""

    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class TasksDivided:
    """The tasks of a collection in three sets, each in the collection's order; every task stands in just one.

    `by` is how it can be asked for again, with `seed` where something was drawn. `notes` tell what the request did not
    get, or what is odd about the result.
    """

    by: str
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a task that occurs twice.

        Raises:
            ValueError: a task is in two sets, or twice in one.
        """
        names = (*self.seen, *self.unseen, *(one.task for one in self.excluded))
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"the split {self.by!r} has tasks in more than one place: {', '.join(twice[:3])}")

    @property
    def task_split(self) -> TaskSplit:
        """The two lists alone, as collections ship them."""
        return TaskSplit(train=self.seen, test=self.unseen)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a kind of split: the value behind its name (empty if none stands there), and the seed."""

    value: str
    seed: int


@dataclass(frozen=True, slots=True)
class SplitKind:
    """A kind of task split.

    `expects` shows how it is written. `folds` holds out one thing after another until all were; None where there is no
    such list of things.
    """

    name: str
    expects: str
    divide: Callable[[Collection, Request], TasksDivided]
    folds: Callable[[Collection], tuple[TasksDivided, ...]] | None = None


def divided(
    collection: Collection,
    by: str,
    *,
    unseen: Names[str],
    excluded: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    seed: int | None = None,
) -> TasksDivided:
    """Return the split with those tasks unseen, those excluded (with their reasons), and all others seen."""
    reasons = excluded or {}
    seen = tuple(name for name in collection.names if name not in unseen and name not in reasons)
    told = list(notes)
    if not seen:
        told.append("no task is left to train on")
    if not unseen:
        told.append("no task is held out")
    return TasksDivided(
        by,
        seen,
        tuple(name for name in collection.names if name in unseen),
        tuple(Excluded(name, reasons[name]) for name in collection.names if name in reasons and name not in unseen),
        tuple(told),
        seed,
    )


def name_key(text: str) -> str:
    """Return a name as it is compared: letters and digits only, folded, so that `disfl_qa` is `disflqa`.

    A name of signs alone is compared as it stands.
    """
    folded = text.casefold()
    return "".join(sign for sign in folded if sign.isalnum()) or folded.strip()


def meant(asked: str, known: Iterable[str], what: str, collection: Collection) -> str:
    """Return the one of `known` names that is meant: the same, or the same by `name_key`.

    Raises:
        UserError: none or several are meant; the nearest are named.
    """
    names = list(dict.fromkeys(known))
    if asked in names:
        return asked
    same = [name for name in names if name_key(name) == name_key(asked)]
    if len(same) == 1:
        return same[0]
    if same:
        raise UserError(f"{collection.path}: {clip(asked)!r} may mean {', '.join(same)}; write one of them exactly")
    if not names:
        raise UserError(f"{collection.path}: its tasks name no {what}, so none can be held out")
    near = difflib.get_close_matches(asked[:200].casefold(), [name.casefold() for name in names], n=3, cutoff=0.4)
    shown = [name for name in names if name.casefold() in near] or names[:5]
    hint = "nearest" if near else f"it has {len(names)}, such as"
    raise UserError(f"{collection.path}: no {what} is named {clip(asked)!r}; {hint}: {', '.join(map(clip, shown))}")
