"""Which row is in which slot: lanes take the rows of one prefix and adapter, and free slots the rows that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Key = tuple[int | None, tuple[int, ...]]
"""An adapter's slot and the prefix of the rows that it answers."""


@dataclass(eq=False, slots=True)
class Row:
    """One prompt of one request on its way: `answer` grows by a token a step, written at `column` of its slot."""

    request: int
    position: int
    body: tuple[int, ...]
    key: Key
    new_tokens: int
    answer: list[int] = field(default_factory=list)
    column: int = 0

    @property
    def needs(self) -> int:
        """How many columns its body and its answer may take."""
        return len(self.body) + self.new_tokens


class Waiting:
    """The rows that wait, key by key: those of one prefix and adapter follow one another, the longest first."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Rows keep the order of their keys' first rows, so that a request that comes first is finished first."""
        groups: dict[Key, list[Row]] = {}
        for row in rows:
            groups.setdefault(row.key, []).append(row)
        self.groups = {
            key: deque(sorted(own, key=lambda row: len(row.body), reverse=True)) for key, own in groups.items()
        }

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def rows(self) -> list[Row]:
        """Return all that wait."""
        return [row for own in self.groups.values() for row in own]

    def take(self, key: Key) -> Row | None:
        """Return the next row with that key, which no longer waits; None where there is none."""
        own = self.groups.get(key)
        if not own:
            return None
        row = own.popleft()
        if not own:
            del self.groups[key]
        return row

    def drop(self, request: int) -> None:
        """Remove the rows of a request."""
        for key in list(self.groups):
            kept = deque(row for row in self.groups[key] if row.request != request)
            if kept:
                self.groups[key] = kept
            else:
                del self.groups[key]


class LanePlan:
    """L lanes of R slots and the rows in them."""

    def __init__(self, lanes: int, slots: int) -> None:
        """All lanes are free."""
        self.lanes, self.slots = lanes, slots
        self.keys: list[Key | None] = [None] * lanes
        self.rows: list[Row | None] = [None] * (lanes * slots)

    def alive(self) -> list[int]:
        """Return the slots that have a row."""
        return [slot for slot, row in enumerate(self.rows) if row is not None]

    def in_lane(self, lane: int) -> range:
        """Return a lane's slots."""
        return range(lane * self.slots, (lane + 1) * self.slots)

    def count(self, lane: int) -> int:
        """Return how many of a lane's slots have a row."""
        return sum(self.rows[slot] is not None for slot in self.in_lane(lane))

    def release(self, slot: int) -> None:
        """Free a slot; its lane keeps its prefix until the lane is given to another."""
        self.rows[slot] = None

    def admit(self, waiting: Waiting) -> tuple[list[int], list[tuple[int, int]]]:
        """Fill free slots.

        Returns:
            The slots with a new row, and the lanes with a new prefix, each with another lane that already has the same
            prefix, or with itself where none has.
        """
        filled: list[int] = []
        new: list[tuple[int, int]] = []
        for lane, key in enumerate(self.keys):
            if key is not None:
                filled += self._fill(lane, key, waiting)
        for lane in range(self.lanes):
            if not waiting.groups:
                break
            if self.count(lane):
                continue
            key = next(iter(waiting.groups))
            source = next((other for other, own in enumerate(self.keys) if own == key), lane)
            self.keys[lane] = key
            new.append((lane, source))
            filled += self._fill(lane, key, waiting)
        return filled, new

    def _fill(self, lane: int, key: Key, waiting: Waiting) -> list[int]:
        filled = []
        for slot in self.in_lane(lane):
            if self.rows[slot] is None:
                row = waiting.take(key)
                if row is None:
                    break
                self.rows[slot] = row
                filled.append(slot)
        return filled

    def merge(self) -> tuple[list[int], list[int]]:
        """Put the rows of half-empty lanes of one key together; return which slots move, and to where."""
        sources: list[int] = []
        targets: list[int] = []
        by_key: dict[Key, list[int]] = {}
        for lane, key in enumerate(self.keys):
            if key is not None and self.count(lane):
                by_key.setdefault(key, []).append(lane)
        for own in by_key.values():
            own.sort(key=self.count)
            while len(own) > 1 and self.count(own[0]) + self.count(own[-1]) <= self.slots:
                taken = own.pop(0)
                free = iter([slot for slot in self.in_lane(own[-1]) if self.rows[slot] is None])
                for slot in self.in_lane(taken):
                    if self.rows[slot] is not None:
                        sources.append(slot)
                        targets.append(next(free))
                        self.rows[targets[-1]], self.rows[slot] = self.rows[slot], None
                own.sort(key=self.count)
        return sources, targets

    def smaller(self) -> tuple[list[int], list[int]]:
        """Return the lanes with rows, and lane by lane as many slots as the fullest has rows, those first."""
        lanes = [lane for lane in range(self.lanes) if self.count(lane)]
        slots = max((self.count(lane) for lane in lanes), default=0)
        chosen = []
        for lane in lanes:
            chosen += sorted(self.in_lane(lane), key=lambda slot: self.rows[slot] is None)[:slots]
        return lanes, chosen

    def keep(self, lanes: Sequence[int], slots: Sequence[int]) -> None:
        """Keep only these lanes and slots, in this order."""
        self.keys = [self.keys[lane] for lane in lanes]
        self.rows = [self.rows[slot] for slot in slots]
        self.lanes, self.slots = len(lanes), len(slots) // len(lanes)


def slots_a_lane(groups: Sequence[int], most: int) -> int:
    """Return how many slots a lane should have for groups of so many rows, at most `most`.

    Wide lanes store a prefix once for more rows, so the widest are taken of which at most a tenth of the slots stay
    empty. A group of more rows than there are slots leaves none empty, until its end.
    """
    if not groups:
        return 1
    rows = sum(groups)
    sizes = [1 << power for power in range(most.bit_length()) if 1 << power <= most]
    empty = {size: sum(-own % size for own in groups if own < most) for size in {*sizes, min(most, max(groups))}}
    fitting = [size for size, free in empty.items() if free <= rows / 10]
    return max(fitting)
