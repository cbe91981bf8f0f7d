"""The data types of task splits: seen, unseen and excluded tasks, and the request for a split."""

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
    """The tasks of a collection in three disjoint sets, each in the collection's order.

    `by` is the request that gives this split again, with `seed` if it is random. `notes` report what could not be done
    as requested, or what is unusual about the result.
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
        if repeated := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"the split {self.by!r} has tasks more than once: {', '.join(repeated[:3])}")

    @property
    def task_split(self) -> TaskSplit:
        """The seen and unseen tasks, in the form that collections ship."""
        return TaskSplit(train=self.seen, test=self.unseen)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a kind of split: the value after its name (empty if there is none), and the seed."""

    value: str
    seed: int


@dataclass(frozen=True, slots=True)
class SplitKind:
    """A kind of task split.

    `expects` shows the syntax of a request. `folds` returns one split for each thing that can be held out; None if the
    kind has no folds.
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
    """Return the split with these tasks unseen, these excluded (with their reasons), and all others seen."""
    reasons = excluded or {}
    seen = tuple(name for name in collection.names if name not in unseen and name not in reasons)
    all_notes = list(notes)
    if not seen:
        all_notes.append("no task is left to train on")
    if not unseen:
        all_notes.append("no task is held out")
    return TasksDivided(
        by,
        seen,
        tuple(name for name in collection.names if name in unseen),
        tuple(Excluded(name, reasons[name]) for name in collection.names if name in reasons and name not in unseen),
        tuple(all_notes),
        seed,
    )


def name_key(text: str) -> str:
    """Normalise a name for comparison: letters and digits only, case folded, so that `disfl_qa` is `disflqa`.

    A name without letters and digits is only case folded.
    """
    folded = text.casefold()
    return "".join(character for character in folded if character.isalnum()) or folded.strip()


def find_name(requested: str, known: Iterable[str], what: str, collection: Collection) -> str:
    """Return the known name that equals the requested one, exactly or by `name_key`.

    Raises:
        UserError: no name or several names match; the message has the nearest.
    """
    names = list(dict.fromkeys(known))
    if requested in names:
        return requested
    same = [name for name in names if name_key(name) == name_key(requested)]
    if len(same) == 1:
        return same[0]
    if same:
        raise UserError(f"{collection.path}: {clip(requested)!r} may mean {', '.join(same)}; write one of them exactly")
    if not names:
        raise UserError(f"{collection.path}: its tasks name no {what}, so none can be held out")
    near = difflib.get_close_matches(requested[:200].casefold(), [name.casefold() for name in names], n=3, cutoff=0.4)
    shown = [name for name in names if name.casefold() in near] or names[:5]
    hint = "nearest" if near else f"it has {len(names)}, such as"
    raise UserError(f"{collection.path}: no {what} is named {clip(requested)!r}; {hint}: {', '.join(map(clip, shown))}")
